# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How sure a mean over clips is, when the clips belong to few persons."""
import math

import numpy as np


def clustered_standard_error(values: np.ndarray, groups: np.ndarray) -> float:
    """Standard error of a mean over clips that come in groups.

    The clips of a person are not independent of each other; the persons are.
    Ratio estimator of cluster sampling (Cochran, Sampling Techniques, 1977).

    Args:
        values (np.ndarray): (N, ), one value per clip.
        groups (np.ndarray): (N, ), the person of each clip.

    Returns:
        float: The standard error; NaN for a single group.
    """
    values = np.asarray(values, dtype=np.float64)
    group = np.unique(groups, return_inverse=True)[1]
    surplus = np.bincount(group, values - values.mean())
    count = len(surplus)
    if count < 2:
        return math.nan
    return math.sqrt((surplus**2).sum() * count / (count - 1)) / len(values)
