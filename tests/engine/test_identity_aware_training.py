# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Identity-aware training under mmengine's runner."""
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS, MODELS  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.registry import HOOKS  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from mmfer.datasets.identity_file import IdentityEmbeddings  # noqa: E402
from mmfer.testing.identity_data import write_identity_data  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')

ROOT = Path(__file__).parents[2]
NAME = 'configs/mifer/mifer-{}_r10-quarter_1xb32-s8-24e_synthetic-faces.py'
EPOCHS = 4


class Stopped(Exception):
    """What ends a training before its time."""


class StopHook(Hook):
    """Stop at the end of an epoch, as a queue would."""

    priority = 'LOWEST'

    def __init__(self, epoch):
        self.epoch = epoch

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            raise Stopped


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write_identity_data(folder, subjects=3, frames=9, size=96)
    return folder


@pytest.fixture
def config(data, monkeypatch, tmp_path):
    """Read a shipped config and cut it to the size of a test."""
    monkeypatch.setenv('MMFER_DATA', str(data))

    def read(name, work_dir='run', workers=0, **options):
        cfg = Config.fromfile(ROOT / NAME.format(name))
        for split in ('train', 'val', 'test'):
            loader = cfg[f'{split}_dataloader']
            loader.batch_size = 4
            loader.num_workers = workers if split == 'train' else 0
            loader.persistent_workers = loader.num_workers > 0
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=EPOCHS,
                             val_interval=100)
        cfg.param_scheduler = [
            dict(type='CosineAnnealingLR', T_max=EPOCHS, by_epoch=True,
                 convert_to_iter_based=True)
        ]
        cfg.default_hooks.checkpoint = dict(
            type='CheckpointHook', interval=1)
        cfg.model.identity_head.update(warmup=0.2, ramp=0.5, steps=2)
        cfg.randomness = dict(seed=3)
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.log_level = 'ERROR'
        cfg.experiment_name = f'{tmp_path.name}-{work_dir}'
        cfg.merge_from_dict(options)
        return cfg

    return read


def _train(cfg, stop=None, resume=False):
    cfg.resume = resume
    if stop:
        HOOKS.register_module(module=StopHook, force=True)
        cfg.custom_hooks = [dict(type='StopHook', epoch=stop)]
        cfg.experiment_name += '-stopped'
    runner = Runner.from_cfg(cfg)
    if stop:
        with pytest.raises(Stopped):
            runner.train()
    else:
        runner.train()
    return runner


def _equal(one, other):
    one, other = one.model.state_dict(), other.model.state_dict()
    return set(one) == set(other) and all(
        torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize('name, workers', [('vclub', 0), ('dcor', 1)])
def test_resumed_training_ends_where_an_uninterrupted_one_does(
        name, workers, config):
    whole = _train(config(name, 'whole', workers))
    _train(config(name, 'parts', workers), stop=2)
    parts = _train(config(name, 'parts', workers), resume=True)
    assert parts.epoch == EPOCHS
    assert _equal(whole, parts)
    # And other random numbers give another end.
    cfg = config(name, 'other', workers)
    cfg.randomness = dict(seed=4)
    assert not _equal(whole, _train(cfg))


def test_average_of_weights_and_accumulation(config, tmp_path):
    """EMA and accumulated gradients, with two optimisers."""
    cfg = config('vclub', optim_wrapper=dict(accumulative_counts=2))
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.5)]
    runner = _train(cfg)
    saved = torch.load(
        tmp_path / f'run/epoch_{EPOCHS}.pth', weights_only=True)
    averaged, last = saved['state_dict'], saved['ema_state_dict']
    key = 'backbone.conv1.weight'
    assert not torch.equal(averaged[key], last[f'module.{key}'])
    assert torch.isfinite(averaged[key]).all()
    assert runner.optim_wrapper['model']._accumulative_counts == 2
    assert runner.optim_wrapper['estimator']._accumulative_counts == 1
    # The average is what is tested.
    model = MODELS.build(cfg.model)
    model.load_state_dict(averaged)


