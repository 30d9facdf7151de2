# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Every shipped config is parsed, built and run for one step."""
import json
import re
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS, METRICS, MODELS  # noqa: E402
from mmengine.analysis import get_model_complexity_info  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.fileio import load  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402

from mmfer.datasets.adapters import get_adapter, list_adapters  # noqa: E402
from mmfer.engine.fold_config import check_folds  # noqa: E402
from mmfer.testing.identity_data import write_identities  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(
    path for path in (ROOT / 'configs').rglob('*.py')
    if not {'_base_', 'face_recognition'} & set(path.parts))
FOLDERS = sorted({path.parent for path in CONFIGS})

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _stem(path):
    return path.stem


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Small stand-ins for the data sets of the configs."""
    folder = tmp_path_factory.mktemp('data')
    path = write_labelled_clips(folder / 'synthetic_faces', subjects=3)
    for name in ('identity.npz', 'identity_same_gop.npz'):
        write_identities(path, name)
    (folder / 'own_clips').symlink_to(folder / 'synthetic_faces')
    _write_prepared(folder)
    return folder


def _write_prepared(folder):
    """The classes of each official set, with clips that all of them share."""
    classes = {name: get_adapter(name).classes for name in list_adapters()}
    every = sorted({label for names in classes.values() for label in names})
    path = write_labelled_clips(
        folder / 'prepared', every, subjects=3, frames=6, size=32)
    clips = json.loads(path.read_text())['clips']
    for name, labels in classes.items():
        (folder / name).mkdir()
        (folder / name / 'clips').symlink_to(folder / 'prepared' / 'clips')
        content = dict(
            metainfo=dict(dataset=name, classes=labels),
            clips=[clip for clip in clips if clip['label'] in labels])
        path = folder / name / 'annotations.json'
        path.write_text(json.dumps(content))
        write_identities(path, channels=72, whitened=64,
                         parts=('train', 'fold1', 'fold2'))


def _batch(loader, count):
    dataset = DATASETS.build(loader.dataset)
    return dataset, pseudo_collate([dataset[i] for i in range(count)])


def _is_official(path):
    """Whether a config is one of those of the official data sets."""
    return any(f'_{name}' in path.stem for name in list_adapters())


def _make_small(cfg):
    """The same network on small pictures."""
    for part in ('train', 'val', 'test'):
        for transform in cfg[f'{part}_dataloader'].dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = (32, 32)


def _complexity(cfg, batch):
    """Parameters and multiply-adds of one sample, head included."""
    model = MODELS.build(cfg.model).eval()
    model.forward = lambda x: model.extract_feat(x, stage='head')[0]
    info = get_model_complexity_info(
        model, tuple(batch['inputs'][0].shape), show_table=False,
        show_arch=False)
    return info['params'], info['flops']


@pytest.mark.filterwarnings('ignore:the classes')
@pytest.mark.parametrize('path', CONFIGS, ids=_stem)
def test_one_step_of_training_and_test(path, data, monkeypatch):
    monkeypatch.setenv('MMFER_DATA', str(data))
    torch.manual_seed(0)
    cfg = Config.fromfile(path)
    if _is_official(path):
        _make_small(cfg)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimiser = build_optim_wrapper(model, cfg.optim_wrapper)

    _, batch = _batch(cfg.train_dataloader, 2)
    inputs = batch['inputs']  # a dict if an apex comes with the residuals
    inputs = inputs['imgs'] if isinstance(inputs, dict) else inputs
    assert inputs[0].dtype in (torch.int16, torch.uint8)
    before = [p.detach().clone() for p in model.parameters()]
    log = model.train_step(batch, optimiser)
    assert torch.isfinite(log['loss']) and 'top5_acc' not in log
    changed = [
        not torch.equal(p, old) for p, old in zip(model.parameters(), before)
    ]
    # Behind a block that starts as its shortcut some gradients are zero.
    assert sum(changed) > len(changed) / 2

    dataset, batch = _batch(cfg.test_dataloader, 2)
    # In test the input is one plain tensor: no picture beside it.
    assert isinstance(batch['inputs'][0], torch.Tensor)
    with torch.no_grad():
        samples = model.eval().test_step(batch)
    assert samples[0].pred_score.sum().item() == pytest.approx(1)
    assert samples[0].filename.endswith('.mp4')
    metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = dataset.metainfo
    metric.process(batch, [sample.to_dict() for sample in samples])
    assert 0 <= metric.evaluate(2)['fer/UAR'] <= 1


@pytest.mark.parametrize('path', CONFIGS, ids=_stem)
def test_what_mmaction2s_tools_need(path):
    cfg = Config.fromfile(path)
    assert cfg.default_scope == 'mmaction'
    assert cfg.custom_imports == dict(
        imports=['mmfer'], allow_failed_imports=False)
    assert cfg.load_from is None and cfg.resume is False
    assert set(cfg.default_hooks) >= {
        'runtime_info', 'timer', 'logger', 'param_scheduler', 'checkpoint',
        'sampler_seed', 'sync_buffers', 'unreadable_clips'
    }
    assert cfg.default_hooks.checkpoint.save_best == 'fer/UAR'
    assert cfg.default_hooks.checkpoint.rule == 'greater'
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_pipeline'] == \
            cfg[f'{split}_dataloader'].dataset.pipeline
        if not _is_official(path):
            assert cfg[f'{split}_dataloader'].dataset.split == split
    # The base batch is what the learning rate is meant for.
    assert cfg.auto_scale_lr.base_batch_size == \
        cfg.train_dataloader.batch_size


@pytest.mark.parametrize('name', list_adapters())
def test_an_official_set_has_its_classes_and_its_protocol(name, data,
                                                          monkeypatch):
    paths = [path for path in CONFIGS
             if re.search(rf'_{re.escape(name)}(-|$)', path.stem)]
    assert paths
    kind = next(iter(get_adapter(name).protocols.values())).kind
    for path in paths:
        monkeypatch.setenv('MMFER_DATA', str(data))
        monkeypatch.setenv('MMFER_FOLD', '2')
        cfg = Config.fromfile(path)
        check_folds(cfg)
        datasets = [DATASETS.build(dict(
            cfg[f'{part}_dataloader'].dataset, pipeline=[]))
                    for part in ('train', 'val', 'test')]
        for dataset in datasets:
            classes = dataset.metainfo['classes']
            assert cfg.model.cls_head.num_classes == len(classes)
            assert set(classes) <= set(get_adapter(name).classes)
        train, val, test = (
            {dataset.get_data_info(i)['filename'] for i in range(len(dataset))}
            for dataset in datasets)
        assert not train & test and not train & val
        # None of them has a validation set of its own.
        assert val == test
        if kind == 'split':
            assert cfg.train_dataloader.dataset.split == 'train'
        else:
            assert cfg.fold == cfg.train_dataloader.dataset.fold == 2
            assert {dataset.fold for dataset in datasets} == {2}


def test_file_names_are_unique_and_have_no_dots():
    """mim looks a config up by its base name; mmengine splits at a dot."""
    stems = [p.stem for p in (ROOT / 'configs').rglob('*.py')]
    assert len(stems) == len(set(stems))
    assert not any('.' in stem for stem in stems)
    assert len(CONFIGS) >= 8


def test_the_rgb_twin_differs_in_the_reader_only():
    """And in the channels that the reader gives, where these are not three.
    """
    folder = ROOT / 'configs' / 'residual'
    name = 'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-{}.py'
    residual = dict(type='mmfer.ReadResiduals', mode='chained')
    readers = {
        'chained': dict(residual, channels='y'),
        'chained-bgr': dict(residual, channels='bgr'),
        'rgb': dict(type='mmfer.ReadFrames'),
    }
    configs, channels = [], []
    for mode, reader in readers.items():
        cfg = Config.fromfile(folder / name.format(mode)).to_dict()
        assert cfg.pop('reader', reader) == reader
        for part in ('train', 'val', 'test'):
            for pipeline in (cfg[f'{part}_pipeline'],
                             cfg[f'{part}_dataloader']['dataset']['pipeline']):
                assert pipeline.pop(2) == reader
        channels.append(cfg['model']['backbone'].pop('in_channels'))
        configs.append(cfg)
    assert configs[0] == configs[1] == configs[2]
    assert channels == [1, 3, 3]


def test_data_folder_by_environment_and_by_option(monkeypatch):
    path = CONFIGS[0]
    monkeypatch.delenv('MMFER_DATA', raising=False)
    root = Config.fromfile(path).train_dataloader.dataset.data_root
    assert root.startswith('data/')
    monkeypatch.setenv('MMFER_DATA', '/elsewhere')
    cfg = Config.fromfile(path)
    assert cfg.val_dataloader.dataset.data_root == '/elsewhere' + root[4:]
    cfg.merge_from_dict({'train_dataloader.dataset.data_root': 'mine'})
    assert cfg.train_dataloader.dataset.data_root == 'mine'


def _table(readme):
    """Rows of the README whose last cell links to a config."""
    rows = {}
    for line in readme.read_text(encoding='utf-8').splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('|') and '](' in cells[-1]:
            rows[cells[-1].split('](')[1].rstrip(')').lstrip('./')] = cells
    return rows


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if p.parent.name == 'residual' or _is_official(p)],
    ids=_stem)
def test_readme_says_the_size_of_the_model(path, data, monkeypatch):
    monkeypatch.setenv('MMFER_DATA', str(data))
    table = _table(path.parent / 'README.md')
    cells = table[path.name]
    cfg = Config.fromfile(path)
    if _is_official(path):
        _check_twin(path, cfg, cells, table)
        return
    _, batch = _batch(cfg.test_dataloader, 1)
    params, flops = _complexity(cfg, batch)
    assert f'{params / 1e6:.2f} M' in cells, (params, flops)
    assert f'{flops / 1e9:.3f} G' in cells, (params, flops)


def _check_twin(path, cfg, cells, table):
    """The network is that of DFEW's config, but for the classes."""
    first = next(name for name in table if '_dfew' in name)
    first_cfg = Config.fromfile(path.parent / first)
    params = sum(p.numel() for p in MODELS.build(cfg.model).parameters())
    assert f'{params / 1e6:.2f} M' in cells, params
    if path.name == first:
        # This one is counted in full.
        _, batch = _batch(cfg.test_dataloader, 1)
        params, flops = _complexity(cfg, batch)
        assert f'{flops / 1e9:.3f} G' in cells, (params, flops)
    assert str(cfg.model.cls_head.num_classes) in cells
    cfg.model.cls_head.num_classes = first_cfg.model.cls_head.num_classes
    assert cfg.model == first_cfg.model
    assert cells[-2] == table[first][-2]


@pytest.mark.parametrize('folder', FOLDERS, ids=_stem)
def test_metafile(folder, data, monkeypatch):
    monkeypatch.setenv('MMFER_DATA', str(data))
    content = load(str(folder / 'metafile.yml'))
    collections = [entry['Name'] for entry in content['Collections']]
    for entry in content['Collections']:
        assert (ROOT / entry['README']).is_file()
    assert isinstance(content['Models'], list)
    for model in content['Models']:
        path = ROOT / model['Config']
        assert path in CONFIGS and path.stem == model['Name']
        assert model['In Collection'] in collections
        # The inferencer by name reads this field without asking.
        assert model['Weights']
        cfg = Config.fromfile(path)
        _, batch = _batch(cfg.test_dataloader, 1)
        params, flops = _complexity(cfg, batch)
        said = model['Metadata']
        assert said['Parameters'] == params and said['FLOPs'] == flops
        assert said['Epochs'] == cfg.train_cfg.max_epochs
        assert said['Batch Size'] == cfg.train_dataloader.batch_size
