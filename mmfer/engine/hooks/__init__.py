# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .class_count_hook import ClassCountHook
from .class_weight_hook import ClassWeightHook
from .fer_visualization_hook import FERVisualizationHook
from .leakage_hook import LeakageHook
from .protocol_hook import ProtocolHook
from .reproducible_hook import ReproducibleHook
from .unreadable_clips_hook import UnreadableClipsHook

__all__ = [
    'ClassCountHook', 'ClassWeightHook', 'FERVisualizationHook',
    'LeakageHook', 'ProtocolHook', 'ReproducibleHook', 'UnreadableClipsHook'
]
