# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmengine.runner import Runner  # noqa: E402
from torch import nn  # noqa: E402

from mmfer.engine.features import (FeatureSet, extract_features,  # noqa: E402
                                   split_dataloader)
from mmfer.registry import MODELS  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
CLASSES = ('a', 'b', 'c')
PREPROCESSOR = dict(type='mmfer.FERDataPreprocessor')
BACKBONE = dict(
    type='mmfer.ResidualResNet', depth=10, in_channels=1, width=0.125,
    num_stages=2, stem='patch')
HEAD = dict(
    type='mmfer.FERHead', num_classes=3, in_channels=16, num_segments=4,
    consensus='conv', hidden_channels=8)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clips')
    write_labelled_clips(folder, CLASSES, 3, 8, 32)
    return folder


def loader_config(folder, clips=1, layout='NCHW', **dataset):
    pipeline = [
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=4, num_clips=clips,
             test_mode=True),
        dict(type='mmfer.ReadResiduals', channels='y'),
        dict(type='FormatShape', input_format=layout),
        dict(type='PackActionInputs')
    ]
    return dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='mmfer.FERDataset', ann_file='annotations.json',
            data_root=str(folder), pipeline=pipeline, test_mode=True,
            **dataset))


def build(backbone=BACKBONE, head=HEAD, kind='Recognizer2D', **preprocessor):
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type=kind, backbone=dict(backbone), cls_head=dict(head),
        data_preprocessor=dict(PREPROCESSOR, **preprocessor)))
    for layer in model.modules():  # running statistics that do something
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(layer.running_mean, -.1, .1)
            nn.init.uniform_(layer.running_var, .5, 1.5)
    return model


def by_hand(model, loader):
    """Inputs of all clips in the order of the data set, as one batch."""
    dataset = loader.dataset
    batch = loader.collate_fn([dataset[i] for i in range(len(dataset))])
    return model.data_preprocessor(batch, False)['inputs']


def test_features_are_those_that_the_head_embeds(folder):
    loader = Runner.build_dataloader(loader_config(folder))
    model = build().train()
    found = extract_features(model, loader, progress=False)
    assert model.training and model.cls_head.training
    model.eval()
    inputs = by_hand(model, loader)
    with torch.no_grad():
        expected = model.cls_head.embed(
            model.backbone(inputs.flatten(0, 1)))
        scores = model.cls_head.fc_cls(expected).softmax(dim=1)
    assert found.features.shape == (9, 16)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    infos = [loader.dataset.get_data_info(i) for i in range(9)]
    assert found.paths.tolist() == [info['path'] for info in infos]
    assert found.subjects.tolist() == [info['subject'] for info in infos]
    assert found.labels.tolist() == [info['label'] for info in infos]
    assert found.classes == CLASSES and len(found) == 9


def test_views_of_a_clip_are_averaged(folder):
    loader = Runner.build_dataloader(loader_config(folder, clips=2))
    model = build()
    found = extract_features(model, loader, progress=False)
    model.eval()
    inputs = by_hand(model, loader)
    with torch.no_grad():
        views = model.cls_head.embed(model.backbone(inputs.flatten(0, 1)))
    assert len(views) == 18
    expected = views.unflatten(0, (9, 2)).mean(dim=1)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)


