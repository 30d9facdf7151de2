# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .fer_data_preprocessor import FERDataPreprocessor

__all__ = ['FERDataPreprocessor']
