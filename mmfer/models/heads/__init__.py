# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .fer_head import FERHead

__all__ = ['FERHead']
