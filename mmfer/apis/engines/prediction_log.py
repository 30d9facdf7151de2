# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Results of a long run, kept as they come: one line of JSON for each file.

The lines of a job are appended together. A run that was stopped leaves whole
lines and perhaps a part of one, which the next run cuts off; it goes on with
the files that have no line yet. Each line names the run that it belongs to,
so that results of two models are never mixed.
"""
import json
import os
from typing import Dict, Iterator, Optional, Sequence

from mmfer.atomic import writing


class PredictionLogError(ValueError):
    """A file that cannot be continued; the message says why."""


class PredictionLog:
    """Lines by file, on disk if there is a path.

    Args:
        path (str, optional): The ``.jsonl`` file; continued if it exists.
            Defaults to None: lines are kept in memory.
        run (str): What tells this run from others. Defaults to ''.

    Raises:
        PredictionLogError: The file belongs to another run or is none.
    """

    def __init__(self, path: Optional[str] = None, run: str = '') -> None:
        self.path = None if path is None else os.path.abspath(path)
        self._run = run
        self._lines: Dict[str, str] = {}  # without a path
        self._places: Dict[str, int] = {}  # where a line begins
        if self.path is not None:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._continue()

    def _continue(self) -> None:
        end = 0
        with open(self.path, 'a+b') as file:
            file.seek(0)
            for line in file:
                if not line.endswith(b'\n'):
                    break  # the run was stopped while it wrote this line
                try:
                    record = json.loads(line)
                    run, name = record['run'], record['path']
                except (ValueError, KeyError, TypeError):
                    raise PredictionLogError(
                        f'{self.path}: is not a log of predictions; give '
                        'another name') from None
                if run != self._run:
                    raise PredictionLogError(
                        f'{self.path}: was made with another model or with '
                        'other settings; delete it or give another name')
                self._places.setdefault(name, end)
                end += len(line)
            file.truncate(end)

    def __contains__(self, name: str) -> bool:
        return name in self._places or name in self._lines

    def __len__(self) -> int:
        return len(self._places) + len(self._lines)

    def add(self, lines: Sequence[str]) -> int:
        """Keep the lines of a job; files that have one keep theirs.

        Args:
            lines (Sequence[str]): JSON.

        Returns:
            int: How many were new.
        """
        new = {}
        for line in lines:
            record = dict(run=self._run, **json.loads(line))
            if record['path'] not in self and record['path'] not in new:
                new[record['path']] = json.dumps(record, ensure_ascii=False)
        if self.path is None:
            self._lines.update(new)
        elif new:
            with open(self.path, 'ab') as file:
                place = file.tell()
                block = b''
                for name, line in new.items():
                    self._places[name] = place + len(block)
                    block += line.encode() + b'\n'
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
        return len(new)

    def read(self, names: Sequence[str]) -> Iterator[str]:
        """Give the lines of some files.

        Args:
            names (Sequence[str]): Files that have one.

        Yields:
            str: JSON, in the order of the names.
        """
        if self.path is None:
            yield from (self._lines[name] for name in names)
            return
        with open(self.path, 'rb') as file:
            for name in names:
                file.seek(self._places[name])
                yield file.readline().decode().rstrip('\n')

    def sort(self, names: Sequence[str]) -> None:
        """Bring the file into an order, when nothing is missing any more.

        Args:
            names (Sequence[str]): All files.
        """
        if self.path is None:
            return
        others = [name for name in self._places if name not in set(names)]
        with writing(self.path) as file:
            for line in self.read([*names, *others]):
                file.write(line + '\n')
        self._places.clear()
        self._continue()
