# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the leakage measures are given."""
from dataclasses import dataclass, fields
from typing import Optional

import numpy as np


@dataclass(frozen=True)
class LeakageData:
    """Codes of N clips, and whom and what the clips show.

    Args:
        features (np.ndarray): (N, D), the codes under test; float64 after
            construction.
        labels (np.ndarray): (N, ), expression classes.
        subjects (np.ndarray): (N, ), persons; a clip whose person is not
            known ('' or None) is left out.
        identity (np.ndarray, optional): (N, E), embeddings of a face network,
            raw (not whitened). Defaults to None.
        scores (np.ndarray, optional): (N, K), predictions of the model, whose
            columns are the classes 0 .. K - 1. Defaults to None.
        faces (np.ndarray, optional): uint8 (N, H, W, 3) RGB, one true picture
            of each clip, for the inversion attack. Defaults to None.

    Raises:
        ValueError: The arrays do not fit together, or hold NaN or infinity.
    """
    features: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    identity: Optional[np.ndarray] = None
    scores: Optional[np.ndarray] = None
    faces: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        count = len(self.features)
        names = [field.name for field in fields(self)]
        for name in names:
            value = getattr(self, name)
            if value is not None and len(value) != count:
                raise ValueError(f'{count} features but {len(value)} {name}: '
                                 'one of each per clip is needed')
        for name in ('features', 'identity'):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, dtype=np.float64)
            if value.ndim != 2:
                raise ValueError(f'`{name}` is (N, D), got {value.shape}')
            if not np.isfinite(value).all():
                raise ValueError(
                    f'`{name}` holds NaN or infinity: the model is broken')
            object.__setattr__(self, name, value)
        subjects = np.array(
            ['' if s is None else str(s) for s in self.subjects], dtype=str)
        known = subjects != ''
        object.__setattr__(self, 'subjects', subjects)
        object.__setattr__(self, 'labels', np.asarray(self.labels))
        if not known.all():
            for name in names:
                value = getattr(self, name)
                if value is not None:
                    object.__setattr__(self, name, np.asarray(value)[known])

    def __len__(self) -> int:
        return len(self.features)

    def with_features(self, features: np.ndarray) -> 'LeakageData':
        """The same clips with other codes, and without predictions.

        Args:
            features (np.ndarray): (N, D).

        Returns:
            LeakageData: A copy.
        """
        return LeakageData(features, self.labels, self.subjects, self.identity,
                           None, self.faces)

    @property
    def collapsed(self) -> bool:
        """Whether all clips have the same code."""
        spread = np.ptp(self.features, axis=0) if len(self) else np.zeros(1)
        size = np.abs(self.features).max(initial=0)
        return bool((spread <= 1e-6 * size).all())
