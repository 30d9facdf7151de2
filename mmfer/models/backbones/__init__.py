# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .residual_resnet import ResidualResNet

__all__ = ['ResidualResNet']
