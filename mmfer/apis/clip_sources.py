# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a user may give instead of a list of files."""
import glob
import os
import re
import stat
from pathlib import Path
from typing import Iterable, List, Tuple, Union

from mmfer.codec.source_pictures import natural_order

#: Files of a folder that are taken for videos.
VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.flv', '.mpg',
                  '.mpeg', '.3gp', '.ts', '.m2ts', '.h264', '.wmv')

Source = Union[str, bytes]
Inputs = Union[str, os.PathLike, bytes, Iterable]


class NoInput(ValueError):
    """There is nothing to predict; the message says where was looked."""


def is_stream(source: Union[str, int, os.PathLike, bytes]) -> bool:
    """Tell whether a source has no end: a camera or an address.

    Args:
        source: As a user gave it.

    Returns:
        bool: True for a number (a camera), a device or a URL.
    """
    if isinstance(source, int):
        return True
    if not isinstance(source, str):
        return False
    if re.fullmatch('[0-9]+', source):
        return not os.path.exists(source)
    return '://' in source or _is_device(source)


def _is_device(path: str) -> bool:
    """Cameras are character devices; there are files below /dev, too."""
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):
        # Not plugged in: better told as a camera than as a missing file.
        return os.path.dirname(path) == '/dev'


def expand_inputs(inputs: Inputs) -> List[Tuple[str, Source]]:
    """List the files behind what a user gave.

    Args:
        inputs (str | PathLike | bytes | Iterable): A file, the bytes of one, a
            folder (its videos, also in folders below), a pattern with ``*``,
            or several of these.

    Returns:
        list[tuple]: Name, and path or bytes, of each. A file that does not
        exist is listed: its prediction tells so.

    Raises:
        NoInput: A folder holds no video, or a pattern fits nothing.
    """
    if isinstance(inputs, (bytes, bytearray, memoryview)):
        return [(f'<{len(inputs)} bytes>', bytes(inputs))]
    if not isinstance(inputs, (str, os.PathLike)):
        return [pair for item in inputs for pair in expand_inputs(item)]
    path = os.fspath(inputs)
    if os.path.isdir(path):
        return [(name, name) for name in _videos_below(path)]
    if any(sign in path for sign in '*?[') and not os.path.exists(path):
        found = sorted(
            (name for name in glob.glob(path, recursive=True)
             if os.path.isfile(name)), key=natural_order)
        if not found:
            raise NoInput(f'{path}: no file fits this pattern')
        return [(name, name) for name in found]
    return [(path, path)]


def _videos_below(folder: str) -> List[str]:
    found = [
        str(path) for path in Path(folder).rglob('*')
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    ]
    if not found:
        raise NoInput(
            f'{folder}: no video in this folder; looked for files that end '
            f'in {", ".join(VIDEO_SUFFIXES)}')
    return sorted(found, key=natural_order)
