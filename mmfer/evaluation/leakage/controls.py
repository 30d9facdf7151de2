# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Codes whose leakage is known, to read the others by."""
from typing import Dict, Optional, Tuple

import numpy as np

from .data import LeakageData


def control_features(data: LeakageData,
                     fit: Optional[LeakageData] = None,
                     seed: int = 0
                     ) -> Dict[str, Tuple[LeakageData, Optional[LeakageData]]]:
    """Make the controls of a set of clips.

    Two more controls are feature sets like any other: those of an encoder
    that was trained for expressions alone, and of one that reads pictures.

    Args:
        data (LeakageData): The clips.
        fit (LeakageData, optional): Clips of other persons, on which the
            attacks are fitted. Defaults to None.
        seed (int): Of the noise. Defaults to 0.

    Returns:
        dict[str, tuple]: The two arguments with other codes: 'identity', the
        face embeddings themselves (ceiling; only where there are any);
        'noise', Gaussian codes of the same size (floor); 'expression', the
        label as one-hot code (what the expression alone gives away, which is
        more than chance where persons show different expressions).
    """
    generator = np.random.default_rng(seed)
    classes = np.unique(
        data.labels if fit is None else np.concatenate(
            [data.labels, fit.labels]))

    def both(make) -> Tuple[LeakageData, Optional[LeakageData]]:
        return data.with_features(make(data)), None if fit is None else \
            fit.with_features(make(fit))

    controls = dict(
        noise=both(lambda d: generator.standard_normal(d.features.shape)),
        expression=both(lambda d: (d.labels[:, None] == classes) * 1.))
    if data.identity is None or (fit and fit.identity is None):
        return controls
    return dict(identity=both(lambda d: d.identity), **controls)
