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
# The same bytes as int16 columns, to look at many fields at once.
_COLUMNS = VECTOR.itemsize // 2
_SIZE, _X, _Y, _SCALE = 2, 5, 6, 16
_MOTION = 6  # column of motion_x if the columns are int32; motion_y follows
# Two float32, x and y: numpy moves them as one number much sooner.
_PAIR = np.int64
_BLOCK_SIZE = np.frombuffer(bytes([16, 16]), np.int16)[0]


class VectorList:
    """The motion vectors of P pictures: all lead to earlier pictures.

    Several pictures are put into maps at once, since numpy's calls cost more
    than their work on maps this small.

    Args:
        lists (Sequence[Buffer]): FFmpeg's motion vector side data, one for
            each of T pictures.
        height, width (int): Size of the pictures in pixels.

    Attributes:
        data (Buffer): All of it. Of one picture it is what was given, no
            copy.
    """

    __slots__ = ('data', '_table', '_count', '_picture', '_shape', '_cells',
                 '_placed')

    def __init__(self, lists, height, width):
        self._count = len(lists)
        self.data = lists[0] if self._count == 1 else b''.join(lists)
        self._table = np.frombuffer(self.data, np.int16).reshape(
            -1, _COLUMNS)
        self._picture = 0 if self._count == 1 else np.repeat(
            np.arange(self._count),
            [len(data) // VECTOR.itemsize for data in lists])
        self._shape = -(-height // CELL), -(-width // CELL)
        self._cells = self._placed = None

    def __len__(self):
        return len(self._table)

    def covered_blocks(self):
        """Return the 16x16 blocks that are predicted.

        A block is predicted as a whole or not at all, in one piece or in
        parts; hence any vector inside it tells.

        Returns:
            np.ndarray: bool (T, H/16, W/16), up to the coded edge.
        """
        blocks = np.zeros((self._count, ) + self._block_shape(), bool)
        blocks.reshape(-1)[self._blocks()[1]] = True
        return blocks

    def covered(self):
        """Return the cells that are predicted, bool (T, H/8, W/8)."""
        return self._cut(_spread(self.covered_blocks()))

    def grid(self):
        """Return the vector of each cell.

        Returns:
            np.ndarray: float32 (T, H/8, W/8, 2), pixels (x, y) from the block
            to its reference; 0 where no vector covers the cell.
        """
        motion = as_pairs(self._pixels())
        inside, block = self._blocks()
        if inside is None and self._in_one_piece():
            blocks = np.zeros((self._count, ) + self._block_shape(), _PAIR)
            blocks.reshape(-1)[block] = motion
            grid = self._cut(_spread(blocks))
        else:
            grid = self._empty_cells()
            for cell, number in self._parts():
                grid[cell] = motion[number]
            grid = self._visible(grid)
        return as_floats(grid)

    def _pixels(self):
        """Return all vectors in pixels, float32 (N, 2)."""
        words = np.frombuffer(self.data, np.int32).reshape(
            -1, VECTOR.itemsize // 4)
        motion = words[:, _MOTION:_MOTION + 2].astype(np.float32)
        scale = self._table[:, _SCALE]
        first = scale[0] if len(scale) else 1
        if (scale == first).all():
            motion /= np.float32(max(first, 1))
        else:
            motion /= np.maximum(scale, 1)[:, None].astype(np.float32)
        return motion

    def _blocks(self):
        """Return which vectors lie inside, and the block of each of them.

        Returns:
            tuple: bool (N,), or None if all do; and intp, flat numbers in
            maps of 16x16 blocks. In a damaged stream some may lie outside.
        """
        if self._placed is None:
            self._placed = self._place()
        return self._placed

    def _place(self):
        # FFmpeg gives the centre of the block or of its part.
        y, x = self._table[:, _Y] >> 4, self._table[:, _X] >> 4
        rows, columns = self._block_shape()
        inside = None
        if len(y) and (y.view(np.uint16).max() >= rows
                       or x.view(np.uint16).max() >= columns):
            inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
            y, x = y[inside], x[inside]
        numbers = y.astype(np.intp)
        if self._count > 1:
            numbers += rows * (
                self._picture if inside is None else self._picture[inside])
        numbers *= columns
        numbers += x.astype(np.intp)  # sooner than a sum of two types
        return inside, numbers

    def _in_one_piece(self):
        """Tell whether all vectors are those of whole 16x16 blocks."""
        return not (self._table[:, _SIZE] != _BLOCK_SIZE).any()

    def _block_shape(self):
        return -(-self._shape[0] // 2), -(-self._shape[1] // 2)

    def _parts(self):
        """Return where each block lies in maps of cells, part by part.

        Returns:
            list: Four pairs (cell, vector): upper left, upper right, lower
            left and lower right 8x8 part, flat numbers in the map of
            `_empty_cells`.
        """
        if self._cells is None:
            table = self._table
            size = table[:, _SIZE]  # width in the low byte, height above
            x = (table[:, _X] - ((size & 255) >> 1)) >> 3
            y = (table[:, _Y] - (size >> 9)) >> 3
            rows, columns = self._coded_shape()
            inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
            cell = (self._picture * rows + y.astype(np.intp)) * columns + x
            number = np.flatnonzero(inside)
            if len(number) < len(table):  # a damaged stream
                cell, size = cell[number], size[number]
            wide = np.flatnonzero(size & 16)
            tall = np.flatnonzero(size & 16 << 8)
            both = wide[(size[wide] & 16 << 8) != 0]
            self._cells = [(cell, number)] + [
                (cell[part] + step, number[part])
                for part, step in ((wide, 1), (tall, columns),
                                   (both, columns + 1))
            ]
        return self._cells

    def _coded_shape(self):
        """Return the number of cells, whole 16x16 blocks of them."""
        rows, columns = self._block_shape()
        return 2 * rows, 2 * columns

    def _empty_cells(self):
        """Return flat maps, with room behind for damaged streams."""
        rows, columns = self._coded_shape()
        return np.zeros(self._count * rows * columns + columns + 1, _PAIR)

    def _visible(self, flat):
        rows, columns = self._coded_shape()
        cells = flat[:self._count * rows * columns]
        return self._cut(cells.reshape(self._count, rows, columns))

    def _cut(self, cells):
        """Leave the cells out that lie beyond the visible edge."""
        if cells.shape[1:3] == self._shape:
            return cells
        return np.ascontiguousarray(
            cells[:, :self._shape[0], :self._shape[1]])


def as_pairs(motion):
    """Return contiguous float32 (..., 2) as one number for each pair."""
    return motion.view(_PAIR)[..., 0]


def as_floats(pairs):
    """Return what `as_pairs` returned as float32 (..., 2) again."""
    return pairs[..., None].view(np.float32)


def _spread(blocks):
    """Spread maps of 16x16 blocks over cells, (T, H/16, …) to (T, H/8, …)."""
    return blocks.repeat(2, 2).repeat(2, 1)


def dense(grid, height, width, side=CELL):
    """Spread a cell map over pixels, (H/8, W/8, ...) to (H, W, ...)."""
    # Whole rows are repeated last, as they are copied in one piece.
    return grid.repeat(side, 1).repeat(side, 0)[:height, :width]


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
