# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .fer_head import FERHead
from .identity_mi_head import IdentityMIHead

__all__ = ['FERHead', 'IdentityMIHead']
