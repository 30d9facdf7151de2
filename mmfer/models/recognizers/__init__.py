# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .identity_aware_recognizer import IdentityAwareRecognizer

__all__ = ['IdentityAwareRecognizer']
