# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion accumulated over a row of pictures."""
from functools import lru_cache

import numpy as np

from .motion import CELL, VectorList

_AT_ONCE = 64  # pictures whose vectors are put into maps together


class MotionChain:
    """Add up the vectors of successive pictures back to the first.

    Args:
        height, width (int): Picture size.
        wanted (Collection[int]): Numbers of pictures to answer for.
    """

    def __init__(self, height, width, wanted):
        self._size = height, width
        self._wanted = wanted
        self._numbers, self._lists = [], []
        self._motion = self._inter = None
        self._found = {}

    def add(self, number, data):
        """Append a picture.

        Args:
            number (int): What to call it.
            data (bytes): FFmpeg's motion vectors to the picture before it.
        """
        self._numbers.append(number)
        self._lists.append(data)
        if len(self._lists) == _AT_ONCE:
            self._work()

    def found(self):
        """Return the wanted pictures that were added.

        Returns:
            dict: By number, (motion, inter): float32 (H/8, W/8, 2), pixels
            from the picture to the start, and bool (H/8, W/8), cells that
            are predicted in every step. A cell that is not keeps the motion
            of its place.
        """
        if self._lists:
            self._work()
        return self._found

    def _work(self):
        vectors = VectorList(self._lists, *self._size)
        steps, covered = vectors.grid(), vectors.covered()
        for number, step, inter, source in zip(self._numbers, steps, covered,
                                               _sources(steps)):
            if self._motion is None:
                self._motion, self._inter = step, inter
            else:
                past = self._motion.reshape(-1, 2)
                self._motion = step + past.take(source, 0)
                self._inter = inter & self._inter.take(source)
            if number in self._wanted:
                self._found[number] = self._motion.copy(), self._inter.copy()
        self._numbers, self._lists = [], []


def _sources(steps):
    """Return the cell that each cell's vector leads to.

    Args:
        steps (np.ndarray): float32 (T, H/8, W/8, 2), pixels.

    Returns:
        np.ndarray: int32 (T, H/8, W/8), flat numbers; those beyond the edge
        are moved to it.
    """
    rows, columns = steps.shape[1:3]
    cell = np.rint(steps * np.float32(1 / CELL)).astype(np.int32)
    cell += _positions(rows, columns)
    np.clip(cell, 0, (columns - 1, rows - 1), out=cell)
    return cell[..., 1] * columns + cell[..., 0]


@lru_cache(maxsize=16)
def _positions(rows, columns):
    """Return the (x, y) position of every cell, int32 (rows, columns, 2)."""
    y, x = np.mgrid[:rows, :columns].astype(np.int32)
    positions = np.stack([x, y], -1)
    positions.flags.writeable = False
    return positions
