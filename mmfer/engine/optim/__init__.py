# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .min_min import MinMinOptimWrapperConstructor, MinMinOptimWrapperDict

__all__ = ['MinMinOptimWrapperConstructor', 'MinMinOptimWrapperDict']
