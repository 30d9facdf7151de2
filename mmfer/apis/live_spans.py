# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Packets of a stream, put together into windows as they come."""
from dataclasses import dataclass, replace
from typing import Iterable, Iterator, List, Optional

from .live_packets import LivePacket

_ROUNDING = 1e-4  # seconds by which times may be off
_FEWEST = 2  # pictures of a window: one alone shows no change


@dataclass
class LiveSpan:
    """The packets of a window.

    Args:
        first (int): Number of the first one since the stream began.
        packets (list[LivePacket]): At least one, in decoding order.
        is_broken (bool): The time of the stream ran backwards behind them, or
            stood still.
    """

    first: int
    packets: List[LivePacket]
    is_broken: bool = False

    @property
    def stop(self) -> int:
        """Number of the packet behind the last one."""
        return self.first + len(self.packets)


class LiveSpans:
    """Cut a stream into windows of one length, at even distances.

    Packets between two windows are counted and dropped, those of two windows
    kept. Where the time runs backwards, or stands still for long, windows
    begin anew.

    Args:
        packets (Iterable[LivePacket]): As they come.
        window (float): Length in seconds.
        stride (float): From the beginning of one to that of the next.
        fps (float): Pictures a second, for how long the last one is shown.
        seconds (float, optional): Stop after so much of the stream.
            Defaults to None.

    Attributes:
        count (int): Packets that have come.
    """

    def __init__(self, packets: Iterable[LivePacket], window: float,
                 stride: float, fps: float,
                 seconds: Optional[float] = None) -> None:
        self._packets = packets
        self._window, self._stride = window, stride
        self._picture = 1 / fps
        # Where the time stands still no window would ever end.
        self._most = 100 + 100 * window * fps
        self._seconds = seconds
        self._held: List[LivePacket] = []
        self._begin = 0.
        self._shift = 0.
        self._last: Optional[float] = None
        self.count = 0

    def __iter__(self) -> Iterator[LiveSpan]:
        begun = False
        for live in self._packets:
            time = live.time + self._shift
            if self._last is not None and time < self._last - _ROUNDING:
                if self._held:
                    yield LiveSpan(self._first, self._held, is_broken=True)
                time = self._last + self._picture
                self._shift = time - live.time
                self._held, self._begin = [], time
            if self._seconds is not None and time > self._seconds:
                break
            self._last = time
            self._take(replace(live, time=time))
            if len(self._held) > self._most:
                yield LiveSpan(self._first, self._held, is_broken=True)
                self._held, self._begin = [], time
            while self._is_whole():
                begun = True
                yield LiveSpan(self._first, self._held[:self._length()])
                self._go_on()
        # The last picture is shown for a while, too.
        if len(self._held) >= _FEWEST and (
                not begun or self._last - self._held[0].time + self._picture
                >= self._window / 2 - _ROUNDING):
            yield LiveSpan(self._first, self._held)

    @property
    def _first(self):
        return self.count - len(self._held)

    def _take(self, live):
        self.count += 1
        if live.time < self._begin - _ROUNDING:
            return  # between two windows
        if not self._held and live.time >= self._begin + self._stride:
            self._begin = live.time
        self._held.append(live)

    def _length(self):
        end = self._begin + self._window - _ROUNDING
        return max(_FEWEST, sum(one.time < end for one in self._held))

    def _is_whole(self):
        """The packet that begins the next window completes this one."""
        return len(self._held) > self._length()

    def _go_on(self):
        self._begin += self._stride
        self._held = [one for one in self._held
                      if one.time >= self._begin - _ROUNDING]
        if self._held and self._held[0].time >= self._begin + self._stride:
            self._begin = self._held[0].time
