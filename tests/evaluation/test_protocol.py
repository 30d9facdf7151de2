# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('mmengine')

from mmengine.config import Config  # noqa: E402

from mmfer.evaluation.protocol import UNKNOWN, protocol_fields  # noqa: E402

CONFIGS = Path(__file__).parents[2] / 'configs' / 'residual'
METAINFO = dict(
    dataset='crema-d', title='CREMA-D', protocol='5-fold',
    classes=['happy', 'sad'],
    coding=dict(crop='clip', detector='haar',
                encoding=dict(codec='mpeg4', gop=12, qscale=3)))


def _fields(name, metainfo=METAINFO, **changes):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.merge_from_dict(changes)
    return protocol_fields(cfg, metainfo)


def test_what_a_shipped_config_says():
    fields = _fields('residual_r18_1xb16-s16-50e_own-clips-chained-motion')
    assert fields == dict(
        dataset='CREMA-D', split='5-fold', classes='happy, sad',
        frames='16 from equal parts of the clip', views='1', size='112 x 112',
        modalities='residual + motion', residual='chained, bgr',
        sampler='as in the data', class_weights='none', pretrained='none',
        epochs='50', faces='own crop: clip (haar)', codec='mpeg4', gop='12',
        quantiser='qscale 3')


def test_what_changes_with_the_config():
    name = 'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-{}'
    assert _fields(name.format('rgb'))['modalities'] == 'RGB'
    assert _fields(name.format('rgb'))['residual'] == 'none'
    fields = _fields(
        name.format('single'),
        **{
            'train_dataloader.sampler': dict(
                type='mmfer.ClassBalancedSampler', power=.5),
            'custom_hooks': [dict(type='mmfer.ClassWeightHook')],
            'model.backbone.pretrained': 'weights.pth',
            'test_dataloader.dataset.pipeline.1.num_clips': 2,
            'test_dataloader.dataset.pipeline.3': dict(
                type='ThreeCrop', crop_size=96),
        })
    assert fields['residual'] == 'single, y'
    assert fields['sampler'] == 'class-balanced, power 0.5'
    assert fields['class_weights'] == 'inverse frequency, power 1.0'
    assert fields['pretrained'] == 'weights.pth'
    assert fields['views'] == '6' and fields['size'] == '96 x 96'


def test_what_is_not_known_is_not_invented():
    fields = protocol_fields({}, {})
    assert {fields[name] for name in (
        'dataset', 'split', 'classes', 'frames', 'size', 'modalities',
        'sampler', 'epochs', 'faces', 'codec', 'gop', 'quantiser')} == {UNKNOWN}
    # A stored null means one group for the whole clip.
    assert protocol_fields({}, dict(coding=dict(codec='h264', gop=None)))[
        'gop'] == 'whole clip'
    fields = protocol_fields({}, dict(coding=dict(crop='none')))
    assert fields['faces'] == 'as in the release'
