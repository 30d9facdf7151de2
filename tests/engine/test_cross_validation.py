# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The driver of all folds, with quick tools that stand in for the real ones.

``tests/test_cross_validate.py`` runs it with the real ones.
"""
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

from mmfer.datasets.folds import read_folds  # noqa: E402
from mmfer.engine.cross_report import make_report, write_report  # noqa: E402
from mmfer.engine.cross_validation import CrossValidation  # noqa: E402
from mmfer.engine.fold_config import FoldError  # noqa: E402
from mmfer.engine.fold_plan import plan_folds  # noqa: E402
from mmfer.engine.launch import Launch  # noqa: E402

TOOLS = Path(__file__).parent / 'stand_in'


@pytest.fixture
def start(tmp_path, write_annotations, config):
    """Make the driver of a toy data set in three folds."""
    data = tmp_path / 'data'
    data.mkdir()
    write_annotations(data)

    def make(folds=('all', ), seeds=(0, ), jobs=1, epochs=3, **launch):
        def load(fold=None):
            cfg = config(data)
            cfg.train_cfg.max_epochs = epochs
            return cfg
        work = tmp_path / 'work'
        plan = plan_folds(load(), folds, work)
        return CrossValidation(load, 'toy', plan, work, seeds,
                               Launch(TOOLS, **launch), jobs)
    return make


def _logs(validation):
    return [(run.folder / 'log.txt').read_text() for run in validation.runs]


def test_all_folds_and_seeds(start, tmp_path):
    validation = start(seeds=(0, 5), jobs=2)
    assert validation.run() == {}
    report = make_report(validation, {})
    assert report['complete'] and report['folds'] == [1, 2, 3]
    assert report['seeds'] == [0, 5]
    assert list(report['selections']) == ['last', 'best_on_test']
    # The last checkpoint knows one class only, epoch 2 knows both.
    assert report['selections']['last']['mean']['UAR'] == .5
    assert report['selections']['best_on_test']['mean']['UAR'] == 1
    epochs = {name: {row['epoch'] for row in summary['runs']}
              for name, summary in report['selections'].items()}
    assert epochs == {'last': {3}, 'best_on_test': {2}}
    paths = write_report(report, tmp_path / 'work')
    assert json.loads(paths[1].read_text()) == report
    assert 'upper bound' in paths[0].read_text()
    assert read_folds(tmp_path / 'work' / 'folds.csv') == \
        dict(s0=1, s1=2, s2=3, s3=1, s4=2, s5=3)
    # The spare checkpoint is gone.
    assert not list((tmp_path / 'work').glob('*/epoch_[12].pth'))


def test_finished_runs_are_left_alone(start):
    validation = start()
    validation.run()
    before = _logs(validation)
    again = start(seeds=(0, 1))
    assert again.run() == {}
    assert _logs(again)[:3] == before
    # Once the last checkpoint, once the best one.
    assert before[0].count('test.py') == 2


def test_best_and_last_are_one_test_if_they_are_one_epoch(start):
    validation = start(epochs=2)
    validation.run()
    assert _logs(validation)[0].count('test.py') == 1
    report = make_report(validation, {})
    assert report['selections']['best_on_test']['mean']['UAR'] == 1


def test_a_fold_that_fails_is_named_and_tried_again(start, monkeypatch,
                                                    capsys):
    monkeypatch.setenv('CRASH_FOLD', '2')
    validation = start()
    failed = validation.run()
    (run, reason), = failed.items()
    assert run.fold == 2 and 'out of luck' in reason
    assert str(run.folder / 'log.txt') in reason
    assert 'fold 2, seed 0: failed' in capsys.readouterr().out
    report = make_report(validation, failed)
    assert not report['complete'] and report['folds'] == [1, 3]
    assert 'out of luck' in report['missing'][0]
    monkeypatch.delenv('CRASH_FOLD')
    again = start()
    assert again.run() == {}
    assert make_report(again, {})['complete']


def test_some_folds_are_not_the_protocol(start):
    validation = start(folds=('1', '3'))
    validation.run()
    report = make_report(validation, {})
    assert report['missing'] == ['fold 2 (not asked for)']


def test_nothing_finished_is_no_report(start):
    with pytest.raises(FoldError, match='nothing to report'):
        make_report(start(), {})


class Driver:
    """A driver in a process of its own."""

    def __init__(self, start, output, **environment):
        self.output = output
        context = multiprocessing.get_context('fork')
        self.process = context.Process(
            target=self._work, args=(start, environment))
        self.process.start()

    def _work(self, start, environment):
        os.environ.update(environment)
        # A test run in the background of a shell inherits that it is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with open(self.output, 'w', buffering=1) as sys.stdout:
            start().run()

    def end(self, number=None):
        """Send a signal, if any, and wait; returns what was printed."""
        if number is not None:
            os.kill(self.process.pid, number)
        self.process.join(60)
        return self.output.read_text()


def _wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(.05)
    raise AssertionError('nothing happened for a minute')


def test_killed_and_started_again(start, tmp_path):
    """First the training outlives its driver, then it is killed as well."""
    slow = tmp_path / 'work' / 'fold2_seed0'
    driver = Driver(start, tmp_path / 'first.txt', SLOW_FOLD='2')
    _wait_for((slow / 'epoch_1.pth').exists)
    driver.end(signal.SIGKILL)
    training = int((slow / 'pid').read_text())
    os.kill(training, 0)  # it is still there

    driver = Driver(start, tmp_path / 'second.txt')
    _wait_for(lambda: driver.output.exists()
              and 'waiting for it' in driver.output.read_text())
    # Nobody else trains in the folder meanwhile.
    assert (slow / 'log.txt').read_text().count('from epoch') == 1
    os.kill(training, signal.SIGKILL)
    said = driver.end()
    assert driver.process.exitcode == 0, said
    assert '1 are finished' in said
    assert 'fold 2, seed 0: goes on after epoch 1 of 3' in said
    log = (slow / 'log.txt').read_text()
    assert 'from epoch 0' in log and 'from epoch 1' in log
    assert log.count('train.py') == 2

    validation = start()
    assert all(run.result() for run in validation.runs)
    assert _logs(validation)[0].count('train.py') == 1
    report = make_report(validation, {})
    assert report['selections']['best_on_test']['mean']['UAR'] == 1


def test_stopped_by_the_user(start, tmp_path):
    slow = tmp_path / 'work' / 'fold1_seed0'
    driver = Driver(start, tmp_path / 'said.txt', SLOW_FOLD='1')
    _wait_for((slow / 'epoch_1.pth').exists)
    driver.end(signal.SIGINT)
    assert driver.process.exitcode not in (0, None)
    with pytest.raises(ProcessLookupError):
        # The training ended with its driver.
        os.kill(int((slow / 'pid').read_text()), 0)
    assert not (slow / 'result.json').exists()


def test_another_config_does_not_mix_with_finished_runs(start):
    start().run()
    start().check()
    with pytest.raises(FoldError, match='max_epochs=3.*max_epochs=4'):
        start(epochs=4).check()
    with pytest.raises(FoldError, match='fold1_seed0 was begun with another'):
        start(train_args=('--amp', )).check()


def test_other_annotations_do_not_mix_either(start, tmp_path,
                                             write_annotations):
    start().run()
    write_annotations(tmp_path / 'data', intensity=.5)
    with pytest.raises(FoldError, match='other annotations'):
        start().check()


def test_devices_are_shared_out(start):
    validation = start(jobs=2, devices=('4', '5', '6', '7'))
    validation.run()
    seen = {line for log in _logs(validation) for line in log.splitlines()
            if line.startswith('devices')}
    assert seen <= {'devices 4,5', 'devices 6,7'} and seen
    with pytest.raises(FoldError, match='1 devices for 2 jobs'):
        start(jobs=2, devices=('0', ))


def test_commands():
    command = Launch(Path('tools')).command('train.py', 'a b.py')
    assert command == [sys.executable, 'tools/train.py', 'a b.py',
                       '--launcher', 'none']
    command = Launch(Path('tools'), 'pytorch', 4).command('test.py')
    assert command[1:3] == ['-m', 'torch.distributed.run']
    assert '--nproc_per_node=4' in command
    assert command[-3:] == ['tools/test.py', '--launcher', 'pytorch']
    command = Launch(Path('tools'), 'slurm', prefix=('srun', '-p', 'x')
                     ).command('test.py')
    assert command[:4] == ['srun', '-p', 'x', sys.executable]
