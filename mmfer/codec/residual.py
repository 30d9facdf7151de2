# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The residual of one picture: what the encoder had to add to its guess."""
from functools import lru_cache

import numpy as np

from .motion import dense, turned_cells

# Linear part of YUV -> BGR: rows B, G, R; columns y, u, v. ITU-R BT.601,
# BT.709 and BT.2020, limited range; a full-range stream scales the columns.
_KR_KB = {'bt601': (.299, .114), 'bt709': (.2126, .0722),
          'bt2020': (.2627, .0593)}
# AVCOL_SPC_* numbers. An unnamed matrix counts as BT.601, as in swscale.
_MATRIX_NAMES = {1: 'bt709', 9: 'bt2020', 10: 'bt2020'}


def bgr_matrix(colorspace, full_range, bit_depth=8):
    """Return the linear map from YUV differences to BGR differences.

    Args:
        colorspace (int): FFmpeg's AVCOL_SPC number.
        full_range (bool): Samples use 0..255, not 16..235.
        bit_depth (int): Bits a sample. The result is in 8-bit levels.

    Returns:
        np.ndarray: float32 (3, 3), `bgr = matrix @ (y, u, v)`.
    """
    red, blue = _KR_KB[_MATRIX_NAMES.get(int(colorspace), 'bt601')]
    green = 1 - red - blue
    matrix = np.array([
        [1, 2 * (1 - blue), 0],
        [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
        [1, 0, 2 * (1 - red)],
    ])
    if not full_range:
        matrix *= [255 / 219, 255 / 224, 255 / 224]
    return (matrix / (1 << bit_depth - 8)).astype(np.float32)


@lru_cache(maxsize=64)
def _bgr_rows(colorspace, full_range, bit_depth):
    return tuple(map(tuple, bgr_matrix(colorspace, full_range, bit_depth)))


class _MadeWhenAsked:
    """An attribute that is made when it is first asked for.

    The value is then put into the object, where it hides this descriptor.
    """

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, residual, owner=None):
        if residual is None:
            return self
        value = residual.__dict__[self._name] = residual._make(self._name)
        return value


