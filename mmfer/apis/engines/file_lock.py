# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A file that one process at a time has open to continue it.

Platforms and file systems without ``flock`` open it all the same.
"""
import os
from typing import IO, Optional

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


class FileInUse(OSError):
    """Another process has the file open; the message says which."""


def open_alone(path: str) -> IO[bytes]:
    """Open a file to read and to write; nobody else can until it is closed.

    Args:
        path (str): The file, made if there is none.

    Returns:
        IO[bytes]: The open file.

    Raises:
        FileInUse: Somebody else has it open.
        OSError: It cannot be opened.
    """
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), 'r+b')
        try:
            keep_alone(file, path)
            if os.path.exists(path) and os.path.samestat(
                    os.fstat(file.fileno()), os.stat(path)):
                return file
        except BaseException:
            file.close()
            raise
        # Replaced by its last owner while it was being opened.
        file.close()


def keep_alone(file: IO[bytes], path: str) -> None:
    """Keep others from an open file.

    Args:
        file (IO[bytes]): The file.
        path (str): Its name.

    Raises:
        FileInUse: Somebody else has it.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _owner(os.fstat(file.fileno()))
        by = f'process {owner}' if owner else 'another process'
        raise FileInUse(
            f'{path}: {by} is working on it; wait until it has ended, or give '
            'another name') from None
    except OSError:
        pass  # some network file systems cannot


def _owner(status: os.stat_result) -> Optional[int]:
    """Number of the process that has the lock, where Linux tells."""
    place = (f'{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:'
             f'{status.st_ino}')
    try:
        with open('/proc/locks', encoding='ascii') as locks:
            for line in locks:
                parts = line.split()
                if parts[1] == 'FLOCK' and parts[5] == place:
                    return int(parts[4]) if int(parts[4]) > 0 else None
    except (OSError, ValueError, IndexError):
        pass
    return None
