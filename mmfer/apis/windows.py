# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Spans of time that are classified one by one."""
from typing import Iterator, Optional, Tuple

#: Where a file does not say how many pictures a second it has.
ASSUMED_FPS = 25.


def check_seconds(window: Optional[float], stride: Optional[float]) -> None:
    """Refuse spans of time that make no sense.

    Args:
        window (float, optional): Length of a window in seconds.
        stride (float, optional): From one window to the next, in seconds.

    Raises:
        ValueError: One is not positive, or there is a stride only.
    """
    for name, value in (('window', window), ('stride', stride)):
        if value is not None and not value > 0:
            raise ValueError(f'`{name}` is a positive time in seconds, got '
                             f'{value}')
    if stride is not None and window is None:
        raise ValueError('`stride` needs a `window`: without one the whole '
                         'clip is one window')


def plan_windows(total: int,
                 fps: float,
                 window: Optional[float] = None,
                 stride: Optional[float] = None
                 ) -> Iterator[Tuple[int, int]]:
    """Cut a file into windows of one length.

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
