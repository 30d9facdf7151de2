# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The quick start: each step by itself, and a small one as a whole."""
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from mmengine.config import Config

from mmfer.evaluation.leakage import LeakageData
from mmfer.quickstart import (QuickstartError, command, configs, demonstration,
                              measuring, persons, resumption, scripts)
from mmfer.quickstart.report import report
from mmfer.synthetic import PRESETS


class TestConfigs:

    @staticmethod
    def steps(cfg, split):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        return [dict(step) for step in pipeline]

    @pytest.mark.parametrize('split', ['train', 'val', 'test'])
    def test_the_twin_differs_in_the_reader_only(self, split):
        ours = configs.expression_config('no-penalty')
        twin = configs.expression_config('rgb')
        changed = [(a, b) for a, b in zip(self.steps(ours, split),
                                          self.steps(twin, split)) if a != b]
        assert [(a['type'], b['type']) for a, b in changed] == [
            ('mmfer.ReadResiduals', 'mmfer.ReadFrames')]
        assert len(self.steps(ours, split)) == len(self.steps(twin, split))
        # What inference reads is what training read.
        assert twin.test_pipeline == twin.test_dataloader.dataset.pipeline

    def test_all_models_share_network_schedule_and_batches(self):
        first, *others = (configs.expression_config(name)
                          for name in configs.MODELS)
        for other in others:
            for name in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
                assert other[name] == first[name]
            assert other.model.cls_head == first.model.cls_head
            assert other.model.data_preprocessor == \
                first.model.data_preprocessor
            assert other.train_dataloader.batch_size == \
                first.train_dataloader.batch_size
            assert other.model.identity_head is None
        assert first.model.identity_head.penalty.type == 'dcor'
        assert first.model.identity_head.identity_channels == 16

    def test_the_schedule_ends_with_the_training(self):
        for epochs in (None, 3, 100):
            cfg = configs.expression_config('rgb', epochs)
            number = min(epochs or 100, configs.EPOCHS)
            assert cfg.train_cfg.max_epochs == number
            assert max(s.end for s in cfg.param_scheduler) == number
            assert 1 <= cfg.train_cfg.val_begin <= number

    def test_the_face_network_learns_from_all_others(self):
        cfg = configs.face_config(persons.count_others(8), 2)
        assert cfg.model.cls_head.num_classes == 8 * persons.OTHERS_PER_PERSON
        assert cfg.val_cfg is None and cfg.val_dataloader is None
        assert cfg.train_cfg.max_epochs == 2
        # Nobody is in both data sets, see mmfer.synthetic: a person is drawn
        # from the seed and the number.
        assert persons.OTHERS['seed'] != persons.SEED

    def test_a_written_config_says_the_same(self, tmp_path):
        for name in configs.MODELS:
            cfg = configs.expression_config(name)
            path = demonstration.write_config(tmp_path / f'{name}.py', cfg)
            assert Config.fromfile(path).to_dict() == cfg.to_dict()

    def test_a_config_that_is_not_shipped(self):
        with pytest.raises(QuickstartError, match='no config nowhere'):
            configs.find_config('nowhere.py')


class TestOnce:

    def test_a_finished_step_is_not_done_again(self, tmp_path, capsys):
        calls = []

        def work():
            calls.append(1)
            return dict(WAR=0.5)

        for key in ('a', 'a', 'b'):
            result = resumption.once(tmp_path / 'done.json', key, work, 'Step')
            assert result == dict(WAR=0.5)
        assert len(calls) == 2
        assert 'Step: done before' in capsys.readouterr().out

    def test_a_step_that_fails_is_done_again(self, tmp_path):
        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            resumption.once(tmp_path / 'done.json', 'a', fail, 'Step')
        assert resumption.once(tmp_path / 'done.json', 'a', lambda: 1,
                               'Step') == 1

    def test_a_result_whose_file_is_gone_does_not_hold(self, tmp_path):
        file = tmp_path / 'x.pth'

        def work():
            file.write_text('')
            return str(file)

        for _ in range(2):
            resumption.once(tmp_path / 'done.json', 'a', work, 'Step',
                            os.path.isfile)
            assert file.exists()
            file.unlink()

    def test_a_damaged_record_does_not_count(self, tmp_path):
        (tmp_path / 'done.json').write_text('{"key": "a", "res')
        assert resumption.once(tmp_path / 'done.json', 'a', lambda: 2,
                               'Step') == 2


