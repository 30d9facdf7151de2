# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Keep what is finished, and go on from there."""
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Optional, TextIO


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


def write_text(path: Path, text: str) -> None:
    """Write a file that is either complete or not there.

    Args:
        path (Path): The file; replaced if it exists.
        text (str): Its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(text, 'utf-8')
    os.replace(partial, path)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that is either complete or not there.

    Args:
        path (Path): The file; replaced if it exists.
        content (Any): What JSON can hold.
    """
    write_text(path, json.dumps(content, indent=1) + '\n')


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
