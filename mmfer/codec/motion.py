# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion vectors: from FFmpeg's list of blocks to a map of 8x8 cells."""
import numpy as np

CELL = 8  # the smallest block whose vector FFmpeg exports


class VectorList:
    """The motion vectors of one decoded picture.

    Args:
        records (np.ndarray): What PyAV's `MotionVectors.to_ndarray` returns.
        height, width (int): Size of the picture in pixels.
        both (bool): Take the vectors to later pictures, too. Defaults to
            False.
    """

    __slots__ = ('_x', '_y', '_wide', '_tall', '_motion', '_shape', '_cells')

    def __init__(self, records, height, width, both=False):
        if not both:
            records = records[records['source'] < 0]  # from earlier pictures
        block_width = records['w'].astype(np.int32)
        block_height = records['h'].astype(np.int32)
        # FFmpeg gives the centre of the block.
        self._x = (records['dst_x'] - (block_width >> 1)) >> 3
        self._y = (records['dst_y'] - (block_height >> 1)) >> 3
        self._wide, self._tall = block_width > CELL, block_height > CELL
        scale = np.maximum(records['motion_scale'], 1).astype(np.float32)
        self._motion = np.stack(
            [records['motion_x'] / scale, records['motion_y'] / scale],
            axis=-1).astype(np.float32)
        self._shape = -(-height // CELL), -(-width // CELL)
        self._cells = None

    def __len__(self):
        return len(self._x)

    def _indices(self):
        """Return (cell, vector) index pairs, each block over all its cells."""
        if self._cells is None:
            rows, columns = self._shape
            number = np.arange(len(self._x))
            x = np.concatenate([self._x, self._x[self._wide] + 1])
            y = np.concatenate([self._y, self._y[self._wide]])
            number = np.concatenate([number, number[self._wide]])
            tall = self._tall[number]
            x = np.concatenate([x, x[tall]])
            y = np.concatenate([y, y[tall] + 1])
            number = np.concatenate([number, number[tall]])
            inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
            if not inside.all():
                x, y, number = x[inside], y[inside], number[inside]
            self._cells = y * columns + x, number
        return self._cells

    def covered(self):
        """Return the cells that some vector covers, bool (H/8, W/8)."""
        mask = np.zeros(self._shape, bool)
        mask.reshape(-1)[self._indices()[0]] = True
        return mask

    def grid(self):
        """Return the vector of each cell.

        Returns:
            np.ndarray: float32 (H/8, W/8, 2), pixels (x, y) from the block to
            its reference; 0 where no vector covers the cell.
        """
        cells, number = self._indices()
        grid = np.zeros(self._shape + (2, ), np.float32)
        grid.reshape(-1, 2)[cells] = self._motion[number]
        return grid


def dense(grid, height, width):
    """Spread a cell map over pixels, (H/8, W/8, ...) to (H, W, ...)."""
    tall = np.repeat(np.repeat(grid, CELL, 0), CELL, 1)
    return tall[:height, :width]
