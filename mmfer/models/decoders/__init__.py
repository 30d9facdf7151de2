# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .apex_decoder import ApexDecoder

__all__ = ['ApexDecoder']
