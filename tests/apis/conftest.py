# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A network with random weights, clips, and what goes wrong with files."""
import importlib.util
from pathlib import Path

import mmengine.runner  # noqa: F401  Its import allows checkpoint names.
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

import mmfer
from mmfer.testing.labelled_clips import SEVEN, write_labelled_clips

ROOT = Path(mmfer.__file__).resolve().parent.parent
CONFIG = ROOT / 'configs' / 'residual' / \
    'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained.py'


@pytest.fixture(scope='session')
def place(tmp_path_factory):
    """A folder with a tiny data set, a config and a checkpoint."""
    root = tmp_path_factory.mktemp('inference')
    write_labelled_clips(root / 'data', SEVEN[:3], subjects=3, frames=14)
    cfg = Config.fromfile(CONFIG)
    for loader in ('train', 'val', 'test'):
        dataset = cfg[f'{loader}_dataloader'].dataset
        dataset.data_root = str(root / 'data')
        cfg[f'{loader}_dataloader'].update(
            num_workers=0, persistent_workers=False, batch_size=3)
    cfg.model.cls_head.num_classes = 3
    cfg.dump(root / 'config.py')
    write_checkpoint(cfg, root / 'weights.pth')
    return root


def write_checkpoint(cfg, path, seed=0):
    """Write random weights that tell clips apart."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    torch.nn.init.normal_(model.cls_head.fc_cls.weight, std=.3)
    torch.save(
        dict(meta=dict(dataset_meta=dict(classes=SEVEN[:3])),
             state_dict=model.state_dict()), path)


@pytest.fixture(scope='session')
def clips(place):
    """Paths of the clips, in order."""
    return sorted(map(str, (place / 'data/clips').glob('*.mp4')))


@pytest.fixture(scope='session')
def model_of(place):
    """Arguments of an inferencer."""
    return dict(config=str(place / 'config.py'),
                checkpoint=str(place / 'weights.pth'))


@pytest.fixture(scope='session')
def tool():
    """The module of tools/predict.py."""
    spec = importlib.util.spec_from_file_location(
        'predict_tool', ROOT / 'tools' / 'predict.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
