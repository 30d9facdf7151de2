# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Helpers to test anything that reads compressed video; PyAV and numpy only.

* :mod:`~mmfer.testing.sources`: seeded synthetic pictures.
* :mod:`~mmfer.testing.streams`: write them with any coding tool.
* :mod:`~mmfer.testing.odd_streams`: files that no normal writer makes.
* :mod:`~mmfer.testing.full_decode`: the ordinary decoder, with its vectors.
* :mod:`~mmfer.testing.reference_motion`: motion compensation in numpy.
"""

from .sources import face_like, fading, flat, panning, restless
from .streams import (RECIPES, Recipe, encode_packets, write_video, x264,
                      x265)

__all__ = [
    'RECIPES', 'Recipe', 'encode_packets', 'face_like', 'fading', 'flat',
    'panning', 'restless', 'write_video', 'x264', 'x265'
]