def test_each_optimiser_may_have_a_schedule_of_its_own(config):
    cfg = config('vclub')
    cfg.param_scheduler = dict(
        model=[dict(type='ConstantLR', factor=0.1, begin=0, end=9)],
        estimator=[dict(type='ConstantLR', factor=1., begin=0, end=9)])
    cfg.train_cfg.max_epochs = 1
    rates = _train(cfg).optim_wrapper.get_lr()
    assert rates['model.base_lr'][0] == pytest.approx(5e-4)
    assert rates['estimator.lr'][0] == pytest.approx(
        cfg.optim_wrapper.estimator.optimizer.lr)


def test_weight_of_the_penalty_follows_the_runner(config):
    runner = _train(config('dcor'))
    log = runner.message_hub.get_scalar('train/identity_weight')
    values = [float(value) for value in log.data[0]]
    assert values[0] == 0 and values[-1] == pytest.approx(
        runner.model.identity_head.weight)
    assert values == sorted(values) and len(set(values)) > 3


def test_on_line_identity_gives_the_numbers_of_stored_identity(
        config, data, tmp_path):
    """One batch: the frozen network in the loop against the file."""
    from mmfer.codec import CompressedVideo
    from mmfer.models.identity import build_identity_encoder
    encoder = dict(type='mmfer.IResNet', depth=18, embedding_channels=16,
                   width=0.125, stem_stride=2, input_size=64, checkpoint=None)
    torch.manual_seed(7)
    frozen = build_identity_encoder(encoder)
    weights = tmp_path / 'face.pth'
    torch.save(frozen.network.state_dict(), weights)
    encoder['checkpoint'] = str(weights)

    cfg = config('dcor')
    # Four clips of four expressions: within an expression nothing is left.
    cfg.model.identity_head.given_expression = False
    stored = DATASETS.build(cfg.train_dataloader.dataset)
    paths = [stored.get_data_info(i)['path'] for i in range(4)]
    faces = []
    for i in range(4):
        with CompressedVideo(stored.get_data_info(i)['filename']) as video:
            faces.append(video.frame_at(0))
    file = tmp_path / 'identity.npz'
    IdentityEmbeddings(
        paths, build_identity_encoder(encoder).encode(faces),
        [0] * 4).save(file)

    def losses(pipeline, model, streams, weights=None):
        cfg.model.data_preprocessor.streams = streams
        dataset = DATASETS.build(
            dict(cfg.train_dataloader.dataset, pipeline=pipeline))
        dataset.set_epoch(0, 0)
        batch = pseudo_collate([dataset[i] for i in range(4)])
        built = MODELS.build(dict(cfg.model, **model))
        if weights is not None:
            built.load_state_dict(weights)
        built.eval()
        data = built.data_preprocessor(batch, True)
        return built, built(**data, mode='loss')

    steps = cfg.train_pipeline
    place = [s['type'] for s in steps].index('mmfer.LoadIdentity')
    from_file = steps[:place] + [
        dict(type='mmfer.LoadIdentity', file=str(file), whiten=False)
    ] + steps[place + 1:]
    on_line = steps[:2] + [
        dict(type='mmfer.ReadKeyframe'), dict(type='mmfer.FormatKeyframe')
    ] + steps[2:place] + steps[place + 1:-1] + [
        dict(type='PackActionInputs', collect_keys=('imgs', 'keyframe'))
    ]
    first, expected = losses(from_file, {}, {})
    model, got = losses(
        on_line, dict(identity_encoder=encoder),
        dict(keyframe=dict(mean=[0.], std=[1.])), first.state_dict())
    assert got['identity_penalty'] != 0
    for name in ('loss_cls', 'identity_penalty'):
        assert torch.allclose(got[name], expected[name], atol=1e-5)
    # The face network is nowhere in the model.
    assert not any('encoder' in name for name in model.state_dict())
    shapes = {tuple(p.shape) for p in frozen.network.parameters()}
    assert len(shapes) > 5
    assert sum(p.numel() for p in model.parameters()) < 350_000
