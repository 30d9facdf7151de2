# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much one code tells of another, as a value to minimise."""
from .base import DependencePenalty
from .cka import CKA
from .club_sample import CLUBSample
from .crosscov import CrossCovariance
from .dcor import DistanceCorrelation, squared_distance_correlation
from .gradient_reversal import GradientReversal
from .hsic import HSIC
from .infonce import InfoNCE
from .jsd import JSD
from .l1out import L1Out
from .mine import MINE
from .nwj import NWJ
from .smile import SMILE
from .vclub import VCLUB
from .vclub_mean import VCLUBMean

__all__ = [
    'CKA', 'CLUBSample', 'CrossCovariance', 'DependencePenalty',
    'DistanceCorrelation', 'GradientReversal', 'HSIC', 'InfoNCE', 'JSD',
    'L1Out', 'MINE', 'NWJ', 'SMILE', 'VCLUB', 'VCLUBMean',
    'squared_distance_correlation'
]
