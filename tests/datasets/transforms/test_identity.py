# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.datasets.transforms import PackActionInputs  # noqa: E402
from mmcv.transforms import Compose  # noqa: E402

from mmfer.codec import CompressedVideo  # noqa: E402
from mmfer.datasets import (FormatKeyframe, IdentityEmbeddings,  # noqa: E402
                            IdentityFileError, LoadIdentity, ReadKeyframe)
from mmfer.testing.sources import face_like  # noqa: E402
from mmfer.testing.streams import write_video  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    return write_video(path, face_like(30, (64, 48)), 'mpeg4')


@pytest.fixture
def stored(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    identities = IdentityEmbeddings([f'{i // 2}.mp4' for i in range(6)], x,
                                    [0, 12] * 3, dict(which='same_gop'))
    identities.fit_whitening('train', identities.paths, 2)
    identities.fit_whitening('fold1', ['1.mp4', '2.mp4'], 2)
    identities.save(tmp_path / 'identity.npz')
    return identities, str(tmp_path / 'identity.npz')


@pytest.mark.parametrize('which, index', [('first', 0), ('last', 24)])
def test_sampling_a_keyframe(clip, which, index):
    sample = Compose([
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleKeyframe', which=which),
        dict(type='mmfer.ReadFrames'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs')
    ])(dict(filename=clip, label=0))
    with CompressedVideo(clip) as video:
        picture = video.frame_at(index)
    assert sample['inputs'].shape == (1, 3, 48, 64)
    assert np.array_equal(sample['inputs'][0].permute(1, 2, 0), picture)


def test_an_unknown_keyframe_is_refused():
    with pytest.raises(ValueError, match='first'):
        Compose([dict(type='mmfer.SampleKeyframe', which='middle')])
    with pytest.raises(ValueError, match='same_gop'):
        ReadKeyframe('middle')


@pytest.mark.parametrize('inds, index', [([3, 8], 0), ([8, 13, 14], 12),
                                         ([29], 24)])
def test_the_keyframe_of_the_sampled_group(clip, inds, index):
    with CompressedVideo(clip) as video:
        results = ReadKeyframe('same_gop')(
            dict(video=video, frame_inds=np.array(inds)))
        assert np.array_equal(results['keyframe'], video.frame_at(index))


def test_an_untouched_keyframe_as_a_stream():
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    whole = FormatKeyframe()(dict(keyframe=picture))['keyframe']
    assert np.array_equal(whole, picture.transpose(2, 0, 1))
    crop = FormatKeyframe(dict(size=24, crop=0.5))(
        dict(keyframe=picture))['keyframe']
    assert np.array_equal(crop, picture[12:36, 20:44].transpose(2, 0, 1))


@pytest.mark.parametrize('whiten, fold', [(False, None), (True, None),
                                          (True, 1)])
def test_stored_identities(stored, whiten, fold):
    identities, file = stored
    transform = LoadIdentity(file, whiten=whiten, fold=fold)
    results = transform(
        dict(path='1.mp4', frame_inds=np.array([3, 13, 14]), label=0,
             imgs=np.zeros((1, 3, 4, 4), np.uint8)))
    expected = identities.embeddings[3]
    if whiten:
        expected = identities.whiten(expected, fold)
    packed = PackActionInputs(algorithm_keys=('identity', ))(results)
    identity = packed['data_samples'].identity
    assert identity.dtype == torch.float32
    assert np.array_equal(identity.numpy(), expected)


def test_one_row_per_clip_needs_no_pictures(tmp_path):
    x = np.eye(3, dtype=np.float32)
    file = tmp_path / 'identity.npz'
    IdentityEmbeddings(['a', 'b', 'c'], x, [0] * 3,
                       dict(which='first')).save(file)
    found = LoadIdentity(str(file), whiten=False)(dict(path='b'))
    assert found['identity'].tolist() == [0, 1, 0]


def test_mistakes_are_told_before_the_training(stored, tmp_path):
    file = stored[1]
    with pytest.raises(IdentityFileError, match='no such identity file'):
        LoadIdentity(str(tmp_path / 'other.npz'))
    with pytest.raises(IdentityFileError, match="no whitening 'fold7'"):
        LoadIdentity(file, fold=7)
    with pytest.raises(IdentityFileError, match='no embedding of x.mp4'):
        LoadIdentity(file)(dict(path='x.mp4', frame_inds=np.array([0])))
