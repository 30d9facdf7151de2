# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Worker processes of which any may die at any time.

Every worker has a pipe of its own and one job at a time, so it is known which
job a dead worker had. That job is given to another worker; if it kills that
one too, it is reported and the rest goes on. (A process pool of the standard
library forgets which job it was and gives all of them up.)
"""
import multiprocessing
import signal
from collections import deque
from multiprocessing.connection import wait
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

_ATTEMPTS = 2
_FAILED_STARTS = 3


class WorkersFailed(RuntimeError):
    """The workers cannot be started, or the work raised an error."""


class Died:
    """The result of a job that killed every worker which had it.

    Args:
        exitcode (int): Of the last one; negative is a signal.
    """

    def __init__(self, exitcode: Optional[int]) -> None:
        self.exitcode = exitcode

    def __str__(self) -> str:
        if self.exitcode is not None and self.exitcode < 0:
            return f'killed by signal {-self.exitcode}'
        return f'exit code {self.exitcode}'


def run_jobs(make: Callable[..., Callable[[Any], Any]],
             arguments: tuple,
             jobs: Sequence[Any],
             workers: int = 1) -> Iterator[Tuple[int, Any]]:
    """Do jobs in parallel; results come as they are ready.

    Args:
        make (Callable): Called once in every process with ``arguments``;
            returns the function that does a job, or the generator function
            that gives it in parts. Picklable, as are jobs.
        arguments (tuple): Of ``make``.
        jobs (Sequence): What the function is called with.
        workers (int): Processes, started afresh ('spawn'); 0 works in this
            process. Defaults to 1.

    Yields:
        tuple: Position of the job, and its result or :class:`Died`. Of a
        generator every part, as it is ready: those of a job that is repeated
        come once more.

    Raises:
        WorkersFailed: No worker starts, or a job raised an exception; its
            message is that of the exception.
    """
    if not workers:
        work = make(*arguments)
        for number, job in enumerate(jobs):
            result = work(job)
            if isinstance(result, Iterator):
                for part in result:
                    yield number, part
            else:
                yield number, result
        return
    crew = _Crew(make, arguments, jobs)
    try:
        yield from crew.work(min(workers, len(jobs)))
    finally:
        crew.stop()


class _Worker:
    """A process, the pipe to it, and the job it has."""

    def __init__(self, context, make, arguments) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, make, arguments), daemon=True)
        self.process.start()
        # Ours has to be the only other end: it breaks when this one dies.
        theirs.close()
        self.job: Optional[int] = None
        self.ready = False


class _Crew:

    def __init__(self, make, arguments, jobs) -> None:
        self._context = multiprocessing.get_context('spawn')
        self._make, self._arguments, self._jobs = make, arguments, jobs
        self._waiting = deque(range(len(jobs)))
        self._deaths = [0] * len(jobs)
        self._workers: List[_Worker] = []
        self._failed_starts = 0

    def _hire(self) -> None:
        self._workers.append(
            _Worker(self._context, self._make, self._arguments))

    def work(self, count: int) -> Iterator[Tuple[int, Any]]:
        for _ in range(count):
            self._hire()
        left = len(self._jobs)
        while left:
            by_pipe = {worker.pipe: worker for worker in self._workers}
            for pipe in wait(list(by_pipe)):
                worker = by_pipe[pipe]
                try:
                    kind, content = pipe.recv()
                except (EOFError, OSError):
                    result = self._bury(worker)
                    if result is not None:
                        left -= 1
                        yield result
                    continue
                if kind == 'failed':
                    raise WorkersFailed(content)
                if kind == 'part':
                    yield worker.job, content
                elif kind in ('done', 'end'):
                    number, worker.job = worker.job, None
                    left -= 1
                    self._employ(worker)
                    if kind == 'done':
                        yield number, content
                else:
                    worker.ready = True
                    self._failed_starts = 0
                    self._employ(worker)

    def _employ(self, worker: _Worker) -> None:
        if not self._waiting:
            return
        worker.job = self._waiting.popleft()
        try:
            worker.pipe.send(self._jobs[worker.job])
        except OSError:
            pass  # it is dead; its pipe says so in the next round

    def _bury(self, worker: _Worker) -> Optional[Tuple[int, Died]]:
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise WorkersFailed(
                    'worker processes end before they work '
                    f'({Died(worker.process.exitcode)}); run with one '
                    'process (--workers 0) to see why')
        died = None
        if worker.job is not None:
            self._deaths[worker.job] += 1
            if self._deaths[worker.job] < _ATTEMPTS:
                self._waiting.appendleft(worker.job)
            else:
                died = worker.job, Died(worker.process.exitcode)
        idle = [w for w in self._workers if w.ready and w.job is None]
        if self._waiting and idle:
            self._employ(idle[0])
        elif self._waiting:
            self._hire()
        return died

    def stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            # Those that work on something would finish it first.
            if worker.job is not None or not worker.ready:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _serve(pipe, make, arguments) -> None:
    """Work in a process of its own until the pipe breaks."""
    # Ctrl-C goes to the whole group; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work = make(*arguments)
        pipe.send(('ready', None))
        while True:
            result = work(pipe.recv())
            if isinstance(result, Iterator):
                for part in result:
                    pipe.send(('part', part))
                pipe.send(('end', None))
            else:
                pipe.send(('done', result))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone or needs no more
    except Exception as error:
        # Errors of our own speak for themselves.
        known = isinstance(error, (RuntimeError, OSError))
        text = str(error) if known else f'{type(error).__name__}: {error}'
        try:
            pipe.send(('failed', text))
        except OSError:
            pass
