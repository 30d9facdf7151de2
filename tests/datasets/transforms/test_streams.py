# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmcv.transforms import Compose  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402

from mmfer.codec import CompressedVideo  # noqa: E402
from mmfer.datasets import JoinStreams, ReadKeyframe, SplitStreams  # noqa: E402
from mmfer.models import FERDataPreprocessor  # noqa: E402
from mmfer.testing.sources import face_like  # noqa: E402
from mmfer.testing.streams import write_video  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    return write_video(path, face_like(30, (64, 64)), 'mpeg4')


def _pipeline(*spatial, motion=False):
    return Compose([
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=4, test_mode=True),
        dict(type='mmfer.ReadKeyframe'),
        dict(type='mmfer.ReadApex'),
        dict(type='mmfer.ReadResiduals', motion=motion),
        dict(type='mmfer.JoinStreams', streams=('keyframe', 'apex')),
        *spatial,
        dict(type='mmfer.SplitStreams'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(
            type='PackActionInputs',
            collect_keys=('imgs', 'keyframe', 'apex'),
            algorithm_keys=('apex_valid', ))
    ])


def test_streams_arrive_beside_the_residuals(clip):
    sample = _pipeline()(dict(filename=clip, label=0, apex=9))
    with CompressedVideo(clip) as video:
        keyframe, apex = video.frames_at([0, 9])
    assert sample['inputs']['imgs'].shape == (4, 3, 64, 64)
    for name, picture in (('keyframe', keyframe), ('apex', apex)):
        tensor = sample['inputs'][name]
        assert tensor.dtype == torch.uint8
        assert np.array_equal(tensor.permute(1, 2, 0).numpy(), picture)
    assert sample['data_samples'].apex_valid.tolist() == [1.]


@pytest.mark.parametrize('motion', [True, False])
def test_streams_are_cropped_and_flipped_like_the_residuals(clip, motion):
    plain = _pipeline(motion=motion)(dict(filename=clip, label=0, apex=9))
    np.random.seed(5)
    sample = _pipeline(
        dict(type='RandomCrop', size=40),
        dict(type='mmfer.FlipResidual', flip_ratio=1.),
        motion=motion)(dict(filename=clip, label=0, apex=9))

    def places(whole, part):
        """Where a mirrored part of one channel lies in the whole."""
        whole = whole.flip(-1).unfold(0, 40, 1).unfold(1, 40, 1)
        return (whole == part).flatten(2).all(-1).nonzero().tolist()

    found = [
        places(plain['inputs']['imgs'][3, 0], sample['inputs']['imgs'][3, 0]),
        places(plain['inputs']['keyframe'][0], sample['inputs']['keyframe'][0])
    ]
    assert found[0] == found[1] and len(found[0]) == 1


def test_absent_apex_is_zeros_and_collates(clip):
    pipeline = _pipeline()
    batch = pseudo_collate([
        pipeline(dict(filename=clip, label=0)),
        pipeline(dict(filename=clip, label=1, apex=4))
    ])
    assert not batch['inputs']['apex'][0].any()
    assert batch['inputs']['apex'][1].any()
    valid = [sample.apex_valid.item() for sample in batch['data_samples']]
    assert valid == [0., 1.]
    streams = dict(mean=[127.5], std=[127.5])
    ready = FERDataPreprocessor(
        streams=dict(keyframe=streams, apex=streams))(batch)
    assert ready['inputs']['imgs'].shape == (2, 4, 3, 64, 64)
    assert ready['inputs']['keyframe'].shape == (2, 3, 64, 64)
    assert ready['inputs']['apex'][0].unique().tolist() == [-1.]


def test_the_last_keyframe(clip):
    with CompressedVideo(clip) as video:
        results = ReadKeyframe('last')(
            dict(video=video, frame_inds=np.array([3, 20])))
        assert np.array_equal(results['keyframe'], video.frame_at(12))


def test_wrong_use_is_explained():
    results = dict(imgs=[np.zeros((4, 4, 3), np.int16)])
    with pytest.raises(ValueError, match="no stream 'keyframe'"):
        JoinStreams()(dict(results))
    with pytest.raises(ValueError, match='TenCrop'):
        SplitStreams()(
            dict(results, joined_streams=('keyframe', ), num_clips=1,
                 clip_len=4))
