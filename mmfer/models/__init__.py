# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Networks for residuals. mmaction2's own fit too, by config alone."""
from .backbones import ResidualResNet
from .data_preprocessors import FERDataPreprocessor
from .heads import FERHead

__all__ = ['FERDataPreprocessor', 'FERHead', 'ResidualResNet']
