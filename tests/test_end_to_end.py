# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Shipped configs under mmaction2's own scripts and inference functions.

Everything runs as a user would run it: the scripts of the installed
mmaction2, in a folder that is not the repository.
"""
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import mmengine.runner  # noqa: F401  Its import allows checkpoint names.
import numpy as np
import pytest
import torch
from mmengine.config import Config

import mmfer
from mmfer.handover import find_script
from mmfer.quickstart.configs import find_config
from mmfer.synthetic import make_dataset

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
# Smaller steps than the config's; the workers would cost more than they save.
SMALL = [
    'train_dataloader.batch_size=4', 'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False', 'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False', 'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False', 'train_cfg.val_begin=1',
    'train_cfg.val_interval=1'
]
CONFIG = find_config(
    'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained-motion.py')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder outside of the repository, with a tiny data set in it."""
    root = tmp_path_factory.mktemp('elsewhere')
    make_dataset(root / 'data' / 'synthetic_faces', num_subjects=3, takes=1,
                 frames=16, shares=(1, 1, 1), progress=False)
    return root


def script(name, *arguments, place):
    """Run one of mmaction2's scripts; returns all that it printed."""
    env = {**os.environ, 'MMFER_DATA': str(place / 'data'),
           'PYTHONPATH': str(REPOSITORY)}
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', str(find_script(name)),
         *map(str, arguments)],
        cwd=place, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert out.returncode == 0, out.stdout[-3000:]
    return out.stdout


@pytest.fixture(scope='module')
def trained(place):
    """One epoch with a scaled rate: what was printed, the checkpoint."""
    said = script('train.py', CONFIG, '--work-dir', 'run', '--auto-scale-lr',
                  '--seed', 0, '--cfg-options', *SMALL,
                  'train_cfg.max_epochs=1', place=place)
    return said, torch.load(place / 'run/epoch_1.pth', weights_only=True)


@pytest.fixture(scope='module')
def resumed(place, trained):
    """One more epoch."""
    return script('train.py', CONFIG, '--work-dir', 'run', '--resume',
                  '--seed', 0, '--cfg-options', *SMALL,
                  'train_cfg.max_epochs=2', place=place)


@pytest.fixture(scope='module')
def tested(place, resumed):
    """The test on the unseen person: what was printed, what was dumped."""
    said = script('test.py', CONFIG, 'run/epoch_2.pth', '--work-dir', 'test',
                  '--dump', 'predictions.pkl', '--cfg-options', *SMALL,
                  place=place)
    with open(place / 'predictions.pkl', 'rb') as file:
        return said, pickle.load(file)


def test_training_saves_a_checkpoint_and_validates(place, trained):
    said, _ = trained
    assert re.search(r'Epoch\(train\)\s+\[1\]\[2/2\]', said)
    assert re.search(r'Epoch\(val\)\s+\[1\].*fer/UAR: \d', said)
    assert list((place / 'run').glob('best_fer_UAR_epoch_1.pth'))
    assert not (REPOSITORY / 'run').exists()


def test_the_learning_rate_is_scaled_to_the_batch(trained):
    # 4 clips instead of the 16 that the rate is meant for.
    rate = Config.fromfile(CONFIG).optim_wrapper.optimizer.lr
    groups = trained[1]['optimizer']['param_groups']
    assert {group['initial_lr'] for group in groups} == {rate * 4 / 16}


def test_resume_goes_on_with_weights_optimiser_and_epoch(place, resumed):
    assert 'resumed epoch: 1' in resumed
    assert re.search(r'Epoch\(train\)\s+\[2\]', resumed)
    assert not re.search(r'Epoch\(train\)\s+\[1\]\[', resumed)
    state = torch.load(place / 'run/epoch_2.pth', weights_only=True)
    steps = {int(entry['step'])
             for entry in state['optimizer']['state'].values()}
    assert state['meta']['epoch'] == 2
    assert steps == {state['meta']['iter']} == {4}


def test_dump_agrees_with_what_the_test_prints(place, tested):
    said, dumped = tested
    clips = json.loads(
        (place / 'data/synthetic_faces/annotations.json').read_text())
    unseen = [c for c in clips['clips'] if c['split'] == 'test']
    assert len(dumped) == len(unseen) == 7
    names = clips['metainfo']['classes']
    for sample, clip in zip(dumped, unseen):
        assert names[int(sample['gt_label'])] == clip['label']
        assert float(sample['pred_score'].sum()) == pytest.approx(1, abs=1e-4)
    right = np.mean([int(s['pred_label']) == int(s['gt_label'])
                     for s in dumped])
    printed = float(re.search(r'fer/WAR: ([\d.]+)', said)[1])
    assert printed == pytest.approx(right, abs=1e-3)


def test_our_own_tool_gives_the_same_numbers(place, tested):
    env = {**os.environ, 'MMFER_DATA': str(place / 'data'),
           'PYTHONPATH': str(REPOSITORY)}
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', str(REPOSITORY / 'tools/test.py'),
         str(CONFIG), 'run/epoch_2.pth', '--work-dir', 'own', '--dump',
         'own.pkl', '--cfg-options', *SMALL],
        cwd=place, env=env, text=True, capture_output=True)
    assert out.returncode == 0, out.stderr[-3000:]
    with open(place / 'own.pkl', 'rb') as file:
        own = pickle.load(file)
    for mine, theirs in zip(own, tested[1]):
        assert torch.equal(mine['pred_score'], theirs['pred_score'])


def test_inference_functions_predict_as_the_test_does(place, tested,
                                                      monkeypatch):
    from mmaction.apis import (MMAction2Inferencer, inference_recognizer,
                               init_recognizer)
    from mmengine.registry import DefaultScope
    monkeypatch.setenv('MMFER_DATA', str(place / 'data'))
    clips = json.loads(
        (place / 'data/synthetic_faces/annotations.json').read_text())
    unseen = [c['path'] for c in clips['clips'] if c['split'] == 'test']
    files = [str(place / 'data/synthetic_faces' / path) for path in unseen[:2]]
    checkpoint = str(place / 'run/epoch_2.pth')
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = init_recognizer(str(CONFIG), checkpoint, device='cpu')
        scores = [
            inference_recognizer(model, dict(filename=file)).pred_score
            for file in files
        ]
        by_name = inference_recognizer(model, files[0]).pred_score
        inferencer = MMAction2Inferencer(
            rec=str(CONFIG), rec_weights=checkpoint, device='cpu',
            input_format='dict')
        answer = inferencer([dict(filename=file) for file in files])
    for score, sample, found in zip(scores, tested[1], answer['predictions']):
        assert torch.allclose(score, sample['pred_score'], atol=1e-5)
        assert np.allclose(found['rec_scores'][0], score.numpy(), atol=1e-5)
    assert torch.allclose(by_name, scores[0], atol=1e-5)