class Residual:
    """The residual of one predicted picture, exact and signed.

    `picture == prediction + residual` on every inter pixel whose sum stays
    within the sample range.

    Attributes:
        y (np.ndarray): int16 (H, W), luma differences.
        u, v (np.ndarray): int16, chroma differences as coded (half size for
            4:2:0; the size of luma in turned pictures of odd size).
        motion (np.ndarray | None): float32 (ceil(H/8), ceil(W/8), 2), pixels
            (x, y) from the current picture to its reference, 0 in intra
            blocks; None if the codec exports no vectors or they are not
            reliable.
        inter (np.ndarray | None): bool (ceil(H/8), ceil(W/8)), predicted
            blocks; the residual is 0 elsewhere. None if unknown (HEVC).
        picture_type (str): 'P', 'S', 'B', 'I' or 'N'.
        index (int): Display index of the picture that was really read.
        damaged (bool): The decoder concealed an error in this picture, or
            found nothing in it that is predicted (H.264).
        weighted (bool): The picture has explicit weights, so that `y` is off
            by a constant for each reference.
        bit_depth (int): Bits a sample.
        colorspace (int), full_range (bool): How the samples map to RGB.

    `u`, `v`, `motion`, `inter` and `weighted` may be left to a function `make`,
    which is called with such a name when the attribute is first asked for,
    since many readers need `y` alone.
    """

    u, v = _MadeWhenAsked(), _MadeWhenAsked()
    motion, inter = _MadeWhenAsked(), _MadeWhenAsked()
    weighted = _MadeWhenAsked()

    def __init__(self, y, u=None, v=None, motion=None, inter=None,
                 picture_type='P', index=-1, damaged=False, weighted=False,
                 bit_depth=8, colorspace=2, full_range=False, make=None):
        self.y = y
        self._make = make
        if make is None:
            self.u, self.v, self.motion, self.inter = u, v, motion, inter
            self.weighted = weighted
        self.picture_type, self.index = picture_type, index
        self.damaged = damaged
        self.bit_depth = bit_depth
        self.colorspace, self.full_range = colorspace, full_range

    def __getstate__(self):
        made = {name: getattr(self, name)
                for name in ('u', 'v', 'motion', 'inter', 'weighted')}
        return {**self.__dict__, **made, '_make': None}

    def __repr__(self):
        height, width = self.y.shape
        return (f'{type(self).__name__}(picture {self.index}, '
                f'{self.picture_type}, {width}x{height})')

    def replaced(self, **changes):
        """Return a residual that differs in the named attributes."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def empty(self, picture_type, index):
        """Return an all-zero residual of the same format."""
        return self.replaced(
            y=np.zeros_like(self.y), u=np.zeros_like(self.u),
            v=np.zeros_like(self.v),
            motion=None if self.motion is None else np.zeros_like(self.motion),
            inter=None if self.inter is None else np.zeros_like(self.inter),
            picture_type=picture_type, index=index, damaged=False,
            weighted=False)

    def copy(self):
        """Return a residual with arrays of its own."""
        return self.replaced(**{
            name: getattr(self, name).copy()
            for name in ('y', 'u', 'v', 'motion', 'inter')
            if getattr(self, name) is not None
        })

    def to_yuv(self):
        """Return int16 (H, W, 3), chroma repeated to the size of luma."""
        out = np.empty(self.y.shape + (3, ), np.int16)
        out[..., 0] = self.y
        out[..., 1] = _spread(self.u, self.y.shape)
        out[..., 2] = _spread(self.v, self.y.shape)
        return out

    def to_bgr(self):
        """Return int16 (H, W, 3), blue, green and red differences.

        The linear part of the conversion without its offsets, in 8-bit
        levels, rounded to nearest; chroma is repeated to the size of luma.
        """
        rows = _bgr_rows(self.colorspace, self.full_range, self.bit_depth)
        out = np.empty(self.y.shape + (3, ), np.int16)
        luma = self.y * rows[0][0]
        values = np.empty_like(luma)
        for channel, (_, *by_chroma) in enumerate(rows):
            # Mixed at the size of chroma, where there is less to do.
            mixed = sum(plane * factor for plane, factor in zip(
                (self.u, self.v), by_chroma) if factor)
            np.add(_spread(mixed, luma.shape), luma, out=values)
            out[..., channel] = np.rint(values, out=values)
        return out

    def motion_dense(self):
        """Return the motion of every pixel, float32 (H, W, 2).

        Raises:
            ValueError: If the stream has no readable motion vectors.
        """
        if self.motion is None:
            raise ValueError(
                'this residual has no motion vectors (HEVC streams and B '
                'pictures export none that can be trusted)')
        return dense(self.motion, *self.y.shape)

    def rotated(self, degrees):
        """Return the residual turned clockwise by 0, 90, 180 or 270."""
        turns = -degrees // 90 % 4  # numpy counts counter-clockwise
        if not turns:
            return self

        def turn(array):
            return np.ascontiguousarray(np.rot90(array, turns))

        motion, inter = self.motion, self.inter
        if inter is not None:
            cells = turned_cells(*self.y.shape, turns)
            inter = inter.reshape(-1)[cells]
            if motion is not None:
                x, y = np.moveaxis(motion.reshape(-1, 2)[cells], -1, 0)
                motion = np.stack(
                    {1: (y, -x), 2: (-x, -y), 3: (-y, x)}[turns], -1)
        u, v = self.u, self.v
        if self.y.shape[0] % 2 or self.y.shape[1] % 2:
            # A sample of chroma that serves one column or row alone is the
            # last; turned, it could be the first.
            u, v = (_spread(plane, self.y.shape) for plane in (u, v))
        return self.replaced(
            y=turn(self.y), u=turn(u), v=turn(v), motion=motion, inter=inter)


def _spread(plane, shape):
    """Repeat the samples of a plane up to the size of luma."""
    down, across = (round(a / b) for a, b in zip(shape, plane.shape))
    while across > 1:
        plane = _twice(plane)
        across //= 2
    if down > 1:
        plane = np.repeat(plane, down, 0)  # whole rows, which is quick
    return plane[:shape[0], :shape[1]]


def _twice(plane):
    """Repeat each sample in its row, sooner than `np.repeat` does."""
    size = plane.itemsize
    pairs = np.ascontiguousarray(plane).view(f'u{size}').astype(f'u{2 * size}')
    pairs *= (1 << 8 * size) + 1
    return pairs.view(plane.dtype)
