# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How many, how fast, how long still: a bar, or lines in a log file."""
import sys
import time
from typing import Optional, TextIO

_PAUSE = 10.  # seconds between two lines of a log


class ProgressLine:
    """Progress of a run of known length, on stderr.

    On a terminal it is a bar (rich, which mmengine brings along); elsewhere,
    and without rich, a line every ten seconds and one at the end.

    Args:
        name (str): What is done.
        total (int): Length of the run.
        done (int): What an earlier run did. Defaults to 0.
        unit (str): What is counted. Defaults to 'clips'.
        shown (bool): Whether anything is printed. Defaults to True.
        stream (TextIO, optional): Defaults to None, stderr.
    """

    def __init__(self,
                 name: str,
                 total: int,
                 done: int = 0,
                 unit: str = 'clips',
                 shown: bool = True,
                 stream: Optional[TextIO] = None) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done, self._before = done, done
        self._stream = stream or sys.stderr
        self._shown = shown
        self._bar = None
        self._start = self._last = time.monotonic()
        if shown and self._stream.isatty():
            self._open_bar()

    def _open_bar(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import (BarColumn, MofNCompleteColumn, Progress,
                                       TextColumn, TimeElapsedColumn)
        except ImportError:
            return
        self._bar = Progress(
            TextColumn('{task.description}'), BarColumn(),
            MofNCompleteColumn(), TextColumn('{task.fields[speed]}'),
            TimeElapsedColumn(), console=Console(file=self._stream))
        self._task = self._bar.add_task(
            self.name, total=self.total, completed=self.done, speed='')
        self._bar.start()

    def speed(self) -> str:
        """Say how fast it goes and how long it still takes.

        Returns:
            str: Such as '12.3/s, 4 min left'.
        """
        passed = max(time.monotonic() - self._start, 1e-9)
        rate = (self.done - self._before) / passed
        if not rate:
            return 'starting'
        left = (self.total - self.done) / rate
        return f'{rate:.1f} {self.unit}/s, {_spoken(left)} left'

    def step(self, count: int = 1, note: str = '') -> None:
        """Count what was done.

        Args:
            count (int): How many more. Defaults to 1.
            note (str): Something to say with it. Defaults to ''.
        """
        self.done += count
        if not self._shown:
            return
        text = ', '.join(filter(None, [self.speed(), note]))
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, speed=text)
        elif now - self._last > _PAUSE or self.done == self.total:
            self._last = now
            print(f'{self.name}: {self.done}/{self.total}, {text}',
                  file=self._stream, flush=True)

    def __enter__(self) -> 'ProgressLine':
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.stop()


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    if seconds < 5400:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'
