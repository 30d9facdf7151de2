# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Networks for residuals. mmaction2's own fit too, by config alone."""
from .backbones import ResidualResNet
from .data_preprocessors import FERDataPreprocessor
from .decoders import ApexDecoder
from .heads import FERHead, IdentityMIHead
from .identity import (ArcFaceHead, InceptionResnetV1, IResNet, OnnxFace,
                       build_identity_encoder)
from .recognizers import IdentityAwareRecognizer

__all__ = [
    'ApexDecoder', 'ArcFaceHead', 'FERDataPreprocessor', 'FERHead', 'IResNet',
    'IdentityAwareRecognizer', 'IdentityMIHead', 'InceptionResnetV1',
    'OnnxFace', 'ResidualResNet', 'build_identity_encoder'
]