def test_digest_follows_contents_and_values(tmp_path):
    (tmp_path / 'sub').mkdir()
    file = tmp_path / 'sub' / 'a.py'
    file.write_text('x = 1')
    first = resumption.digest(tmp_path, dict(a=1, b=2))
    assert resumption.digest(tmp_path, dict(b=2, a=1)) == first
    assert resumption.digest(tmp_path, dict(b=3, a=1)) != first
    file.write_text('x = 2')
    assert resumption.digest(tmp_path, dict(a=1, b=2)) != first


@pytest.mark.parametrize('line, expected', [
    ('11/20 - INFO - Epoch(train)  [3][20/20]  lr: 1.0e-03  eta: 0:00:09  '
     'loss: 1.9054  loss_cls: 1.9054', 'epoch 3: loss 1.9054'),
    ('11/20 - INFO - Epoch(train)  [3][ 8/20]  loss: 1.9', None),
    ('11/20 - INFO - Epoch(val) [12][6/6]    fer/WAR: 0.7143  fer/UAR: '
     '0.5000  fer/UAR_low: 0.3', 'epoch 12: validation WAR 0.714, UAR 0.500'),
    ('11/20 - INFO - Saving checkpoint at 3 epochs', None),
])
def test_summary_of_a_log_line(line, expected):
    assert scripts.summary_of(line) == expected


class TestRunLogged:

    def test_keeps_everything_in_the_log(self, tmp_path, capsys):
        code = ("print('noise'); import sys; print('more', file=sys.stderr);"
                "print('Epoch(train) [1][2/2] loss: 0.5')")
        for _ in range(2):
            scripts.run_logged([sys.executable, '-c', code],
                                  tmp_path / 'a' / 'log')
        assert (tmp_path / 'a' / 'log').read_text().count('noise') == 2
        out = capsys.readouterr().out.splitlines()
        assert '    epoch 1: loss 0.5' in out and 'noise' not in out

    def test_a_failure_shows_the_end_and_names_the_log(self, tmp_path):
        log = tmp_path / 'log'
        with pytest.raises(QuickstartError) as error:
            scripts.run_logged(
                [sys.executable, '-c', 'raise SystemExit("it broke")'], log)
        assert 'it broke' in str(error.value) and str(log) in str(error.value)


def test_one_core_is_left_to_the_reader_unless_the_user_says_so(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 4)
    assert scripts.one_core_reads()['OMP_NUM_THREADS'] == '3'
    monkeypatch.setattr(os, 'cpu_count', lambda: 1)
    assert scripts.one_core_reads()['OMP_NUM_THREADS'] == '1'
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    assert scripts.one_core_reads()['OMP_NUM_THREADS'] == '7'


class TestTrain:

    @pytest.fixture
    def commands(self, monkeypatch):
        """Record commands instead of running them."""
        seen = []

        def run_logged(command, log):
            seen.append(command)
            (log.parent / 'last_checkpoint').write_text('epoch_1.pth')

        monkeypatch.setattr(scripts, 'run_logged', run_logged)
        return seen

    def test_the_same_training_goes_on(self, tmp_path, commands):
        for _ in range(2):
            found = scripts.train(tmp_path / 'c.py', tmp_path / 'work', 'key')
            (tmp_path / 'work' / 'epoch_1.pth').touch()
        assert (tmp_path / 'work' / 'epoch_1.pth').exists()
        assert commands[0] == commands[1]
        assert '--resume' in commands[0]
        assert found == 'epoch_1.pth'

    def test_another_training_begins_anew(self, tmp_path, commands):
        scripts.train(tmp_path / 'c.py', tmp_path / 'work', 'key')
        (tmp_path / 'work' / 'epoch_1.pth').touch()
        scripts.train(tmp_path / 'c.py', tmp_path / 'work', 'new')
        assert not (tmp_path / 'work' / 'epoch_1.pth').exists()

    def test_a_training_without_a_checkpoint(self, tmp_path, monkeypatch):
        monkeypatch.setattr(scripts, 'run_logged', lambda *args: None)
        with pytest.raises(QuickstartError, match='left no checkpoint'):
            scripts.train(tmp_path / 'c.py', tmp_path / 'work', 'key')

    def test_an_old_checkpoint_stays_until_the_next_is_there(self):
        # mmengine deletes the only one before it writes the next.
        for cfg in (configs.face_config(5), configs.expression_config('rgb')):
            assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


