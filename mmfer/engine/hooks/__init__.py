# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .unreadable_clips_hook import UnreadableClipsHook

__all__ = ['UnreadableClipsHook']
