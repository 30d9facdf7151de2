# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The steps of the quick start, each by itself; test_end_to_end runs them."""
import json
import os
import subprocess
import sys
import time

import pytest

from mmfer import quickstart


def test_both_models_are_shipped_and_differ_in_the_reader_only(monkeypatch):
    from mmengine.config import Config
    configs = [
        Config.fromfile(quickstart.find_config(name)).to_dict()
        for _, name in quickstart.MODELS.values()]
    pipelines = [
        [config.pop(f'{split}_dataloader')['dataset'].pop('pipeline')
         for split in ('train', 'val', 'test')] for config in configs]
    for ours, theirs in zip(*pipelines):
        changed = [(a['type'], b['type']) for a, b in zip(ours, theirs)
                   if a != b]
        assert len(ours) == len(theirs)
        assert changed == [('mmfer.ReadResiduals', 'mmfer.ReadFrames')]
    for name in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'model'):
        assert configs[0][name] == configs[1][name]


def test_a_config_that_is_not_shipped():
    with pytest.raises(quickstart.QuickstartError, match='no config nowhere'):
        quickstart.find_config('nowhere.py')


class TestOnce:

    def test_a_finished_step_is_not_done_again(self, tmp_path, capsys):
        calls = []

        def work():
            calls.append(1)
            return dict(WAR=0.5)

        for key in ('a', 'a', 'b'):
            result = quickstart.once(tmp_path / 'done.json', key, work, 'Step')
            assert result == dict(WAR=0.5)
        assert len(calls) == 2
        assert 'Step: done before' in capsys.readouterr().out

    def test_a_step_that_fails_is_done_again(self, tmp_path):
        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            quickstart.once(tmp_path / 'done.json', 'a', fail, 'Step')
        assert quickstart.once(tmp_path / 'done.json', 'a', lambda: 1,
                               'Step') == 1

    def test_a_result_whose_file_is_gone_does_not_hold(self, tmp_path):
        file = tmp_path / 'x.pth'

        def work():
            file.write_text('')
            return str(file)

        for _ in range(2):
            quickstart.once(tmp_path / 'done.json', 'a', work, 'Step',
                            os.path.isfile)
            assert file.exists()
            file.unlink()

    def test_a_damaged_record_does_not_count(self, tmp_path):
        (tmp_path / 'done.json').write_text('{"key": "a", "res')
        assert quickstart.once(tmp_path / 'done.json', 'a', lambda: 2,
                               'Step') == 2


def test_digest_follows_contents_and_values(tmp_path):
    (tmp_path / 'sub').mkdir()
    file = tmp_path / 'sub' / 'a.py'
    file.write_text('x = 1')
    first = quickstart.digest(tmp_path, dict(a=1, b=2))
    assert quickstart.digest(tmp_path, dict(b=2, a=1)) == first
    assert quickstart.digest(tmp_path, dict(b=3, a=1)) != first
    file.write_text('x = 2')
    assert quickstart.digest(tmp_path, dict(a=1, b=2)) != first


@pytest.mark.parametrize('line, expected', [
    ('11/20 - INFO - Epoch(train)  [3][20/20]  lr: 1.0e-03  eta: 0:00:09  '
     'loss: 1.9054  loss_cls: 1.9054', 'epoch 3: loss 1.9054'),
    ('11/20 - INFO - Epoch(train)  [3][ 8/20]  loss: 1.9', None),
    ('11/20 - INFO - Epoch(val) [12][6/6]    fer/WAR: 0.7143  fer/UAR: '
     '0.5000  fer/UAR_low: 0.3', 'epoch 12: validation WAR 0.714, UAR 0.500'),
    ('11/20 - INFO - Saving checkpoint at 3 epochs', None),
])
def test_summary_of_a_log_line(line, expected):
    assert quickstart.summary_of(line) == expected


class TestRunLogged:

    def test_keeps_everything_in_the_log(self, tmp_path, capsys):
        code = ("print('noise'); import sys; print('more', file=sys.stderr);"
                "print('Epoch(train) [1][2/2] loss: 0.5')")
        for _ in range(2):
            quickstart.run_logged([sys.executable, '-c', code],
                                  tmp_path / 'a' / 'log')
        assert (tmp_path / 'a' / 'log').read_text().count('noise') == 2
        out = capsys.readouterr().out.splitlines()
        assert '    epoch 1: loss 0.5' in out and 'noise' not in out

    def test_a_failure_shows_the_end_and_names_the_log(self, tmp_path):
        log = tmp_path / 'log'
        with pytest.raises(quickstart.QuickstartError) as error:
            quickstart.run_logged(
                [sys.executable, '-c', 'raise SystemExit("it broke")'], log)
        assert 'it broke' in str(error.value) and str(log) in str(error.value)


def test_the_best_checkpoint_comes_before_the_last(tmp_path):
    with pytest.raises(quickstart.QuickstartError):
        quickstart.best_checkpoint(tmp_path)
    (tmp_path / 'last_checkpoint').write_text(f'{tmp_path}/epoch_9.pth\n')
    assert quickstart.best_checkpoint(tmp_path).name == 'epoch_9.pth'
    for number in (1, 2):
        best = tmp_path / f'best_fer_UAR_epoch_{number}.pth'
        best.write_text('')
        os.utime(best, (number, number))
    assert quickstart.best_checkpoint(tmp_path) == best


