# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What runs around the training: hooks."""
from .hooks import ClassCountHook, UnreadableClipsHook

__all__ = ['ClassCountHook', 'UnreadableClipsHook']