@pytest.mark.skipif(os.name == 'nt', reason='no such locks')
def test_the_lock_is_held_by_children_that_survive(tmp_path):
    # A driver that dies at once and leaves a child behind, as `kill -9` does.
    code = ('import os, subprocess, sys, pathlib\n'
            'from mmfer.quickstart import resumption\n'
            f'lock = resumption.hold(pathlib.Path({str(tmp_path)!r}))\n'
            'subprocess.Popen([sys.executable, "-c", "import time; '
            'time.sleep(1.5)"], close_fds=False)\n'
            'os._exit(9)')
    assert subprocess.run([sys.executable, '-c', code]).returncode == 9
    start = time.monotonic()
    resumption.hold(tmp_path).close()
    assert time.monotonic() - start > 0.5


def test_measure_takes_turns_and_drops_the_warm_up():
    order = []
    predictors = {
        name: lambda file, name=name: order.append((name, file))
        for name in 'ab'}
    times = measuring.measure_times(predictors, [1, 2], rounds=3, warm_up=1)
    assert [name for name, _ in order] == list('abababab')
    assert [file for _, file in order] == [2, 2, 1, 1, 2, 2, 1, 1]
    assert set(times) == {'a', 'b'} and min(times.values()) >= 0


class TestMeasureIdentity:

    @staticmethod
    def planted(strength):
        """Codes of 4 persons, 7 expressions, 2 takes: person and noise."""
        subject, label = np.divmod(np.arange(56) // 2, 7)
        codes = np.random.default_rng(0).standard_normal((56, 12))
        codes[np.arange(56), subject] += strength
        return LeakageData(codes, label, subject)

    def test_codes_that_name_the_person(self):
        found = measuring.measure_identity(self.planted(20.))
        assert [found[name]['share'] for name in (
            'linear', 'mlp', 'reidentification')] == [1., 1., 1.]
        assert found['mlp']['chance'] == pytest.approx(1 / 4)
        # 12 of the 48 clips with another expression show the person.
        assert found['reidentification']['chance'] == pytest.approx(1 / 4)

    def test_equal_codes_but_for_rounding_name_nobody(self):
        data = self.planted(20.)
        found = measuring.measure_identity(
            data.with_features(1 + 1e-9 * data.features))
        for values in found.values():
            assert values['share'] == pytest.approx(values['chance'])


def test_report_shows_every_number():
    def found(linear, mlp, near):
        return {
            name: dict(share=share, error=0.03, chance=0.125)
            for name, share in zip(('linear', 'mlp', 'reidentification'),
                                   (linear, mlp, near))
        }

    text = report(
        {
            'identity-aware': dict(WAR=0.75, UAR=0.5),
            'rgb': dict(WAR=0.25, UAR=0.124)
        }, {
            'identity-aware': found(0.15, 0.16, 0.17),
            'rgb': found(0.51, 0.52, 0.53),
            'face': found(0.91, 0.92, 0.93)
        }, {
            'identity-aware': 4.25,
            'rgb': 40.5
        }, dict(file='a.mp4', label='happy', score=0.625, truth='sad'),
        dict(persons=8, clips=112, classes=5))
    lines = text.replace(' ± 0.030', '').splitlines()
    assert lines[0].startswith('112 clips of ')
    assert lines[1].startswith('8 unseen persons ')
    assert [line.split() for line in lines[2:6]] == [
        ['identity-aware', '0.750', '0.500', '0.150', '0.160', '0.170', '4.2',
         'ms', 'CPU'],
        ['RGB', 'twin', '0.250', '0.124', '0.510', '0.520', '0.530', '40.5',
         'ms', 'CPU'],
        ['face', 'embedding', '0.910', '0.920', '0.930'],
        ['knowing', 'nothing', '0.200', '0.200', '0.125', '0.125', '0.125'],
    ]
    assert lines[7].endswith('model names the expression of 50.')
    assert lines[9].strip() == (
        'identity-aware 16, RGB twin 52, face embedding 92, guessing 12')
    assert lines[-1] == ('a.mp4 shows happy (score 0.62, where a guess has '
                         '0.20); its annotation says sad.')


def test_data_of_another_size_is_replaced(tmp_path, monkeypatch):
    from mmfer.codec import CompressedVideo
    monkeypatch.setattr(persons, 'PRESET', 'tiny')
    folder = tmp_path / 'faces'

    def count(number):
        path = persons.make_expressions(folder, number)
        assert path == folder / 'annotations.json'
        clips = json.loads(path.read_text())['clips']
        assert all((folder / clip['path']).is_file() for clip in clips)
        with CompressedVideo(folder / clips[0]['path']) as video:
            assert video.codec == persons.CODING['codec']
        return len({clip['subject'] for clip in clips})

    for number in (6, 3):
        assert count(number) == number


class TestCommand:

    def test_an_error_is_printed_and_makes_status_1(self, tmp_path,
                                                    monkeypatch, capsys):
        def fail(*args):
            raise QuickstartError('status 3; its output is in x.log')

        monkeypatch.setattr(demonstration, 'run', fail)
        assert command.main(['--folder', str(tmp_path / 'q')]) == 1
        assert capsys.readouterr().err == (
            'error: status 3; its output is in x.log\n')
        monkeypatch.setattr(demonstration, 'run', lambda *args: 'the report')
        assert command.main(['--folder', str(tmp_path / 'q')]) == 0
        assert 'the report' in capsys.readouterr().out

    @pytest.mark.parametrize('option, number', [
        ('--subjects', 5), ('--max-epochs', 0)])
    def test_too_few(self, option, number, capsys):
        with pytest.raises(SystemExit):
            command.main([option, str(number)])
        assert f'{option} {number}: at least' in capsys.readouterr().err

    def test_what_is_missing_is_said_before_anything_is_made(
            self, tmp_path, monkeypatch, capsys):
        import importlib.util
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, 'find_spec',
            lambda name, *rest: None if name == 'sklearn' else find(name))
        assert command.main(['--folder', str(tmp_path / 'q')]) == 1
        assert 'pip install' in capsys.readouterr().err
        assert os.listdir(tmp_path / 'q') in ([], ['lock'])


