# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The configs of face recognition are built and run for one step."""
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS, METRICS, MODELS  # noqa: E402
from mmengine.analysis import get_model_complexity_info  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.fileio import load  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from mmfer.engine import ClassCountHook  # noqa: E402
from mmfer.engine.identity_extraction import read_encoder_config  # noqa: E402
from mmfer.models import build_identity_encoder  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'configs' / 'face_recognition'
CONFIGS = sorted(FOLDER.glob('*.py'))

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write_labelled_clips(folder / 'synthetic_identities', subjects=5)
    return folder


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def path(request, data, monkeypatch):
    monkeypatch.setenv('MMFER_DATA', str(data))
    return request.param


@pytest.fixture
def cfg(path):
    return Config.fromfile(path)


def _batch(loader, indices):
    dataset = DATASETS.build(loader.dataset)
    return dataset, pseudo_collate([dataset[i] for i in indices])


def test_one_step_of_training_and_test(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimiser = build_optim_wrapper(model, cfg.optim_wrapper)
    dataset, batch = _batch(cfg.train_dataloader, (0, 8, 1))
    assert dataset.metainfo['classes'] == ('s0', 's1', 's2')
    log = model.train_step(batch, optimiser)
    assert torch.isfinite(log['loss']) and 'top1_acc' in log

    chosen = range(7)
    dataset, batch = _batch(cfg.test_dataloader, chosen)
    with torch.no_grad():
        samples = model.eval().test_step(batch)
    assert samples[0].pred_embedding.shape == (model.backbone.out_channels, )
    metric = METRICS.build(cfg.test_evaluator)
    metric.process(batch, [sample.to_dict() for sample in samples])
    found = metric.evaluate(len(chosen))
    assert found['identity/rank1'] == 1  # there is but one person
    assert cfg.default_hooks.checkpoint.save_best in found
    assert cfg.default_hooks.checkpoint.rule == 'less'


@pytest.mark.parametrize('clips, batch', [(5, 4), (3, 32)])
def test_any_number_of_clips_trains(cfg, tmp_path, clips, batch):
    cfg.train_dataloader.update(
        batch_size=batch, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.indices = clips
    cfg.model.cls_head.num_classes = 3
    cfg.merge_from_dict(dict(
        val_dataloader=None, val_cfg=None, val_evaluator=None,
        test_dataloader=None, test_cfg=None, test_evaluator=None))
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    cfg.param_scheduler = cfg.param_scheduler[:1]
    cfg.log_level = 'ERROR'
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = f'one_left_{clips}_{tmp_path.name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 3 * -(-clips // batch)
    assert all(torch.isfinite(p).all() for p in runner.model.parameters())


def test_what_the_tools_need(cfg):
    assert cfg.default_scope == 'mmaction'
    assert cfg.custom_imports.imports == ['mmfer']
    assert cfg.auto_scale_lr.base_batch_size == \
        cfg.train_dataloader.batch_size
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        assert cfg[f'{split}_pipeline'] == loader.dataset.pipeline
        assert loader.dataset.split == split


def test_the_head_fits_the_data_that_the_documents_make(cfg):
    from mmfer.synthetic import PRESETS, SyntheticFaces
    faces = SyntheticFaces(360, 1, 12, seed=1000)
    splits = faces.splits(PRESETS['standard']['shares'])
    persons = sum(split == 'train' for split, _ in splits)
    assert cfg.model.cls_head.num_classes == persons
    for document in (FOLDER / 'README.md', ROOT / 'docs' / 'identity.md'):
        text = ' '.join(document.read_text(encoding='utf-8').split())
        assert '--subjects 360 --takes 1 --frames 12 --seed 1000' in text


def test_wrong_numbers_of_persons_are_told(cfg):
    runner = SimpleNamespace(
        model=MODELS.build(cfg.model),
        train_dataloader=SimpleNamespace(
            dataset=DATASETS.build(cfg.train_dataloader.dataset)),
        test_dataloader=SimpleNamespace(
            dataset=DATASETS.build(cfg.test_dataloader.dataset)))
    with pytest.raises(ValueError, match='3 classes .* the head has 240'):
        ClassCountHook().before_train(runner)
    ClassCountHook().before_test(runner)


def test_a_trained_network_becomes_the_encoder(path, cfg, tmp_path):
    model = MODELS.build(cfg.model)
    model.init_weights()
    checkpoint = tmp_path / 'trained.pth'
    torch.save(dict(meta=dict(), state_dict=model.state_dict()), checkpoint)
    encoder = build_identity_encoder(
        read_encoder_config(str(path), str(checkpoint)))
    _, batch = _batch(cfg.test_dataloader, (0, 1, 2))
    with torch.no_grad():
        samples = model.eval().test_step(batch)
    expected = torch.stack([sample.pred_embedding for sample in samples])
    # The pipeline has brought the keyframes to the size of the network.
    pictures = torch.cat(batch['inputs'])
    assert torch.allclose(encoder.encode_batch(pictures), expected, atol=1e-5)


def test_readme_and_metafile(path, cfg):
    network = MODELS.build(cfg.model.backbone).eval()
    size = cfg.model.backbone.input_size
    info = get_model_complexity_info(
        network, (3, size, size), show_table=False, show_arch=False)
    readme = (FOLDER / 'README.md').read_text(encoding='utf-8')
    row = next(line for line in readme.splitlines() if path.name in line)
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert f'{info["params"] / 1e6:.2f} M' in cells, info['params']
    assert f'{info["flops"] / 1e9:.3f} G' in cells, info['flops']
    content = load(str(FOLDER / 'metafile.yml'))
    for entry in content['Collections']:
        assert (ROOT / entry['README']).is_file()
    assert content['Models'] == []
    index = load(str(ROOT / 'model-index.yml'))
    assert 'configs/face_recognition/metafile.yml' in index['Import']
