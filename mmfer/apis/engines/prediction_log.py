# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Results of a long run, kept as they come: one line of JSON for each file.

A run that was stopped leaves whole lines and perhaps a part of one, which the
next run cuts off before it writes its first line; it goes on with the files
that have no line yet, or an error, or that have changed since. Of several
lines of a file the last one counts. Each line names the run that it belongs
to, so that results of two models are never mixed.
"""
import json
import os
import time
from typing import Dict, Iterator, Mapping, Optional, Sequence, Set

from mmfer.atomic import replacing
from .file_lock import keep_alone, open_alone

_PAUSE = 1.  # seconds after which lines are forced onto the disk


class PredictionLogError(ValueError):
    """A file that cannot be continued; the message says why."""


def file_stamps(names: Sequence[str]) -> Dict[str, list]:
    """Note what changes with the content of files.

    Args:
        names (Sequence[str]): Files.

    Returns:
        dict[str, list]: Bytes and nanoseconds of those that are there.
    """
    stamps = {}
    for name in names:
        try:
            status = os.stat(name)
        except (OSError, ValueError):
            continue  # its prediction will say so
        stamps[name] = [status.st_size, status.st_mtime_ns]
    return stamps


class PredictionLog:
    """Lines by file, on disk if there is a path; close it.

    Args:
        path (str, optional): The ``.jsonl`` file; continued if it exists.
            Defaults to None: lines are kept in memory.
        run (str): What tells this run from others. Defaults to ''.
        stamps (Mapping[str, list], optional): Of :func:`file_stamps`, to see
            which files have changed. Defaults to None.

    Raises:
        PredictionLogError: The file belongs to another run or is none.
        FileInUse: Another process writes it.
    """

    def __init__(self,
                 path: Optional[str] = None,
                 run: str = '',
                 stamps: Optional[Mapping[str, list]] = None) -> None:
        self.path = None if path is None else os.path.abspath(path)
        self._run = run
        self._stamps = stamps or {}
        self._lines: Dict[str, str] = {}  # without a path
        self._places: Dict[str, int] = {}  # where the last line begins
        self._answered: Set[str] = set()
        self._end = 0  # of the last whole line
        self._synced = 0.
        if self.path is None:
            return
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            raise PredictionLogError(f'{self.path}: is no file; give another '
                                     'name')
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._is_new = not os.path.exists(self.path)
        self._file = open_alone(self.path)
        try:
            self._read_all()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> 'PredictionLog':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let others write the file; a new one without a line is removed."""
        if self.path is None or self._file.closed:
            return
        if self._is_new and not os.fstat(self._file.fileno()).st_size:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        self._file.close()

    def _read_all(self) -> None:
        for line in self._file:
            if not line.endswith(b'\n'):
                self._check_rest(line)
                break
            try:
                record = json.loads(line)
                run, name = record['run'], record['path']
                self._places[name] = self._end
            except (ValueError, KeyError, TypeError):
                raise self._foreign() from None
            if run != self._run:
                raise self._other_run()
            if self._is_answer(record):
                self._answered.add(name)
            else:
                self._answered.discard(name)
            self._end += len(line)

    def _check_rest(self, rest: bytes) -> None:
        """What is cut off has to be of a line that was being written."""
        kind = b'{"run": "'
        ours = kind + self._run.encode() + b'"'
        if rest.startswith(ours) or ours.startswith(rest):
            return
        raise self._other_run() if rest.startswith(kind) else self._foreign()

    def _foreign(self) -> PredictionLogError:
        return PredictionLogError(f'{self.path}: is not a log of predictions; '
                                  'give another name')

    def _other_run(self) -> PredictionLogError:
        return PredictionLogError(
            f'{self.path}: was made with another model or with other '
            'settings; delete it or give another name')

    def _is_answer(self, record: dict) -> bool:
        """Whether the file need not be predicted once more."""
        if record.get('error') is not None:
            return False
        before, now = record.get('stamp'), self._stamps.get(record['path'])
        return before is None or now is None or list(before) == list(now)

    def __contains__(self, name: str) -> bool:
        return name in self._answered

    def __len__(self) -> int:
        return len(self._answered)

    def add(self, lines: Sequence[str]) -> int:
        """Keep some lines; files that are answered keep theirs.

        Args:
            lines (Sequence[str]): JSON.

        Returns:
            int: How many were new.
        """
        new = {}
        for line in lines:
            record = json.loads(line)
            name = record['path']
            if name in self or name in new:
                continue
            about = dict(run=self._run)
            if name in self._stamps:
                about['stamp'] = list(self._stamps[name])
            new[name] = json.dumps({**about, **record}, ensure_ascii=False,
                                   allow_nan=False)
        if self.path is None:
            self._lines.update(new)
        elif new:
            self._append(new)
        self._answered.update(new)
        return len(new)

    def _append(self, new: Dict[str, str]) -> None:
        self._file.seek(self._end)
        self._file.truncate()
        end, places = self._end, {}
        for name, line in new.items():
            data = _encoded(line)
            self._file.write(data)
            places[name] = end
            end += len(data)
        self._file.flush()
        self._places.update(places)
        self._end = end
        if time.monotonic() - self._synced > _PAUSE:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

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
        # By a way of its own: what a full disk did not take is still waiting
        # in the other one, and would be written first.
        with open(self.path, 'rb') as file:
            for name in names:
                file.seek(self._places[name])
                yield file.readline().decode().rstrip('\n')

    def _line_at(self, place: int) -> bytes:
        self._file.seek(place)
        return self._file.readline()

    def sort(self, names: Sequence[str]) -> None:
        """Bring the file into an order, when nothing is missing any more.

        Args:
            names (Sequence[str]): All files.
        """
        if self.path is None:
            return
        asked = set(names)
        order = [*names, *(name for name in self._places
                           if name not in asked)]
        with replacing(self.path) as temporary:
            # Ours from the start: it takes the place of the old one.
            file = open(temporary, 'w+b')
            try:
                keep_alone(file, self.path)
                places, end = {}, 0
                for name in order:
                    line = self._line_at(self._places[name])
                    file.write(line)
                    places[name] = end
                    end += len(line)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                file.close()
                raise
            if os.name == 'nt':  # which does not replace what is open
                file.close()
                self._file.close()
        self._file.close()
        if file.closed:
            file = open_alone(self.path)
        self._file, self._places, self._end = file, places, end


def _encoded(line: str) -> bytes:
    """A name need not be UTF-8; its JSON escapes give it back."""
    return line.encode('utf-8', 'backslashreplace') + b'\n'
