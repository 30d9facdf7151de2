# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Networks that tell who a face is."""
from .arcface_head import ArcFaceHead
from .iresnet import IResNet

__all__ = ['ArcFaceHead', 'IResNet']
