# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures one by one: what is stored of them, and into an MP4."""
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Callable, Iterator, Optional, Union

import av
import cv2
import numpy as np

from mmfer.atomic import replacing
from mmfer.codec import CompressedVideo, CompressedVideoError

from .compressed import draw_motion, draw_residual

_NOTHING = 235  # grey of what cannot be shown
_AHEAD = 16  # pictures read at once
_GAIN = 3.  # levels of grey per level of residual
FULL_MOTION = 8.  # pixels, of the full colour


class StoredPictures:
    """Residual and motion of one picture after the other, to be looked at.

    A single packet of a modern encoder often adds next to nothing; what the
    networks read, and what can be seen, is the chain of packets. So both are
    summed up since the last full ``span``, which bounds time and memory.

    Args:
        video (CompressedVideo): Open; its owner closes it.
        span (float): Seconds after which the chain begins again.
            Defaults to 2.
    """

    def __init__(self, video: CompressedVideo, span: float = 2.) -> None:
        self._video = video
        self.span = max(round(span * (video.fps or 25)), 1)
        self._first, self._chains = 0, []

    def start(self, index: int) -> int:
        """Return the picture at which the chain of a picture begins."""
        return index // self.span * self.span

    def __call__(self, index: int) -> tuple:
        """Draw what is stored up to a picture.

        Args:
            index (int): Display index; ascending ones are cheapest.

        Returns:
            tuple[np.ndarray, np.ndarray]: Residual and motion, uint8
            (H, W, 3) RGB; light grey where nothing can be read.
        """
        if not 0 <= index - self._first < len(self._chains):
            self._read(index)
        chain = self._chains[index - self._first]
        shape = (self._video.height, self._video.width)
        blank = np.full(shape + (3, ), _NOTHING, np.uint8)
        if chain is None:
            return blank, blank
        if chain.motion is None:
            return draw_residual(chain, _GAIN), blank
        return draw_residual(chain, _GAIN), draw_motion(
            chain.motion, shape, FULL_MOTION, chain.inter)

    def _read(self, index: int) -> None:
        start = self.start(index)
        stop = min(index + _AHEAD, start + self.span, len(self._video))
        asked = range(index, max(stop, index + 1))
        self._first = index
        try:
            self._chains = self._video.chained_at(asked, start)
        except (CompressedVideoError, IndexError):
            self._chains = [None] * len(asked)


@contextmanager
def mp4_writer(path: Union[str, Path],
               width: int,
               height: int,
               fps: float,
               quality: int = 20,
               gop: Optional[int] = None) -> Iterator[Callable]:
    """Write an MP4 that browsers play; nothing is left of half a file.

    H.264 where PyAV has an encoder for it, as its wheels do, else MPEG-4.

    Args:
        path (str | Path): The file, replaced if it exists.
        width, height (int): Even numbers.
        fps (float): Pictures a second; 0 counts as 25.
        quality (int): CRF of x264; lower is better. Defaults to 20.
        gop (int, optional): Pictures from one key picture to the next: few
            make it quick to jump. Defaults to None, the encoder's choice.

    Yields:
        Callable: Takes one uint8 (height, width, 3) RGB array.
    """
    with replacing(path) as temporary, av.open(
            str(temporary), 'w', format='mp4',
            options=dict(movflags='+faststart')) as container:
        rate = Fraction(fps or 25).limit_denominator(1001)
        stream = container.add_stream(_encoder(), rate=rate)
        stream.width, stream.height = width, height
        stream.pix_fmt = 'yuv420p'
        if gop:
            stream.gop_size = gop
        if stream.codec_context.name == 'libx264':
            stream.options = dict(crf=str(quality), preset='veryfast')
        else:
            stream.options = dict(qscale='3')

        def write(picture: np.ndarray) -> None:
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            container.mux(stream.encode(frame))

        yield write
        container.mux(stream.encode())


def _encoder() -> str:
    try:
        return av.codec.Codec('libx264', 'w').name
    except av.codec.codec.UnknownCodecError:
        return 'mpeg4'


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Bring a picture to a size.

    Args:
        picture (np.ndarray): (H, W, 3).
        width, height (int): Wanted.

    Returns:
        np.ndarray: (height, width, 3) of the same type.
    """
    if picture.shape[:2] == (height, width):
        return picture
    smaller = width < picture.shape[1]
    return cv2.resize(
        picture, (width, height),
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def even(number: float) -> int:
    """Round to an even number, at least 2.

    Args:
        number (float): Any.

    Returns:
        int: What 4:2:0 video can be wide or high.
    """
    return max(2 * round(number / 2), 2)


def tell(progress: Optional[Callable], done: int, total: int) -> None:
    """Call ``progress(done, total)`` if there is such a function."""
    if progress is not None:
        progress(done, total)
