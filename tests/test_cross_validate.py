# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Both tools that evaluate beyond one split, with the real scripts."""
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

import mmengine.runner  # noqa: E402, F401  Its import allows checkpoint names.
from mmengine.logging import MMLogger  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from sklearn.metrics import balanced_accuracy_score  # noqa: E402

from mmfer.engine.fold_config import FoldError  # noqa: E402
from mmfer.evaluation.dumps import read_predictions  # noqa: E402
from mmfer.handover import run_script  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs' / 'residual' / \
    'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained.py'
SMALL = [
    'model.cls_head.num_classes=3', 'train_cfg.max_epochs=1',
    'train_cfg.val_begin=1'
] + [f'{part}_dataloader.{key}' for part in ('train', 'val', 'test')
     for key in ('num_workers=0', 'persistent_workers=False')]


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder outside of the repository, with two data sets in it."""
    place = tmp_path_factory.mktemp('elsewhere')
    write_labelled_clips(place / 'data' / 'synthetic_faces',
                         ('happy', 'sad', 'fear'), subjects=4, frames=10,
                         size=96)
    write_labelled_clips(place / 'other', ('Anger', 'HAP', 'fearful'),
                         subjects=3, frames=10, size=96)
    return place


@pytest.fixture(scope='module')
def validated(place):
    """Two folds, trained and tested: what was printed, and the report."""
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools/cross_validate.py'),
         str(CONFIG), '--folds', 'all', '--work-dir', 'work', '--cfg-options',
         *SMALL],
        cwd=place, env={**os.environ, 'MMFER_DATA': str(place / 'data'),
                        'PYTHONPATH': str(ROOT)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert out.returncode == 0, out.stdout[-3000:]
    return out.stdout, json.loads((place / 'work/report.json').read_text())


@pytest.fixture
def run(place, monkeypatch):
    """Run one of the tools in this process, which saves its imports."""
    monkeypatch.setenv('MMFER_DATA', str(place / 'data'))
    monkeypatch.chdir(place)
    handlers = {number: signal.getsignal(number)
                for number in (signal.SIGINT, signal.SIGTERM)}

    def run(name, *arguments):
        path = ROOT / 'tools' / f'{name}.py'
        spec = importlib.util.spec_from_file_location(f'tool_{name}', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main([str(argument) for argument in arguments])
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    MMLogger.get_current_instance().setLevel('INFO')
    DefaultScope._instance_dict.clear()


def test_every_person_is_tested_once_by_a_model_that_never_saw_them(
        place, validated):
    clips = json.loads(
        (place / 'data/synthetic_faces/annotations.json').read_text())['clips']
    seen = []
    for fold in (1, 2):
        folder = place / f'work/fold{fold}_seed0'
        said = read_predictions(folder / 'last.pkl')
        assert set(said.subjects) == \
            {clip['subject'] for clip in clips if clip['fold'] == fold}
        seen += [Path(name).name for name in said.clips]
        checkpoint = torch.load(folder / 'epoch_1.pth', weights_only=True)
        assert checkpoint['meta']['protocol']['fold'] == fold
        assert checkpoint['meta']['seed'] == 0
    assert sorted(seen) == sorted(Path(clip['path']).name for clip in clips)


def test_the_report_agrees_with_the_predictions(place, validated):
    said, report = validated
    values = []
    for fold in (1, 2):
        dump = read_predictions(place / f'work/fold{fold}_seed0/last.pkl')
        values.append(balanced_accuracy_score(
            dump.labels, dump.scores.argmax(axis=1)))
    assert report['complete']
    last = report['selections']['last']
    assert last['mean']['UAR'] == pytest.approx(np.mean(values))
    assert last['std']['UAR'] == pytest.approx(np.std(values, ddof=1))
    # The data have no validation set beside the folds, and this is said.
    assert set(report['selections']) == {'last', 'best_on_test'}
    assert 'upper bound' in said and '4, each in one fold only' in said
    assert report['protocol']['modalities'] == 'residual'
    for name in ('report.md', 'report.tex'):
        assert (place / 'work' / name).exists()


def test_a_checkpoint_is_not_tested_on_its_training_clips(validated, run,
                                                          monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['test.py'])
    with pytest.raises(FoldError, match='was trained for fold 1'):
        run_script('test.py', [
            str(CONFIG), 'work/fold1_seed0/epoch_1.pth', '--work-dir', 'wrong',
            '--cfg-options', *SMALL, 'test_dataloader.dataset.split=None',
            'test_dataloader.dataset.fold=2'])


def test_another_data_set_by_class_name(place, validated, run, capsys):
    run('cross_dataset', CONFIG, 'work/fold1_seed0/epoch_1.pth',
        'other/annotations.json', '--quiet', '--out', 'cross',
        '--cfg-options', *SMALL)
    assert 'Shared classes: happy, fear.' in capsys.readouterr().out
    content = json.loads((place / 'cross/cross_dataset.json').read_text())
    result, = content['results']
    assert result['only_target'] == ['Anger'] and result['clips'] == 6
    assert result['only_source'] == ['sad'] and result['left_out'] == 3


def test_what_is_wrong_is_one_line(run):
    with pytest.raises(SystemExit) as stopped:
        run('cross_validate', CONFIG, '--folds', '9')
    assert str(stopped.value).startswith('error: ')
    assert str(stopped.value).endswith('no fold 9; there are 1, 2')
    assert '\n' not in str(stopped.value)
