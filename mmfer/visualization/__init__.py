# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of what mmfer reads."""
from .compressed import draw_clip, draw_motion, draw_residual

__all__ = ['draw_clip', 'draw_motion', 'draw_residual']
