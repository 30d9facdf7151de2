# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('mmaction')

from mmaction.datasets.transforms import FormatShape  # noqa: E402
from mmaction.registry import TRANSFORMS  # noqa: E402

from mmfer.datasets import (FlipResidual, FormatResidual,  # noqa: E402
                            OpenCompressedVideo, ReadResiduals, ResidualErase,
                            ResidualNoise, ResidualScale)
from mmfer.testing.sources import panning  # noqa: E402
from mmfer.testing.streams import write_video  # noqa: E402

ALL = [
    FlipResidual(1.), ResidualScale(), ResidualNoise((1., 3.)),
    ResidualErase(1.)
]


def _sample(channels=5, residual=3, count=3, low=-300, high=300):
    generator = np.random.default_rng(0)
    imgs = [
        generator.integers(low, high, (24, 32, channels)).astype(np.int16)
        for _ in range(count)
    ]
    return dict(
        imgs=imgs,
        img_shape=(24, 32),
        modality='Residual',
        num_residual_channels=residual,
        clip_len=count,
        num_clips=1)


def _copied(results):
    return [img.copy() for img in results['imgs']]


@pytest.mark.parametrize('transform', ALL, ids=repr)
@pytest.mark.parametrize('dtype', [np.int16, np.uint8])
def test_type_and_the_callers_arrays_are_kept(transform, dtype):
    results = _sample(low=0, high=255)
    if dtype == np.uint8:  # pictures have no motion
        del results['num_residual_channels']
    given = [img.astype(dtype) for img in results['imgs']]
    before = [img.copy() for img in given]
    results['imgs'] = list(given)
    imgs = transform(results)['imgs']
    assert [img.dtype for img in imgs] == [dtype] * 3
    assert [img.shape for img in imgs] == [(24, 32, 5)] * 3
    assert all(map(np.array_equal, given, before))


def test_flip_mirrors_and_turns_motion_x():
    results = _sample()
    before = _copied(results)
    imgs = FlipResidual(1.)(results)['imgs']
    for old, new in zip(before, imgs):
        mirrored = old[:, ::-1]
        assert np.array_equal(new[..., :3], mirrored[..., :3])
        assert np.array_equal(new[..., 3], -mirrored[..., 3])
        assert np.array_equal(new[..., 4], mirrored[..., 4])


def test_flip_without_motion_changes_no_sign():
    results = _sample(channels=3, residual=3)
    before = _copied(results)
    imgs = FlipResidual(1.)(results)['imgs']
    assert np.array_equal(imgs[1], before[1][:, ::-1])


def test_flip_of_shared_arrays():
    """mmaction2's own Flip mirrors in place, hence twice."""
    results = _sample()
    shared = results['imgs'][0]
    results['imgs'] = [shared, shared]
    imgs = FlipResidual(1.)(results)['imgs']
    assert np.array_equal(imgs[0], imgs[1])
    assert np.array_equal(imgs[0][..., 0], shared[:, ::-1, 0])


def test_flip_ratio():
    np.random.seed(0)
    flips = [FlipResidual(0.3)(_sample())['flip'] for _ in range(500)]
    assert 0.2 < np.mean(flips) < 0.4


def test_flipped_motion_is_that_of_the_mirrored_clip(tmp_path):
    frames = panning(6, (96, 80), step=(4, 0))
    motion = []
    for name, pictures in (('as_is', frames), ('mirrored',
                                               frames[:, :, ::-1])):
        path = write_video(tmp_path / f'{name}.mp4', pictures, 'mpeg4')
        results = OpenCompressedVideo()(dict(filename=path))
        results.update(
            frame_inds=np.array([3]), clip_starts=np.array([0]), clip_len=1,
            num_clips=1)
        results = ReadResiduals('single', 'y', motion=True)(results)
        if name == 'as_is':
            results = FlipResidual(1.)(results)
        motion.append(results['imgs'][0][..., 1:])
    # Blocks away from the border, where the content leaves the picture.
    inside = slice(16, -16), slice(32, -32)
    assert np.array_equal(motion[0][inside], motion[1][inside])
    assert (motion[0][inside][..., 0] == -16).all()


def test_scale_keeps_sign_and_motion():
    np.random.seed(0)
    results = _sample()
    before = _copied(results)
    imgs = ResidualScale((2., 2.))(results)['imgs']
    for old, new in zip(before, imgs):
        assert np.array_equal(new[..., :3], 2 * old[..., :3])
        assert np.array_equal(new[..., 3:], old[..., 3:])


def test_scale_clips_and_does_not_wrap():
    results = _sample()
    results['imgs'][0][0, 0, 0] = -32000
    assert ResidualScale(
        (2., 2.))(results)['imgs'][0][0, 0, 0] == -32768
    bright = dict(imgs=[np.full((4, 4, 3), 200, np.uint8)])
    assert (ResidualScale((2., 2.))(bright)['imgs'][0] == 255).all()


def test_one_gain_for_all_pictures():
    np.random.seed(3)
    results = dict(imgs=[np.full((4, 4, 3), 1000, np.int16)] * 3)
    imgs = ResidualScale((0.5, 2.))(results)['imgs']
    values = {int(v) for img in imgs for v in np.unique(img)}
    assert len(values) == 1 and values != {1000}


def test_noise_has_the_asked_strength_and_no_bias():
    np.random.seed(0)
    zero = dict(
        imgs=[np.zeros((64, 64, 5), np.int16)] * 2, num_residual_channels=3)
    imgs = ResidualNoise((4., 4.))(zero)['imgs']
    noise = imgs[0][..., :3]
    assert abs(noise.std() - 4) < 0.15 and abs(noise.mean()) < 0.15
    assert not imgs[0][..., 3:].any()
    assert not np.array_equal(imgs[0], imgs[1])