@pytest.mark.parametrize('kind, layout, clips, backbone, head', [
    ('Recognizer2D', 'NCHW', 2,
     dict(type='ResNet', depth=18, in_channels=1, norm_eval=False),
     dict(type='TSNHead', num_classes=3, in_channels=512, topk=(1, ),
          average_clips='prob')),
    ('Recognizer3D', 'NCTHW', 2,
     dict(type='ResNet3dSlowOnly', depth=18, in_channels=1, base_channels=8,
          pretrained=None, pretrained2d=False, lateral=False,
          conv1_kernel=(1, 3, 3), conv1_stride_t=1, pool1_stride_t=1,
          inflate=(0, 0, 1, 1), norm_eval=False),
     dict(type='I3DHead', num_classes=3, in_channels=64, topk=(1, ),
          average_clips='score')),
])
def test_networks_of_mmaction2_give_what_their_classifier_reads(
        folder, kind, layout, clips, backbone, head):
    loader = Runner.build_dataloader(
        loader_config(folder, clips, layout, split='test'))
    model = build(backbone, head, kind, format_shape=layout)
    found = extract_features(model, loader, progress=False)
    assert found.features.shape == (3, head['in_channels'])
    if head['average_clips'] == 'score':
        # The classifier is linear: it may as well read the mean.
        expected = model.cls_head.fc_cls(torch.from_numpy(found.features))
    else:  # this head averages features over all pictures itself
        expected = model.cls_head.fc_cls(
            torch.from_numpy(found.features)).softmax(dim=1)
    np.testing.assert_allclose(
        found.scores, expected.detach(), atol=1e-4)


def test_the_training_goes_on_as_if_nobody_had_looked(folder):
    loader = Runner.build_dataloader(loader_config(folder))
    model = build()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    extract_features(model, loader, progress=False)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v)
               for k, v in model.state_dict().items())
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_another_split_is_read_with_the_pipeline_of_the_test(folder):
    config = loader_config(folder, split='test')
    loader = split_dataloader(config, 'train')
    assert {loader.dataset.get_data_info(i)['split']
            for i in range(len(loader.dataset))} == {'train'}
    assert config['dataset']['split'] == 'test'
    folds = loader_config(folder, fold=1)
    tested, others = (split_dataloader(folds, fold_role=role)
                      for role in (None, 'train'))
    assert {i['fold'] for i in map(tested.dataset.get_data_info, range(3))
            } == {1}
    assert {i['fold'] for i in map(others.dataset.get_data_info, range(3))
            } == {2}


def test_heads_without_a_linear_classifier_are_refused(folder):
    loader = Runner.build_dataloader(loader_config(folder))
    model = build()
    model.cls_head.fc_cls = nn.Identity()
    with pytest.raises(ValueError, match='no linear layer with 3 outputs'):
        extract_features(model, loader, progress=False)
    model.cls_head = None
    with pytest.raises(ValueError, match='has no `cls_head`'):
        extract_features(model, loader, progress=False)


def test_a_clip_that_was_exchanged_is_noticed(folder, tmp_path):
    write_labelled_clips(tmp_path, CLASSES, 3, 8, 32)
    (tmp_path / 'clips' / 's0_a.mp4').write_bytes(b'broken')
    config = loader_config(tmp_path)
    config['dataset']['test_mode'] = False
    loader = Runner.build_dataloader(config)
    np.random.seed(3)
    with pytest.raises(ValueError, match='test_mode=True'):
        while True:  # until a clip of another class steps in
            extract_features(build(), loader, progress=False)


def some_features():
    return FeatureSet(
        np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 0]),
        np.array(['änna', '']), np.array(['a/b.mp4', 'c.mp4']),
        np.eye(2, dtype=np.float32), ('happy', 'sad'))


def test_features_travel_without_pickle(tmp_path):
    stored = some_features()
    path = tmp_path / 'new' / 'features.npz'
    stored.save(path)
    assert os.listdir(path.parent) == ['features.npz']
    loaded = FeatureSet.load(path)
    for name in ('features', 'labels', 'subjects', 'paths', 'scores'):
        np.testing.assert_array_equal(
            getattr(loaded, name), getattr(stored, name))
        assert getattr(loaded, name).dtype == getattr(stored, name).dtype
    assert loaded.classes == ('happy', 'sad')


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'x.npz'
    with pytest.raises(FileNotFoundError):
        FeatureSet.load(path)
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='not a feature file of version 1'):
        FeatureSet.load(path)
    np.savez(path, version=1, features=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match='not a feature file of version 1'):
        FeatureSet.load(path)
