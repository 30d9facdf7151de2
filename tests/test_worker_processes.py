# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Worker processes may die at any time; no job is lost or done twice."""
import os
import signal
from pathlib import Path

import pytest

from mmfer.worker_processes import Died, WorkersFailed, run_jobs


def make_work(folder):
    """A job is a number; some numbers are trouble."""
    def work(job):
        with open(Path(folder, f'{job}.tried'), 'a') as tried:
            tried.write('x')
            first = tried.tell() == 1
        if job == 13 or job == 7 and first:
            os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))
        if job == 99:
            raise ValueError('not a job')
        return job * 2
    return work


def make_nothing():
    raise RuntimeError('cannot start')


def make_dead():
    os._exit(3)


@pytest.mark.parametrize('workers', [1, 2])
def test_dead_workers_are_replaced(tmp_path, workers):
    """One job kills its worker once, another one always."""
    jobs = [1, 7, 13, 2]
    results = list(run_jobs(make_work, (str(tmp_path), ), jobs, workers))
    found = dict(results)
    assert len(results) == len(found) == 4
    assert (found[0], found[1], found[3]) == (2, 14, 4)
    assert isinstance(found[2], Died)
    assert str(found[2]) == f'killed by signal {int(signal.SIGKILL)}'
    tried = {path.stem: len(path.read_text())
             for path in tmp_path.iterdir()}
    assert tried == {'1': 1, '7': 2, '13': 2, '2': 1}


def test_in_this_process(tmp_path):
    assert list(run_jobs(make_work, (str(tmp_path), ), [4, 5], 0)) == [
        (0, 8), (1, 10)]


def make_parts(folder):
    """The second part of a job kills its worker, but once."""
    def work(job):
        yield job
        with open(Path(folder, f'{job}.tried'), 'a') as tried:
            tried.write('x')
            if tried.tell() == 1:
                os._exit(1)
        yield job + 1
    return work


def test_parts_come_as_they_are_ready(tmp_path):
    found = list(run_jobs(make_parts, (str(tmp_path), ), [10, 20], 1))
    assert found == [(0, 10), (0, 10), (0, 11), (1, 20), (1, 20), (1, 21)]
    assert list(run_jobs(make_parts, (str(tmp_path), ), [10], 0)) == [
        (0, 10), (0, 11)]


def test_errors_come_through(tmp_path):
    with pytest.raises(WorkersFailed, match='ValueError: not a job'):
        list(run_jobs(make_work, (str(tmp_path), ), [99], 1))
    with pytest.raises(WorkersFailed, match='^cannot start'):
        list(run_jobs(make_nothing, (), [1], 1))


def test_workers_that_never_start_are_given_up():
    with pytest.raises(WorkersFailed, match='end before they work.*code 3'):
        list(run_jobs(make_dead, (), [1, 2], 2))


def test_no_jobs():
    assert list(run_jobs(make_dead, (), [], 2)) == []
