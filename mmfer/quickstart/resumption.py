# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Keep what is finished, and go on from there."""
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Optional, TextIO

from mmfer.atomic import write_json


def digest(*parts: Any) -> str:
    """Condense what a step depends on into one short word.

    Args:
        *parts: Paths (their files' contents count) and JSON values.

    Returns:
        str: Sixteen hexadecimal digits.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = [part] if part.is_file() else sorted(part.rglob('*.py'))
            for file in files:
                total.update(file.read_bytes())
        else:
            total.update(json.dumps(part, sort_keys=True).encode())
    return total.hexdigest()[:16]


def once(path: Path,
         key: str,
         work: Callable[[], Any],
         title: str,
         holds: Callable[[Any], bool] = lambda result: True) -> Any:
    """Do a step, or return its result when it was done before.

    Args:
        path (Path): Where the result is kept.
        key (str): What the step depends on; another one means do it again.
        work (Callable): Does the step and returns a JSON value.
        title (str): What is printed about it.
        holds (Callable): Whether a kept result still holds. Defaults to
            always.

    Returns:
        Any: The result.
    """
    try:
        kept = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError):
        kept = {}
    if kept.get('key') == key and holds(kept['result']):
        print(f'{title}: done before', flush=True)
        return kept['result']
    print(title, flush=True)
    start = time.monotonic()
    result = work()
    write_json(path, dict(key=key, result=result))
    print(f'    took {time.monotonic() - start:.0f} s', flush=True)
    return result


def hold(folder: Path) -> Optional[TextIO]:
    """Let one run at a time work in a folder.

    The lock passes on to the training processes. So after this process
    alone was killed, the next one waits for them instead of writing between.

    Args:
        folder (Path): The folder.

    Returns:
        TextIO | None: Open as long as the lock is held; None on systems
        without such locks.
    """
    try:
        import fcntl
    except ImportError:
        return None
    lock = open(folder / 'lock', 'w')
    os.set_inheritable(lock.fileno(), True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(f'Another run works in {folder}; waiting for its end',
              flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock
