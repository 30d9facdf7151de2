# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Freed memory stays with the process, for the next clip.

The GNU C library gives the end of its heap back to the system as soon as it is
free, and the next clip gets it again page by page, which costs a good part of
what reading a small clip costs. How much the library keeps follows the blocks
that the program frees: up to twice the size of the largest one (mallopt(3),
`M_MMAP_THRESHOLD`).
"""
import numpy as np

_BLOCK = 1 << 24  # bytes; so twice as many are kept at most


def keep_freed_memory():
    """Free one large block, of which no page was ever touched.

    Without effect on other C libraries, or where the environment has set
    their thresholds (`MALLOC_TRIM_THRESHOLD_`).
    """
    np.empty(_BLOCK, np.uint8)
