# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion vectors: layout, sign, grid."""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, Residual
from mmfer.testing.reference_motion import rasterise


def test_ffmpegs_record_layout_is_as_expected(make_clip, truth):
    """An FFmpeg that changes the record must be noticed here first."""
    import av
    with av.open(make_clip('mpeg4')) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {'flags2': '+export_mvs'}
        frames = list(container.decode(stream))
    vectors = frames[3].side_data.get('MOTION_VECTORS').to_ndarray()
    assert vectors.dtype.itemsize == 40
    offsets = {name: vectors.dtype.fields[name][1] for name in
               ('source', 'w', 'h', 'dst_x', 'dst_y', 'motion_x', 'motion_y',
                'motion_scale')}
    assert offsets == dict(source=0, w=4, h=5, dst_x=10, dst_y=12,
                           motion_x=24, motion_y=28, motion_scale=32)
    assert set(vectors['source']) == {-1}


@pytest.mark.parametrize('coding, suffix, size', [
    ('mpeg4', '.mp4', (96, 80)), ('mpeg4_qpel_4mv', '.mp4', (90, 70)),
    ('mpeg2', '.mp4', (60, 50)), ('flv1', '.flv', (96, 80)),
    ('h264_deblock', '.mp4', (100, 84)), ('h264_partitions', '.mp4', (96, 80)),
    ('h264_multiref', '.mkv', (90, 74))
])
def test_the_grid_equals_the_slow_loop(make_clip, truth, coding, suffix,
                                       size):
    path = make_clip(coding, 'restless', 10, size, suffix)
    width, height = size
    with CompressedVideo(path) as video:
        for index, picture in enumerate(truth(path)):
            if picture.picture_type != 'P' or not len(picture.vectors):
                continue
            residual = video.residual_at(index)
            motion, inter = rasterise(picture.vectors, width, height)
            assert residual.motion.dtype == np.float32
            assert residual.inter.dtype == bool
            assert residual.motion.shape == (-(-height // 8), -(-width // 8),
                                             2)
            assert np.array_equal(residual.motion, motion)
            assert np.array_equal(residual.inter, inter)


@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg2', 'h264_deblock'])
@pytest.mark.parametrize('step', [(4, 0), (0, 3), (2, 5)])
def test_sign_and_unit_by_a_pan(tmp_path, coding, step):
    """Picture t shows the texture at t * step: it was at +step before."""
    from mmfer.testing import panning, write_video
    path = write_video(tmp_path / 'pan.mp4', panning(6, step=step), coding)
    with CompressedVideo(path) as video:
        motion = video.residual_at(3).motion[2:-2, 2:-2]
        assert np.median(motion[..., 0]) == step[0]
        assert np.median(motion[..., 1]) == step[1]


def test_dense_motion_repeats_cells():
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(3, 4, 2)).astype(np.float32)
    y = np.zeros((20, 27), np.int16)
    residual = Residual(y, y[::2, ::2].copy(), y[::2, ::2].copy(), motion)
    dense = residual.motion_dense()
    assert dense.shape == (20, 27, 2) and dense.dtype == np.float32
    for row in range(20):
        for column in range(27):
            assert np.array_equal(dense[row, column],
                                  motion[row // 8, column // 8])


def test_motion_is_independent_memory(make_clip):
    """Not a view into the decoder's frame, which is reused."""
    with CompressedVideo(make_clip('mpeg4')) as video:
        first = video.residual_at(3)
        kept = first.motion.copy(), first.y.copy()
        for index in range(4, 11):
            video.residual_at(index)
        assert np.array_equal(first.motion, kept[0])
        assert np.array_equal(first.y, kept[1])


def test_fractions_are_kept(make_clip):
    for coding, unit in (('mpeg4', 2), ('mpeg4_qpel', 4),
                         ('h264_deblock', 4)):
        with CompressedVideo(make_clip(coding)) as video:
            motion = np.concatenate([
                r.motion.reshape(-1)
                for r in video.residuals_at(range(1, 11))
            ])
        assert np.array_equal(motion * unit, np.rint(motion * unit))
        assert (motion * unit % 2 != 0).mean() > .1
