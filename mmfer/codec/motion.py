# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion vectors: from FFmpeg's list of blocks to a map of 8x8 cells."""
import numpy as np

CELL = 8  # the smallest block whose vector FFmpeg exports


# libavutil/motion_vector.h, `AVMotionVector`; 64-bit alignment.
VECTOR = np.dtype({
    'names': ['source', 'w', 'h', 'dst_x', 'dst_y', 'motion_x', 'motion_y',
              'motion_scale'],
    'formats': ['i4', 'u1', 'u1', 'i2', 'i2', 'i4', 'i4', 'u2'],
    'offsets': [0, 4, 5, 10, 12, 24, 28, 32],
    'itemsize': 40,
})
# The same bytes as int16 columns, for tests of many fields at once.
_COLUMNS = VECTOR.itemsize // 2
_SIZE, _CENTRE = 2, slice(5, 7)
_BLOCK_SIZE = np.frombuffer(bytes([16, 16]), np.int16)[0]


class VectorList:
    """The motion vectors of one decoded picture.

    Args:
        data (bytes): FFmpeg's motion vector side data.
        height, width (int): Size of the picture in pixels.
        both (bool): Take the vectors to later pictures, too. Defaults to
            False.
    """

    __slots__ = ('_records', '_shape', '_cells', '_block_cells')

    def __init__(self, data, height, width, both=False):
        records = np.frombuffer(data, VECTOR)
        if not both and len(records) and records['source'].max() >= 0:
            records = records[records['source'] < 0]  # from earlier pictures
        self._records = records
        self._shape = -(-height // CELL), -(-width // CELL)
        self._cells = None
        self._block_cells = self._blocks()

    def __len__(self):
        return len(self._records)

    def _blocks(self):
        """Return (row, column) of each vector if all are of 16x16 blocks.

        Returns:
            tuple | None: None also where a damaged stream places a block
            outside of the picture.
        """
        if not len(self._records):
            return None
        table = np.frombuffer(
            np.ascontiguousarray(self._records), np.int16).reshape(
                -1, _COLUMNS)
        if (table[:, _SIZE] != _BLOCK_SIZE).any():
            return None
        # FFmpeg gives the centre of the block.
        x, y = (table[:, _CENTRE] >> 4).T
        rows, columns = self._block_shape()
        if x.min() < 0 or y.min() < 0 or x.max() >= columns or (
                y.max() >= rows):
            return None
        return y, x

    def _indices(self):
        """Return (cell, vector) index pairs, each block over all its cells."""
        if self._cells is None:
            rows, columns = self._shape
            width, height = self._records['w'], self._records['h']
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

    def _block_shape(self):
        return -(-self._shape[0] // 2), -(-self._shape[1] // 2)

    def _from_blocks(self, blocks):
        rows, columns = self._shape
        cells = blocks.repeat(2, 0).repeat(2, 1)
        return np.ascontiguousarray(cells[:rows, :columns])

    def covered(self):
        """Return the cells that some vector covers, bool (H/8, W/8)."""
        blocks = self._block_cells
        if blocks is not None:
            mask = np.zeros(self._block_shape(), bool)
            mask[blocks] = True
            return self._from_blocks(mask)
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
        blocks = self._block_cells
        if blocks is not None:
            grid = np.zeros(self._block_shape() + (2, ), np.float32)
            grid[blocks] = motion
            return self._from_blocks(grid)
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
