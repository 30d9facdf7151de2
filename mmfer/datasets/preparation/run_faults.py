# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What ends a run, because it is no fault of the clip that met it."""
import contextlib
import errno
import shutil
from pathlib import Path
from typing import Iterator, Optional

import av

from .source_state import readable

_LEAST_FREE = 32 << 20  # bytes; below it failures are the disk's, not a clip's
_OF_THE_MACHINE = {
    errno.ENOSPC: 'the disk is full, or has no room for more files',
    errno.EDQUOT: 'the quota of the disk is used up',
    errno.EFBIG: 'files may not become so large here (see ulimit -f)',
    errno.EROFS: 'the disk is read-only',
    errno.EMFILE: 'too many files are open (see ulimit -n)',
    errno.ENFILE: 'too many files are open on this machine',
    errno.ENOMEM: 'there is not enough memory',
}


class PreparationError(RuntimeError):
    """Something that concerns the whole run; one line for the user."""


@contextlib.contextmanager
def machine_faults(out: Path, source: object = '') -> Iterator[None]:
    """Let errors of the machine end the run; others pass.

    Args:
        out (Path): Folder of the data set.
        source (object): The clip that was worked on. Defaults to '', none.

    Raises:
        PreparationError: No room, too many open files and the like.
    """
    try:
        yield
    except PreparationError:
        raise
    except Exception as error:  # noqa: B902 - most are passed on
        # Some libraries lose the number: a full disk is looked for then.
        fault = _fault(error) or (_full(out) if source else None)
        if fault is None:
            raise
        at = f' (it happened at {readable(source)})' if source else ''
        raise PreparationError(
            f'{out}: {fault}{at}; put that right and start the same command '
            'again, nothing is lost') from error


def _fault(error: Optional[BaseException]) -> Optional[str]:
    """Look for an error of the machine among what led to an error."""
    met = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        # FFmpeg's errors have a number of the same kind. Its answer to an
        # absurd size in a damaged file is that there is no memory.
        number = getattr(error, 'errno', None)
        if isinstance(error, MemoryError):
            number = None if isinstance(error, av.FFmpegError) else \
                errno.ENOMEM
        if number in _OF_THE_MACHINE:
            return _OF_THE_MACHINE[number]
        # Ours are raised `from None`, which hides but keeps the first one.
        error = error.__cause__ or error.__context__
    return None


def _full(out: Path) -> Optional[str]:
    try:
        free = shutil.disk_usage(out).free
    except OSError:
        return None
    if free >= _LEAST_FREE:
        return None
    return f'the disk is full ({free >> 20} MiB left)'
