# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A tiny training to export: config, checkpoint and clips."""
from pathlib import Path

import pytest

from mmfer.testing.labelled_clips import write_labelled_clips

ROOT = Path(__file__).parents[2]
CLASSES = ('happy', 'sad', 'angry')


def tiny_config(data):
    """The tiny form of the recommended config, three classes, 48x48."""
    from mmengine.config import Config
    cfg = Config.fromfile(
        ROOT / 'configs/mifer/mifer-t_r10-eighth_1xb32-s8-24e_'
        'synthetic-faces.py')
    cfg.model.cls_head.num_classes = len(CLASSES)
    # 40 pixels become 10, 5, 3: no multiple of the head's 2x2 fields.
    cfg.model.cls_head.pool_size = 2
    for part in ('train', 'test'):
        dataset = cfg[f'{part}_dataloader'].dataset
        dataset.data_root = str(data)
        for step in dataset.pipeline:
            if step['type'] == 'CenterCrop':
                step['crop_size'] = 40
    return cfg


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """Config and checkpoint whose weights were drawn, not learned."""
    pytest.importorskip('mmaction')
    import torch
    from mmaction.registry import MODELS
    from mmengine.registry import DefaultScope
    folder = tmp_path_factory.mktemp('trained')
    write_labelled_clips(folder, CLASSES, subjects=4, frames=9, size=48)
    cfg = tiny_config(folder)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith('running_var'):
                value.mul_(1 + torch.rand_like(value))
            elif value.is_floating_point():
                value.add_(0.2 * torch.randn_like(value))
    path = folder / 'epoch_1.pth'
    meta = dict(dataset_meta=dict(
        classes=CLASSES, coding=dict(codec='mpeg4')))
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    config = folder / 'config.py'
    cfg.dump(config)
    return config, path
