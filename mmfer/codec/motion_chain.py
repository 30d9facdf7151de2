# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion accumulated over a row of pictures."""
import numpy as np

from .motion import CELL, VectorList, as_floats, as_pairs

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
                self._motion = step + as_floats(
                    as_pairs(self._motion).take(source))
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
    # Axis by axis: numpy is slow where the last axis is 2 long.
    x = _whole_cells(steps[..., 0], np.arange(columns, dtype=np.int32))
    y = _whole_cells(steps[..., 1],
                     np.arange(rows, dtype=np.int32)[:, None])
    return y * columns + x


def _whole_cells(step, position):
    """Return the cell on one axis that a step of pixels leads to."""
    cell = np.rint(step * np.float32(1 / CELL)).astype(np.int32)
    cell += position
    return np.clip(cell, 0, position.size - 1, out=cell)
