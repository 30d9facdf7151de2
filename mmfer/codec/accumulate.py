# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The accumulated residual: a picture minus its group's key picture, warped.

The definition of CoViAR (Wu et al., Compressed Video Action Recognition, CVPR
2018): every pixel is traced back along the motion vectors to the key picture
of its group, and the key picture's sample there is subtracted. It needs true
decoding of the whole group, and contains the error of the warp as well as the
coded residual.
"""
import numpy as np

from .frame_residual import vector_data
from .grey import planes, sample_bits
from .motion import VectorList, dense
from .packets import PREDICTED
from .residual import Residual


def accumulated(pictures, packets, numbers, interpolation):
    """Return accumulated residuals, decoding each group once.

    Args:
        pictures (PictureDecoder), packets (PacketReader): The video.
        numbers (Collection[int]): Packets of P and I pictures.
        interpolation (str): See `Accumulator`.

    Returns:
        dict[int, Residual]: By packet number; those that do not decode are
        missing.
    """
    index, found = packets.index, {}
    display = {int(p): i for i, p in enumerate(packets.order)}
    for run in packets.groups(numbers):
        accumulator = Accumulator(index.height, index.width, interpolation)
        for number, frame in pictures.decode(run, motion=True):
            shown = display.get(number)
            kind = 'N' if shown is None else packets.picture_type(shown)
            if not accumulator.accepts(frame):
                continue  # reported by the caller if it was wanted
            if kind == 'I':
                accumulator.start(frame)
            if not accumulator.started:
                continue
            if kind in PREDICTED:
                accumulator.step(vector_data(frame))
            if number in numbers:
                found[number] = accumulator.residual(frame, kind)
    return found


def true_samples(pictures, packets, number):
    """Return a true picture in the guise of a residual, for its format.

    Args:
        pictures (PictureDecoder), packets (PacketReader): The video.
        number (int): Its packet.

    Returns:
        dict[int, Residual]: By packet number; empty if it does not decode.
    """
    accumulator = Accumulator(packets.index.height, packets.index.width)
    for run in packets.groups([number]):
        for shown, frame in pictures.decode(run):
            if shown == number and accumulator.accepts(frame):
                accumulator.start(frame)
                return {number: accumulator.residual(frame, 'I')}
    return {}


class Accumulator:
    """Trace pixels to the key picture while pictures pass by.

    Args:
        height, width (int): Picture size.
        interpolation (str): 'integer' traces whole pixels, vectors cut
            towards zero as CoViAR's loader does. 'subpel' traces fractions
            and samples the key picture bilinearly.
    """

    def __init__(self, height, width, interpolation='integer'):
        kind = np.int32 if interpolation == 'integer' else np.float32
        y, x = np.mgrid[:height, :width].astype(kind)
        self._here = x, y
        self._height, self._width = height, width
        self._integer = interpolation == 'integer'
        self._key = None

    def accepts(self, frame):
        """Tell whether a frame has the size that is being traced."""
        return (frame.height, frame.width) == (self._height, self._width)

    @property
    def started(self):
        """Whether a key picture has been seen."""
        return self._key is not None

    def start(self, frame):
        """Take the key picture of a new group."""
        self._bits = sample_bits(frame)
        self._key = [
            plane.astype(np.int32) for plane in planes(frame, self._bits)[:3]
        ]
        self._x, self._y = (axis.copy() for axis in self._here)
        self._inter = None

    def step(self, data):
        """Follow one predicted picture's vectors.

        Args:
            data (bytes): FFmpeg's motion vectors to the picture before. A
                block without a vector, and a pixel whose vector leaves the
                picture, stays where it is.
        """
        vectors = VectorList([data], self._height, self._width)
        grid = vectors.grid()[0]
        if self._integer:
            grid = np.trunc(grid).astype(np.int32)
        step = dense(grid, self._height, self._width)
        x, y = self._here[0] + step[..., 0], self._here[1] + step[..., 1]
        column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        inside = ((column >= 0) & (row >= 0) & (column < self._width)
                  & (row < self._height))
        column = np.where(inside, column, self._here[0].astype(np.intp))
        row = np.where(inside, row, self._here[1].astype(np.intp))
        past_x, past_y = self._x[row, column], self._y[row, column]
        if not self._integer:
            # What rounding the look-up left over is still to be travelled.
            past_x = past_x + np.where(inside, x - column, 0)
            past_y = past_y + np.where(inside, y - row, 0)
        self._x, self._y = past_x, past_y
        covered = vectors.covered()[0]
        self._inter = covered if self._inter is None else (
            covered & self._inter)

    def residual(self, frame, kind):
        """Return a picture's difference from the warped key picture.

        Returns:
            Residual: `motion` is the accumulated displacement, mean of each
            8x8 cell; `inter` marks cells predicted in every step, in place.
        """
        samples = planes(frame, self._bits)[:3]
        out = []
        for plane, key in zip(samples, self._key):
            down = round(self._height / plane.shape[0])
            across = round(self._width / plane.shape[1])
            x = self._x[::down, ::across][:plane.shape[0], :plane.shape[1]]
            y = self._y[::down, ::across][:plane.shape[0], :plane.shape[1]]
            if self._integer:
                warped = key[y // down, x // across]
            else:
                warped = _bilinear(key, x / across, y / down)
            out.append((plane - warped).astype(np.int16))
        while len(out) < 3:
            out.append(np.zeros_like(out[0]))
        return Residual(
            *out,
            motion=self._cell_motion(),
            inter=self._covered(),
            picture_type=kind,
            bit_depth=self._bits,
            colorspace=int(frame.colorspace),
            full_range=(int(frame.color_range) == 2
                        or frame.format.name.startswith('yuvj')))

    def _covered(self):
        if self._inter is None:  # the key picture itself
            return np.zeros((-(-self._height // 8), -(-self._width // 8)), bool)
        return self._inter.copy()

    def _cell_motion(self):
        displacement = np.stack(
            [self._x - self._here[0], self._y - self._here[1]], -1)
        height, width = -(-self._height // 8) * 8, -(-self._width // 8) * 8
        padded = np.pad(
            displacement,
            ((0, height - self._height), (0, width - self._width), (0, 0)),
            mode='edge')
        cells = padded.reshape(height // 8, 8, width // 8, 8, 2)
        return cells.mean((1, 3), dtype=np.float32)


def _bilinear(plane, x, y):
    """Sample a plane at fractional positions, edges repeated; rounded."""
    height, width = plane.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(
        top + 1, height - 1)
    across, down = x - left, y - top
    upper = plane[top, left] * (1 - across) + plane[top, right] * across
    lower = plane[bottom, left] * (1 - across) + plane[bottom, right] * across
    return np.rint(upper * (1 - down) + lower * down).astype(np.int32)
