# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Spans of time that are classified one by one."""
from math import floor, isfinite
from typing import Iterator, Optional, Tuple

import numpy as np

from mmfer.codec import CompressedVideo

#: Where a file does not say how many pictures a second it has.
ASSUMED_FPS = 25.
_ROUNDING = 1e-4  # seconds by which times may be off


def check_seconds(window: Optional[float], stride: Optional[float]) -> None:
    """Refuse spans of time that make no sense.

    Args:
        window (float, optional): Length of a window in seconds.
        stride (float, optional): From one window to the next, in seconds.

    Raises:
        ValueError: One is not positive, or there is a stride only.
    """
    for name, value in (('window', window), ('stride', stride)):
        if value is not None and not (value > 0 and isfinite(value)):
            raise ValueError(f'`{name}` is a positive time in seconds, got '
                             f'{value}')
    if stride is not None and window is None:
        raise ValueError('`stride` needs a `window`: without one the whole '
                         'clip is one window')


class PictureTimes:
    """When the pictures of a video are shown, in seconds from the first.

    Args:
        total (int): Number of pictures.
        fps (float): Pictures a second; 0 if unknown, then 25.
        times (np.ndarray, optional): float64 (total, ), from the file. They
            are used if one of them is off an even rate by more than half a
            picture; else they are rounded, and the rate is not.
            Defaults to None, not known.

    Attributes:
        uneven (np.ndarray | None): ``times``, if they are used.
    """

    def __init__(self, total: int, fps: float,
                 times: Optional[np.ndarray] = None) -> None:
        self._total = total
        self._rate = fps or ASSUMED_FPS
        self.uneven = None
        if times is not None and total > 1:
            even = np.arange(total) / self._rate
            if np.abs(times - even).max() > .5 / self._rate:
                self.uneven = times

    def at(self, index: int) -> float:
        """Return when a picture is shown.

        Args:
            index (int): Display index.

        Returns:
            float: Seconds.
        """
        return index / self._rate if self.uneven is None else \
            self.uneven.item(index)

    def windows(self, window: Optional[float] = None,
                stride: Optional[float] = None) -> Iterator[Tuple[int, int]]:
        """Cut the video into windows of one length.

        Args:
            window, stride (float, optional): See :func:`plan_windows`.

        Yields:
            tuple[int, int]: Likewise.
        """
        check_seconds(window, stride)
        if window is None or self.uneven is None:
            yield from plan_windows(self._total, self._rate, window, stride)
            return
        end = self.uneven.item(-1) + 1 / self._rate
        step, number, last = stride or window, 0, None
        while number is not None and \
                number * step + window < end - _ROUNDING:
            begin = number * step
            found = self._between(begin, begin + window)
            if found and found != last:  # else nothing changes there
                yield found
                last = found
            number = self._next(begin, window, step, number)
        found = self._between(max(0., end - window), end)
        if found and found != last:
            yield found

    def _next(self, begin, window, step, number) -> Optional[int]:
        """Number of the next window that differs; None if none does.

        A wrong time in a file may lie centuries behind the others.
        """
        edges = np.searchsorted(self.uneven, (
            begin - _ROUNDING, begin + window - _ROUNDING)).tolist()
        # When a picture leaves, and when one comes.
        changes = [self.uneven.item(edge) - shift
                   for edge, shift in zip(edges, (0., window))
                   if edge < self._total]
        if not changes:
            return None
        return max(number + 1, floor((min(changes) + _ROUNDING) / step))

    def _between(self, begin, end) -> Optional[Tuple[int, int]]:
        """Pictures that begin in a span; at least two, if there is one."""
        first, stop = np.searchsorted(
            self.uneven, (begin - _ROUNDING, end - _ROUNDING)).tolist()
        if first == stop:
            return None
        stop = min(max(stop, first + 2), self._total)
        return max(0, min(first, stop - 2)), stop


def picture_times(video: CompressedVideo) -> PictureTimes:
    """Tell when the pictures of a video are shown.

    Args:
        video (CompressedVideo): Open.

    Returns:
        PictureTimes: Of the file, or of its rate.
    """
    return PictureTimes(len(video), video.fps, video.times)


def plan_windows(total: int,
                 fps: float,
                 window: Optional[float] = None,
                 stride: Optional[float] = None
                 ) -> Iterator[Tuple[int, int]]:
    """Cut a file of an even rate into windows of one length.

    The last window ends with the file, so that it is as long as the others
    and may overlap the one before by more than they do. A file shorter than a
    window is one window.

    Args:
        total (int): Number of pictures.
        fps (float): Pictures a second; 0 if unknown, then 25.
        window (float, optional): Seconds. Defaults to None, the whole file.
        stride (float, optional): Seconds. Defaults to None, as ``window``.

    Yields:
        tuple[int, int]: Display index of the first picture, and of the one
        behind the last.

    Example:
        >>> list(plan_windows(100, 25, window=2, stride=1))
        [(0, 50), (25, 75), (50, 100)]
        >>> list(plan_windows(60, 25, window=2))
        [(0, 50), (10, 60)]
    """
    check_seconds(window, stride)
    if total < 1:
        return
    rate = fps or ASSUMED_FPS
    length = total if window is None else max(2, round(window * rate))
    step = length if stride is None else max(1, round(stride * rate))
    first = 0
    while first + length < total:
        yield first, first + length
        first += step
    yield max(0, total - length), total
