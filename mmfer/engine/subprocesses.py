# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Run a command for hours: log, lock, look after it, end it with oneself.

A driver that is killed (``kill -9``, out of memory) leaves its children
running. They hold an inherited lock on their folder, so that a second driver
waits for them instead of training in the same folder at the same time.
"""
import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Sequence


class CommandFailed(RuntimeError):
    """A command ended with an error; the message names its log."""


class Stopped(RuntimeError):
    """The user asked to stop."""


#: How often a command, or a lock, is looked at.
POLL_SECONDS = 1.


@contextlib.contextmanager
def folder_lock(folder: Path,
                stop: threading.Event,
                tell: Callable[[str], None]) -> Iterator[Optional[int]]:
    """Keep everybody else out of a folder; wait for whoever is in it.

    Args:
        folder (Path): Must exist.
        stop (threading.Event): Ends the waiting.
        tell (Callable): Gets one line if there is something to wait for.

    Yields:
        int | None: Descriptor of the lock, which children inherit; None on
        systems without such locks.

    Raises:
        Stopped: While waiting.
    """
    try:
        import fcntl
    except ImportError:  # Windows: one has to take care oneself
        yield None
        return
    with open(folder / '.lock', 'a+', encoding='utf-8') as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if not waiting:
                    tell('a training of an earlier start still runs in '
                         f'{folder}; waiting for it')
                    waiting = True
                if stop.wait(POLL_SECONDS):
                    raise Stopped from None
        yield file.fileno()


def run_command(command: Sequence[str],
                log: Path,
                environment: Dict[str, str],
                lock: Optional[int],
                stop: threading.Event,
                look: Callable[[], None] = lambda: None) -> None:
    """Run a command to its end, its output appended to a file.

    Args:
        command (Sequence[str]): Program and arguments; no shell is involved.
        log (Path): File for standard output and errors.
        environment (dict[str, str]): Variables besides those of this process.
        lock (int, optional): Descriptor that the command holds open.
        stop (threading.Event): Ends the command.
        look (Callable): Called every second. Defaults to nothing.

    Raises:
        CommandFailed: It ended with an error or could not be started.
        Stopped: ``stop`` was set.
    """
    with open(log, 'ab') as file:
        file.write(f'\n$ {shlex.join(map(str, command))}\n'.encode())
        file.flush()
        start = file.tell()
        try:
            process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                pass_fds=() if lock is None else (lock, ),
                start_new_session=True)
        except OSError as error:
            raise CommandFailed(f'{command[0]}: {error.strerror}') from None
    while True:
        try:
            code = process.wait(POLL_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if stop.is_set():
                _end(process)
                raise Stopped from None
            look()
    if code:
        raise CommandFailed(
            f'{_last_line(log, start)} (exit code {code}; see {log})')


def _end(process: subprocess.Popen) -> None:
    """End a command and its own children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(10)
            return
        except subprocess.TimeoutExpired:
            continue


def _last_line(log: Path, start: int) -> str:
    """The last words, which in Python are the error."""
    with open(log, 'rb') as file:
        file.seek(max(start, log.stat().st_size - 4096))
        lines = file.read().decode('utf-8', 'replace').split('\n')
    lines = [line.strip() for line in lines if line.strip()]
    return lines[-1][:300] if lines else 'no output'


def say(text: str) -> None:
    """Print a line with the time.

    Args:
        text (str): The line.
    """
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)