@pytest.mark.parametrize('dtype, grey', [(np.int16, 0), (np.uint8, 128)])
def test_erase_clears_the_same_rectangle_everywhere(dtype, grey):
    np.random.seed(1)
    results = dict(imgs=[np.full((40, 40, 5), 77, dtype) for _ in range(3)])
    imgs = ResidualErase(1., area=(0.1, 0.1), aspect=(1., 1.))(results)['imgs']
    erased = imgs[0][..., 0] == grey
    assert all(((img == grey).all(-1) == erased).all() for img in imgs)
    assert 0.08 < erased.mean() < 0.12
    rows, columns = np.nonzero(erased)
    assert erased.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert (imgs[0][~erased] == 77).all()


@pytest.mark.parametrize('transform', ALL[1:], ids=repr)
def test_joined_streams_are_left_alone(transform):
    np.random.seed(0)
    results = _sample()
    picture = np.full((24, 32, 3), 50, np.uint8)
    results['imgs'].append(picture)
    results['joined_streams'] = ('keyframe', )
    imgs = transform(results)['imgs']
    assert imgs[3].dtype == np.uint8 and np.array_equal(imgs[3], picture)


@pytest.mark.parametrize('channels, residual', [(1, 1), (3, 3), (3, 1),
                                                (5, 3)])
@pytest.mark.parametrize('own_flip', [True, False])
def test_mmaction2s_own_transforms_keep_int16(channels, residual, own_flip):
    np.random.seed(0)
    results = _sample(channels, residual)
    first = results['imgs'][0].copy()
    flip = FlipResidual(1.) if own_flip else TRANSFORMS.build(
        dict(type='Flip', flip_ratio=1.))
    for step in (
            TRANSFORMS.build(
                dict(type='Resize', scale=(64, 48), keep_ratio=False,
                     interpolation='nearest')),
            TRANSFORMS.build(dict(type='RandomCrop', size=40)),
            TRANSFORMS.build(dict(type='CenterCrop', crop_size=40)),
            ResidualScale((1., 1.)), flip, FormatResidual('NCHW')):
        results = step(results)
    assert results['imgs'].dtype == np.int16
    assert results['imgs'].shape == (3, channels, 40, 40)
    values = set(np.unique(results['imgs'][0, 0]).tolist())
    assert values <= set(first[..., 0].ravel().tolist())
    assert min(values) < -200 and max(values) > 200


@pytest.mark.parametrize('kind', [
    np.uint8, np.int16, np.float32, np.int8, np.int64, bool
])
@pytest.mark.parametrize('channels', [1, 2, 3, 5])
@pytest.mark.parametrize('shape', ['NCHW', 'NCTHW'])
def test_format_is_that_of_mmaction2(shape, channels, kind):
    rng = np.random.default_rng(0)
    whole = rng.integers(-300, 300, (6, 30, 40, channels)).astype(kind)
    for imgs in (list(whole), list(whole[:, 3:20, 5:30]),
                 list(whole[:, :, ::-1]), list(whole[:, ::2, ::2, ::-1])):
        found, expected = (
            step(dict(imgs=list(imgs), num_clips=2, clip_len=3))
            for step in (FormatResidual(shape), FormatShape(shape)))
        assert found['imgs'].dtype == kind
        assert np.array_equal(found['imgs'], expected['imgs'])
        assert found['input_shape'] == expected['input_shape']
        # Planes in one piece: a tensor is stacked about five times sooner.
        if channels > 1 and kind in (np.uint8, np.int16, np.float32):
            plane = found['imgs'][(0, ) * (found['imgs'].ndim - 2)]
            assert plane.flags.c_contiguous


def test_format_of_pictures_that_differ():
    imgs = [np.zeros((6, 8, 3), np.int16), np.zeros((6, 9, 3), np.int16)]
    for step in (FormatResidual('NCHW'), FormatShape('NCHW')):
        with pytest.raises(ValueError):
            step(dict(imgs=list(imgs), num_clips=1, clip_len=2))


def test_format_of_one_channel():
    imgs = [np.ones((6, 8), np.int16), np.ones((6, 8), np.int16)]
    for shape, expected in (('NCHW', (2, 1, 6, 8)), ('NCTHW', (1, 1, 2, 6,
                                                               8))):
        results = FormatResidual(shape)(
            dict(imgs=list(imgs), num_clips=1, clip_len=2))
        assert results['imgs'].shape == expected
        assert results['input_shape'] == expected


@pytest.mark.parametrize('make', [
    lambda: FlipResidual(1.5), lambda: ResidualScale((0, 1)),
    lambda: ResidualScale((2, 1)), lambda: ResidualNoise((-1, 1)),
    lambda: ResidualErase(2.), lambda: ResidualErase(area=(0.1, 1.5)),
    lambda: FormatResidual('NHWC')
])
def test_arguments_are_checked(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize('dtype', ['int16', 'uint8'])
def test_scaled_values_are_those_of_the_formula(dtype):
    limits = np.iinfo(dtype)
    values = np.arange(limits.min, limits.max + 1).astype(dtype)
    values = values.reshape(16, -1, 1)
    for seed in range(20):
        np.random.seed(seed)
        gain = np.float32(np.exp(np.random.uniform(np.log(.5), np.log(2))))
        np.random.seed(seed)
        scaled = ResidualScale((.5, 2.))(dict(imgs=[values]))['imgs'][0]
        expected = np.clip(np.rint(values * gain), limits.min, limits.max)
        assert scaled.dtype == dtype and (scaled == expected).all()
