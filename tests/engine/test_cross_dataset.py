# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A model of one data set on the clips of another."""
import json

import pytest
import torch

pytest.importorskip('mmaction')

from mmengine.config import Config  # noqa: E402

from mmfer.engine.cross_dataset import (CrossDatasetError,  # noqa: E402
                                        Source, evaluate_on, format_cross)
from mmfer.registry import MODELS  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

#: Native names and order of a set in the wild, and of an acted one.
SOURCE = ['happy', 'sad', 'contempt', 'angry', 'surprise']
TARGET = ['ANG', 'calm', 'HAP', 'SAD']

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture(scope='module')
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp('target')
    path = write_labelled_clips(folder, TARGET, subjects=3, frames=4, size=32)
    content = json.loads(path.read_text())
    content['metainfo'].update(title='Acted', coding=dict(codec='mpeg4',
                                                          gop=12))
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture(scope='module')
def config():
    pipeline = [
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=2, test_mode=True),
        dict(type='mmfer.ReadResiduals', channels='y'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs', meta_keys=('filename', 'subject'))
    ]
    return Config(dict(
        model=dict(
            type='Recognizer2D',
            backbone=dict(type='mmfer.ResidualResNet', depth=10, in_channels=1,
                          width=.125, num_stages=1, stem='patch'),
            cls_head=dict(type='mmfer.FERHead', num_classes=5, in_channels=8,
                          num_segments=2),
            data_preprocessor=dict(type='mmfer.FERDataPreprocessor')),
        test_dataloader=dict(
            batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler'),
            dataset=dict(type='mmfer.FERDataset', ann_file='gone.json',
                         pipeline=pipeline, test_mode=True))))


def _checkpoint(folder, config, order, **meta):
    """Weights for which the classes are liked in this order, always."""
    model = MODELS.build(config.model)
    model.cls_head.fc_cls.weight.data.zero_()
    model.cls_head.fc_cls.bias.data = -torch.tensor(
        [float(order.index(name)) for name in SOURCE])
    meta.setdefault('dataset_meta', dict(
        classes=tuple(SOURCE), title='Wild', coding=dict(codec='h264')))
    path = str(folder / 'model.pth')
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


def _source(folder, config, *liked, **meta):
    order = [*liked, *(name for name in SOURCE if name not in liked)]
    return Source(config, _checkpoint(folder, config, order, **meta))


def test_classes_meet_by_name_and_absent_ones_are_masked(tmp_path, config,
                                                         target):
    # 'contempt' has the best score everywhere, then 'angry'.
    source = _source(tmp_path, config, 'contempt', 'angry')
    result = evaluate_on(source, target, progress=False)
    assert result['classes'] == ['happy', 'sad', 'angry']
    assert result['only_source'] == ['contempt', 'surprise']
    assert result['only_target'] == ['calm']
    assert result['clips'] == 9 and result['left_out'] == 3
    assert result['masked'] == 1
    # Everything is taken for angry, whatever its number in either set.
    assert result['summary']['pooled']['confusion'] == [
        [0, 0, 3], [0, 0, 3], [0, 0, 3]]
    assert result['summary']['mean']['UAR'] == pytest.approx(1 / 3)
    assert result['summary']['pooled']['recall']['angry'] == 1
    text = format_cross([result])
    assert 'Wild -> Acted' in text and '| 33.33 |' in text
    assert 'Shared classes: happy, sad, angry.' in text
    json.dumps(result)


def test_codings_that_differ_are_noted(tmp_path, config, target):
    source = _source(tmp_path, config, 'sad')
    result = evaluate_on(source, target, split='test', progress=False)
    assert result['part'] == 'test' and result['clips'] == 3
    assert 'codec: h264 -> mpeg4' in result['notes'][0]
    assert result['masked'] == 0


@pytest.mark.parametrize('same', ['file', 'name'])
def test_the_own_data_set_is_noticed(tmp_path, config, target, same):
    meta = dict(protocol=dict(ann_file=target)) if same == 'file' else dict(
        dataset_meta=dict(classes=tuple(SOURCE), dataset='labelled-clips'))
    source = _source(tmp_path, config, 'sad', epoch=3, **meta)
    result = evaluate_on(source, target, progress=False)
    assert 'not a cross-dataset result' in result['notes'][-1]
    # Trained, not planned.
    assert result['protocol']['epochs'] == '3'


def test_nothing_in_common(tmp_path, config):
    path = write_labelled_clips(tmp_path / 'micro', ('repression', 'others',
                                                     'HAP'),
                                subjects=3, frames=4, size=32)
    with pytest.raises(CrossDatasetError, match='1 of its classes'):
        evaluate_on(_source(tmp_path, config), str(path), progress=False)


def test_a_model_must_know_the_names_of_its_classes(tmp_path, config):
    with pytest.raises(CrossDatasetError, match='does not name its classes'):
        _source(tmp_path, config, dataset_meta={})
    with pytest.raises(CrossDatasetError, match='5 outputs'):
        _source(tmp_path, config, dataset_meta=dict(classes=('a', 'b')))
