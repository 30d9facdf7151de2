# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .class_count_hook import ClassCountHook
from .unreadable_clips_hook import UnreadableClipsHook

__all__ = ['ClassCountHook', 'UnreadableClipsHook']
