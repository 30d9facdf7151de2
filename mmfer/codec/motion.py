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

    __slots__ = ('_records', '_shape', '_cells')

    def __init__(self, records, height, width, both=False):
        if not both and len(records) and (records['source'] >= 0).any():
            records = records[records['source'] < 0]  # from earlier pictures
        else:
            # The decoder's memory is not ours. Copying fields is 10x slower.
            records = np.frombuffer(records.tobytes(), records.dtype)
        self._records = records
        self._shape = -(-height // CELL), -(-width // CELL)
        self._cells = None

    def __len__(self):
        return len(self._records)

    def _indices(self):
        """Return (cell, vector) index pairs, each block over all its cells."""
        if self._cells is None:
            rows, columns = self._shape
            width, height = self._records['w'], self._records['h']
            # FFmpeg gives the centre of the block.
            x = (self._records['dst_x'] - (width >> 1)) >> 3
            y = (self._records['dst_y'] - (height >> 1)) >> 3
            number = np.arange(len(x))
            wide = np.flatnonzero(width > CELL)
            x = np.concatenate([x, x[wide] + 1])
            y = np.concatenate([y, y[wide]])
            number = np.concatenate([number, number[wide]])
            tall = np.flatnonzero(height[number] > CELL)
            x = np.concatenate([x, x[tall]])
            y = np.concatenate([y, y[tall] + 1])
            number = np.concatenate([number, number[tall]])
            inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
            if not inside.all():
                x, y, number = x[inside], y[inside], number[inside]
            self._cells = y.astype(np.intp) * columns + x, number
        return self._cells

    def covers_all(self):
        """Tell, at little cost, that no block lacks a vector.

        Returns:
            bool: False also where that would take a closer look.
        """
        rows, columns = self._shape
        area = int(self._records['w'].astype(np.int32)
                   @ self._records['h'].astype(np.int32))
        # Blocks of one direction do not overlap; whole 16x16 blocks are coded.
        return (rows % 2 == 0 and columns % 2 == 0
                and area == rows * columns * CELL * CELL)

    def covered(self):
        """Return the cells that some vector covers, bool (H/8, W/8)."""
        if self.covers_all():
            return np.ones(self._shape, bool)
        mask = np.zeros(self._shape, bool)
        mask.reshape(-1)[self._indices()[0]] = True
        return mask

    def grid(self):
        """Return the vector of each cell.

        Returns:
            np.ndarray: float32 (H/8, W/8, 2), pixels (x, y) from the block to
            its reference; 0 where no vector covers the cell.
        """
        records = self._records
        motion = np.empty((len(records), 2), np.float32)
        scale = np.maximum(records['motion_scale'], np.float32(1))
        np.divide(records['motion_x'], scale, out=motion[:, 0])
        np.divide(records['motion_y'], scale, out=motion[:, 1])
        rows, columns = self._shape
        if len(records) and (records['w'] == 16).all() and (
                records['h'] == 16).all():
            x, y = records['dst_x'] >> 4, records['dst_y'] >> 4
            tall, wide = -(-rows // 2), -(-columns // 2)
            if 0 <= x.min() and x.max() < wide and 0 <= y.min() and (
                    y.max() < tall):
                blocks = np.zeros((tall, wide, 2), np.float32)
                blocks[y, x] = motion
                return np.ascontiguousarray(
                    blocks.repeat(2, 0).repeat(2, 1)[:rows, :columns])
        cells, number = self._indices()
        grid = np.zeros(self._shape + (2, ), np.float32)
        grid.reshape(-1, 2)[cells] = motion[number]
        return grid


def dense(grid, height, width):
    """Spread a cell map over pixels, (H/8, W/8, ...) to (H, W, ...)."""
    tall = np.repeat(np.repeat(grid, CELL, 0), CELL, 1)
    return tall[:height, :width]


def turned_cells(height, width, turns):
    """Return where the cells of a turned picture come from.

    A cell says what holds at its centre: where the size is no multiple of 8,
    turning moves the part cells to another edge.

    Args:
        height, width (int): Size before turning, in pixels.
        turns (int): Quarter turns counter-clockwise.

    Returns:
        np.ndarray: intp, flat cell number of each cell of the turned map.
    """
    rows, columns = -(-height // CELL), -(-width // CELL)
    number = np.arange(rows * columns).reshape(rows, columns)
    turned = np.rot90(dense(number, height, width), turns)
    centres = [
        np.minimum(np.arange(CELL // 2, size + CELL // 2, CELL), size - 1)
        for size in turned.shape
    ]
    return turned[np.ix_(*centres)]
