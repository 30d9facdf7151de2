# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Networks for residuals. mmaction2's own fit too, by config alone."""
from .backbones import ResidualResNet
from .data_preprocessors import FERDataPreprocessor
from .decoders import ApexDecoder
from .heads import FERHead, IdentityMIHead
from .identity import ArcFaceHead, IResNet
from .recognizers import IdentityAwareRecognizer

__all__ = [
    'ApexDecoder', 'ArcFaceHead', 'FERDataPreprocessor', 'FERHead', 'IResNet',
    'IdentityAwareRecognizer', 'IdentityMIHead', 'ResidualResNet'
]