class TestTrain:

    @pytest.fixture
    def commands(self, monkeypatch, tmp_path):
        """Record commands instead of running them."""
        seen = []

        def run_logged(command, log):
            seen.append(command)
            (log.parent / 'last_checkpoint').write_text('epoch_1.pth')

        monkeypatch.setattr(quickstart, 'run_logged', run_logged)
        return seen

    def test_the_same_training_goes_on(self, tmp_path, commands):
        for _ in range(2):
            quickstart.train(tmp_path / 'c.py', tmp_path / 'work', 'key', [])
            (tmp_path / 'work' / 'epoch_1.pth').touch()
        assert (tmp_path / 'work' / 'epoch_1.pth').exists()
        assert commands[0] == commands[1]
        assert '--resume' in commands[0]
        # mmengine deletes the only checkpoint before it writes the next.
        assert 'default_hooks.checkpoint.max_keep_ckpts=2' in commands[0]

    def test_another_training_begins_anew(self, tmp_path, commands):
        quickstart.train(tmp_path / 'c.py', tmp_path / 'work', 'key', [])
        (tmp_path / 'work' / 'epoch_1.pth').touch()
        quickstart.train(tmp_path / 'c.py', tmp_path / 'work', 'new', [])
        assert not (tmp_path / 'work' / 'epoch_1.pth').exists()


@pytest.mark.skipif(os.name == 'nt', reason='no such locks')
def test_the_lock_is_held_by_children_that_survive(tmp_path):
    # A driver that dies at once and leaves a child behind, as `kill -9` does.
    code = ('import os, subprocess, sys, pathlib\n'
            'from mmfer import quickstart\n'
            f'lock = quickstart.hold(pathlib.Path({str(tmp_path)!r}))\n'
            'subprocess.Popen([sys.executable, "-c", "import time; '
            'time.sleep(1.5)"], close_fds=False)\n'
            'os._exit(9)')
    assert subprocess.run([sys.executable, '-c', code]).returncode == 9
    start = time.monotonic()
    quickstart.hold(tmp_path).close()
    assert time.monotonic() - start > 0.5


def test_measure_takes_turns_and_drops_the_warm_up():
    order = []
    predictors = {
        name: lambda file, name=name: order.append((name, file))
        for name in 'ab'}
    times = quickstart.measure(predictors, [1, 2], rounds=3, warm_up=1)
    assert [name for name, _ in order] == list('abababab')
    assert [file for _, file in order] == [2, 2, 1, 1, 2, 2, 1, 1]
    assert set(times) == {'a', 'b'} and min(times.values()) >= 0


def test_report_shows_every_number():
    text = quickstart.report(
        dict(residual=dict(WAR=0.75, UAR=0.5), rgb=dict(WAR=0.25, UAR=0.125)),
        dict(residual=4.25, rgb=40.5),
        dict(file='a.mp4', label='happy', score=0.625, truth='sad'))
    lines = text.splitlines()
    assert lines[1].split() == ['residual,', 'motion', '0.750', '0.500',
                                '4.2', 'ms', 'CPU']
    assert lines[2].split() == ['RGB', 'twin', '0.250', '0.125', '40.5', 'ms',
                                'CPU']
    assert lines[-1] == ('a.mp4 shows happy (score 0.62); its annotation says '
                         'sad')


def test_data_of_another_size_is_replaced(tmp_path, monkeypatch):
    from mmfer.codec import CompressedVideo
    monkeypatch.setattr(quickstart, 'PRESET', 'tiny')
    folder = tmp_path / 'faces'

    def persons():
        path = quickstart.make_data(folder, number)
        assert path == folder / 'annotations.json'
        clips = json.loads(path.read_text())['clips']
        assert all((folder / clip['path']).is_file() for clip in clips)
        with CompressedVideo(folder / clips[0]['path']) as video:
            assert video.codec == quickstart.CODING['codec']
        return len({clip['subject'] for clip in clips})

    for number in (6, 3):
        assert persons() == number


def test_an_error_is_printed_and_makes_status_1(tmp_path, monkeypatch, capsys):
    def fail(*args):
        raise quickstart.QuickstartError('status 3; its output is in x.log')

    monkeypatch.setattr(quickstart, 'run', fail)
    assert quickstart.main(['--folder', str(tmp_path / 'q')]) == 1
    assert capsys.readouterr().err == (
        'error: status 3; its output is in x.log\n')
    monkeypatch.setattr(quickstart, 'run', lambda *args: 'the report')
    assert quickstart.main(['--folder', str(tmp_path / 'q')]) == 0
    assert 'the report' in capsys.readouterr().out


def test_write_json_leaves_no_partial_file(tmp_path):
    quickstart.write_json(tmp_path / 'a' / 'b.json', [1])
    assert json.loads((tmp_path / 'a' / 'b.json').read_text()) == [1]
    assert os.listdir(tmp_path / 'a') == ['b.json']
