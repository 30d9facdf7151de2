# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The hook in real trainings, alone and with two processes."""
import json
import os
import shutil
import socket
from datetime import timedelta

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')
pytest.importorskip('sklearn')

from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from torch import distributed  # noqa: E402
from torch import multiprocessing as mp  # noqa: E402

from mmfer.datasets.identity_file import IdentityEmbeddings  # noqa: E402
from mmfer.datasets.identity_file import IdentityFileError  # noqa: E402
from mmfer.engine import LeakageHook  # noqa: E402
from mmfer.engine.leakage import (leakage_dataloaders,  # noqa: E402
                                  measure_leakage)
from mmfer.evaluation.leakage import LeakageReport  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
MODEL = dict(
    type='Recognizer2D',
    backbone=dict(type='mmfer.ResidualResNet', depth=10, in_channels=1,
                  width=0.125, num_stages=2, stem='patch'),
    cls_head=dict(type='mmfer.FERHead', num_classes=3, in_channels=16,
                  num_segments=2),
    data_preprocessor=dict(type='mmfer.FERDataPreprocessor'))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Four persons in two folds, of whom two are in the split 'train'."""
    folder = tmp_path_factory.mktemp('clips')
    path = write_labelled_clips(folder, ('a', 'b', 'c'), 4, 6, 32)
    clips = json.loads(path.read_text())['clips']
    generator = np.random.default_rng(0)
    IdentityEmbeddings([clip['path'] for clip in clips],
                       generator.standard_normal((len(clips), 6)),
                       [0] * len(clips)).save(folder / 'identity.npz')
    return folder


def loader(folder, train, random=False, **dataset):
    pipeline = [
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=2,
             test_mode=not train and not random),
        dict(type='mmfer.ReadResiduals', channels='y'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs')
    ]
    return dict(
        batch_size=3, num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=train),
        dataset=dict(
            type='mmfer.FERDataset', ann_file='annotations.json',
            data_root=str(folder), pipeline=pipeline, test_mode=not train,
            **dataset))


def train(folder, work_dir, *hooks, **settings):
    """Two epochs; persons of fold 1 are measured, fold 2 is fitted on."""
    runner = Runner.from_cfg(Config(dict(
        default_scope='mmaction',
        work_dir=str(work_dir),
        experiment_name=f'leakage-{work_dir}',
        model=MODEL,
        train_dataloader=loader(folder, True, split='train'),
        test_dataloader=loader(folder, False, fold=1),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=dict(type='mmfer.FERMetric'),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        randomness=dict(seed=0),
        visualizer=dict(type='ActionVisualizer',
                        vis_backends=[dict(type='LocalVisBackend')]),
        custom_hooks=list(hooks),
        **settings)))
    runner.train()
    return runner


def test_a_training_ends_with_a_report_and_is_not_disturbed(folder, tmp_path):
    hook = dict(type='mmfer.LeakageHook', level='fast', interval=1,
                identity=str(folder / 'identity.npz'),
                # Samples at random, in the process of the training.
                dataloader=loader(folder, False, random=True, fold=1))
    runner = train(folder, tmp_path / 'with', hook)
    reports = [LeakageReport.load(tmp_path / 'with' / f'leakage_epoch_{n}.json')
               for n in (1, 2)]
    for report in reports:
        assert report.settings['num_subjects'] == 2
        assert report.settings['num_fit_subjects'] == 2
        assert 'dependence' in report.measures
    key = 'leakage/probe/linear/clip_disjoint/accuracy'
    logged = runner.message_hub.get_scalar(key).current()
    assert logged == reports[1].scalars()[key[8:]]
    scalars = next((tmp_path / 'with').rglob('scalars.json')).read_text()
    assert key in scalars
    plain = train(folder, tmp_path / 'without')
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[name]), name


def test_the_training_can_end_with_the_inversion_attack(folder, tmp_path):
    """The face network is no part of what is trained and saved."""
    encoder = dict(type='mmfer.IResNet', depth=18, width=.125,
                   embedding_channels=6, input_size=32, checkpoint=None)
    runner = train(folder, tmp_path, dict(
        type='mmfer.LeakageHook', encoder=encoder,
        identity=str(folder / 'identity.npz')))
    report = LeakageReport.load(tmp_path / 'leakage_epoch_2.json')
    assert report.measures['inversion']['chance'] == pytest.approx(1 / 2)
    assert 0 <= report.measures['inversion']['rank1'] <= 1
    # Six clips are too few for a critic; the others are measured.
    assert not any(name.startswith('information') for name in report.measures)
    assert 'probe/mlp/clip_disjoint' in report.measures
    stored = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    assert set(stored['state_dict']) == set(runner.model.state_dict())
    with pytest.raises(ValueError, match='identity'):
        LeakageHook(encoder=encoder)


def test_training_clips_that_cannot_be_read_are_left_out(folder, tmp_path):
    broken = tmp_path / 'clips'
    shutil.copytree(folder, broken)
    clips = json.loads((broken / 'annotations.json').read_text())['clips']
    bad = next(clip['path'] for clip in clips if clip['split'] == 'train'
               and clip['fold'] == 2)
    (broken / bad).write_bytes(b'no video')
    names = [clip['path'] for clip in clips]
    IdentityEmbeddings(
        [name for name in names if name != bad],
        np.random.default_rng(0).standard_normal((len(names) - 1, 6)),
        [0] * (len(names) - 1)).save(broken / 'identity.npz')
    for number, identity in enumerate((None, str(broken / 'identity.npz'))):
        train(broken, tmp_path / f'{number}', dict(
            type='mmfer.LeakageHook', identity=identity, interval=1))
        report = LeakageReport.load(tmp_path / f'{number}/leakage_epoch_2.json')
        assert report.settings['num_fit_subjects'] == 2
        assert ('dependence' in report.measures) == (identity is not None)


def test_averaged_weights_are_the_ones_that_are_measured(folder, tmp_path):
    """The checkpoint holds the averages, and the last weights beside them."""
    runner = train(folder, tmp_path, dict(type='EMAHook', momentum=0.5),
                   dict(type='mmfer.LeakageHook', level='fast'))
    stored = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    model = runner.model
    loaders = leakage_dataloaders(runner.cfg.test_dataloader)
    found = LeakageReport.load(tmp_path / 'leakage_epoch_2.json')
    last = measure_leakage(model, *loaders, level='fast', progress=False)
    assert last.report != found
    model.load_state_dict(stored['state_dict'])
    averaged = measure_leakage(model, *loaders, level='fast', progress=False)
    assert averaged.report == found


def test_what_is_missing_is_said_before_the_training(folder, tmp_path):
    def hook(**kwargs):
        return dict(type='mmfer.LeakageHook', **kwargs)

    partial = IdentityEmbeddings(['x.mp4'], np.ones((1, 2)), [0])
    partial.save(tmp_path / 'partial.npz')
    with pytest.raises(IdentityFileError, match='no embedding of clips'):
        train(folder, tmp_path / 'a',
              hook(identity=str(tmp_path / 'partial.npz')))
    with pytest.raises(IdentityFileError, match='none.npz: no such'):
        train(folder, tmp_path / 'b', hook(identity='none.npz'))
    alone = loader(folder, False, fold=1)
    alone['dataset']['ann_file'] = 'alone.json'
    annotations = json.loads((folder / 'annotations.json').read_text())
    for clip in annotations['clips']:
        clip['subject'] = 'same'
    (folder / 'alone.json').write_text(json.dumps(annotations))
    with pytest.raises(ValueError, match='show 1 known persons'):
        train(folder, tmp_path / 'c', hook(dataloader=alone))
    for wrong in (dict(level='deep'), dict(interval=-1)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LeakageHook(**wrong)


def _process(rank, port, folder, work_dir):
    os.environ.update(
        RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank),
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', timeout=timedelta(seconds=200))
    hook = dict(type='mmfer.LeakageHook', level='fast', interval=1)
    train(folder, work_dir, hook, launcher='pytorch',
          model_wrapper_cfg=dict(
              type='MMDistributedDataParallel', device_ids=None))
    distributed.barrier()  # gloo may abort who leaves while others talk
    distributed.destroy_process_group()


def test_one_of_two_processes_measures_and_the_other_goes_on(
        folder, tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(_process, (port, folder, tmp_path), nprocs=2)
    reports = [LeakageReport.load(tmp_path / f'leakage_epoch_{n}.json')
               for n in (1, 2)]
    # The whole set, not the half of one process.
    assert [r.settings['num_clips'] for r in reports] == [6, 6]
    assert len(list(tmp_path.glob('leakage_*'))) == 2
