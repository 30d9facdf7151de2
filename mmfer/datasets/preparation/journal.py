# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What has been done so far: one JSON line per clip, written by one process.

A line is written after its clip is in place. A run that is killed in between
makes that clip again, over the old file: nothing is lost, nothing is there
twice. A line that was cut short is dropped when the journal is opened again.
"""
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Union

from mmfer.atomic import write_text

JOURNAL = 'prepare.jsonl'


class Journal:
    """The records of a folder of clips; the last one of a clip counts.

    Args:
        path (str | Path): The file; made if it does not exist.

    Attributes:
        records (dict[str, dict]): Record of each clip by name.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self.records: Dict[str, Dict[str, Any]] = {}
        complete = self._read()
        if complete is not None:
            os.truncate(self.path, complete)
        self._file = open(self.path, 'a', encoding='utf-8')

    def _read(self):
        """Read all whole lines; return their length in bytes."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        complete = 0
        for line in content.splitlines(keepends=True):
            try:
                record = json.loads(line)
                name = record['name']
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b'\n'):
                break
            self.records[name] = record
            complete += len(line)
        return complete

    def add(self, record: Dict[str, Any]) -> None:
        """Write a record down.

        Args:
            record (dict): Plain types; ``name`` names the clip.
        """
        self.records[record['name']] = record
        self._file.write(json.dumps(record, ensure_ascii=False) + '\n')
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_) -> None:
        self.close()


def write_lines(path: Union[str, Path],
                records: Iterable[Dict[str, Any]]) -> None:
    """Write records as JSON lines, in one go.

    Args:
        path (str | Path): The file, replaced if it exists.
        records (Iterable[dict]): Plain types.
    """
    write_text(path, ''.join(
        json.dumps(record, ensure_ascii=False) + '\n' for record in records))
