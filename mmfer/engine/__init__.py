# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What runs around the training: hooks, optimisers, wrappers."""
from .hooks import (ClassCountHook, ClassWeightHook, FERVisualizationHook,
                    LeakageHook, ProtocolHook, ReproducibleHook,
                    UnreadableClipsHook)
from .optim import MinMinOptimWrapperConstructor, MinMinOptimWrapperDict
from .wrappers import MinMinDistributedDataParallel

__all__ = [
    'ClassCountHook', 'ClassWeightHook', 'FERVisualizationHook',
    'LeakageHook', 'MinMinDistributedDataParallel',
    'MinMinOptimWrapperConstructor', 'MinMinOptimWrapperDict', 'ProtocolHook',
    'ReproducibleHook', 'UnreadableClipsHook'
]