def test_the_fewest_persons_leave_two_for_the_test():
    from mmfer.synthetic import SyntheticFaces
    shares = PRESETS[persons.PRESET]['shares']
    splits = SyntheticFaces(persons.MIN_PERSONS).splits(shares)
    counts = {name: sum(split == name for split, _ in splits)
              for name in ('train', 'val', 'test')}
    assert counts['test'] >= 2 and min(counts.values()) >= 1


def test_a_small_one_as_a_whole_and_once_more(tmp_path, monkeypatch, capsys):
    """Scripts of the installed mmaction2, two models, one epoch each."""
    monkeypatch.setenv('MMFER_DATA', '')  # run() sets it; set it back after
    monkeypatch.setitem(PRESETS, persons.PRESET, dict(
        num_subjects=6, takes=1, frames=16, shares=(3, 1, 2)))
    monkeypatch.setattr(persons, 'OTHERS_PER_PERSON', 2)
    reports = []
    for _ in range(2):
        text = demonstration.run(tmp_path / 'q', None, 1,
                                 ('identity-aware', 'rgb'))
        reports.append(json.loads((tmp_path / 'q/report.json').read_text()))
    said = capsys.readouterr().out
    assert said.count('done before') == 7
    for name in ('results', 'identity', 'counts', 'prediction'):
        assert reports[0][name] == reports[1][name]
    assert set(reports[0]['identity']) == {'identity-aware', 'rgb', 'face'}
    assert reports[0]['counts'] == dict(persons=2, clips=14, classes=7)
    assert '14 clips of' in text and 'RGB twin' in text
    # The identity file is that of the expression data, whitened.
    from mmfer.datasets import IdentityEmbeddings
    identities = IdentityEmbeddings.load(
        str(tmp_path / 'q/data/synthetic_faces/identity.npz'))
    path = identities.paths[0]
    assert identities.whiten(identities[path]).shape == (16, )
