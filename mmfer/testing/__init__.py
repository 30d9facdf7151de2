# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Helpers to test anything that reads compressed video; PyAV and numpy only.

* :mod:`~mmfer.testing.sources`: seeded synthetic pictures.
* :mod:`~mmfer.testing.streams`: write them with any coding tool.
* :mod:`~mmfer.testing.odd_streams`: files that no normal writer makes.
* :mod:`~mmfer.testing.full_decode`: the ordinary decoder, with its vectors.
* :mod:`~mmfer.testing.reference_motion`: motion compensation in numpy.
* :mod:`~mmfer.testing.exactness`: does a file's residual agree with it?
"""

from .exactness import check_file, fingerprint
from .odd_streams import (damaged, interlace, truncated, with_bad_metadata,
                          write_audio_only, write_edit_list_mp4,
                          write_packed_b_avi, write_two_sizes)
from .sources import face_like, fading, flat, panning, restless
from .streams import (RECIPES, Recipe, encode_packets, recipe, write_video,
                      x264, x265)

__all__ = [
    'RECIPES', 'Recipe', 'check_file', 'damaged', 'encode_packets',
    'face_like', 'fading', 'fingerprint', 'flat', 'interlace', 'panning',
    'recipe', 'restless', 'truncated', 'with_bad_metadata', 'write_audio_only',
    'write_edit_list_mp4', 'write_packed_b_avi', 'write_two_sizes',
    'write_video', 'x264', 'x265'
]
