# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much one code tells of another, as a value to minimise."""
from .base import DependencePenalty
from .dcor import DistanceCorrelation, squared_distance_correlation
from .vclub import VCLUB

__all__ = [
    'DependencePenalty', 'DistanceCorrelation', 'VCLUB',
    'squared_distance_correlation'
]
