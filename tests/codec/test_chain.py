# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Chained residuals: what they are, recomputed in numpy from true pictures.

Chain state 0 is flat grey; state t is MC_t(state t-1) plus the residual of
picture t, clipped to the sample range; blocks that are not predicted are what
the decoder makes of them. All of it is recomputed here from an ordinary
decode and its exported vectors.
"""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, NotPredicted
from mmfer.testing import Recipe, fingerprint, recipe, x264
from mmfer.testing.exactness import family_of
from mmfer.testing.full_decode import decode_all, decode_with_peeks
from mmfer.testing.reference_motion import predict


_STEPS = {}


def mpeg4(gop):
    return Recipe('mpeg4', gop, 0, 4, recipe('mpeg4').options)


def true_steps(path, codec):
    """(picture, vectors, residual planes, covered, rounding) per P picture.

    None for I pictures. The residual is picture - prediction, both true.
    """
    if path in _STEPS:
        return _STEPS[path]
    steps, previous = [], None
    if codec == 'h264':
        pairs = [(picture, None) for picture in decode_all(path)]
    else:
        pairs = decode_with_peeks(path, {'skip_idct': 'all'})
    for picture, other in pairs:
        if picture.picture_type == 'I':
            steps.append(None)
        else:
            family = family_of(codec, picture.vectors)
            options = [
                predict(previous.planes, picture.vectors, family, bit) + (bit,)
                for bit in ((0, 1) if codec == 'mpeg4' else (0, ))
            ]
            if codec == 'mpeg4':  # the rounding bit that the decoder used
                options.sort(key=lambda o: (o[0][0] != other.planes[0])[o[1][
                    0]].sum())
            prediction, covered, bit = options[0]
            residual = [
                p.astype(np.int64) - q
                for p, q in zip(picture.planes, prediction)
            ]
            steps.append((picture, residual, covered, bit))
        previous = picture
    _STEPS[path] = steps
    return steps


def numpy_chain(path, codec, start, at_keyframe='skip'):
    """Chain states by display index, from ``start`` on."""
    steps = true_steps(path, codec)
    states, state = {}, None
    for index in range(start, len(steps)):
        if steps[index] is None:
            if at_keyframe == 'restart':
                state = None
            continue
        picture, residual, covered, bit = steps[index]
        if state is None:
            state = [np.full(p.shape, 128, np.int64) for p in picture.planes]
        warped, _ = predict(state, picture.vectors,
                            family_of(codec, picture.vectors), bit)
        state = [
            np.where(c, np.clip(w + r, 0, 255), p)
            for w, r, c, p in zip(warped, residual, covered, picture.planes)
        ]
        states[index] = state
    return states


CASES = [(mpeg4(100), 'mpeg4', 'noisy_pan'), (mpeg4(6), 'mpeg4', 'noisy_pan'),
         (mpeg4(100), 'mpeg4', 'face'),
         (Recipe('mpeg4', 100, 0, 4, recipe('mpeg4_qpel_4mv').options),
          'mpeg4', 'noisy_pan'),
         (x264('no-deblock=1', gop=6, crf=26), 'h264', 'noisy_pan'),
         (x264('no-deblock=1:no-mixed-refs=1', gop=40, crf=26), 'h264',
          'noisy_pan')]


@pytest.mark.parametrize('at_keyframe', ['skip', 'restart'])
@pytest.mark.parametrize('coding, codec, source', CASES)
def test_a_chain_is_the_stated_recursion(make_clip, coding, codec, source,
                                         at_keyframe):
    """Every sample of every picture equals the recursion in numpy."""
    path = make_clip(coding, source, 22)
    for start in (0, 4):
        states = numpy_chain(path, codec, start, at_keyframe)
        with CompressedVideo(path) as video:
            chain = video.chained_at(sorted(states), start=start,
                                     at_keyframe=at_keyframe)
        assert len(chain) >= 12
        clean = np.ones((80, 96), bool)
        for residual, index in zip(chain, sorted(states)):
            assert residual.index == index
            for value, state in zip((residual.y, residual.u, residual.v),
                                    states[index]):
                wrong = value != state - 128
                if codec == 'mpeg4':
                    assert not wrong.any(), index
            if codec == 'h264':
                # Intra blocks of H.264 depend on their neighbours' state:
                # leave out what they can have reached.
                picture, _, covered, _ = true_steps(path, codec)[index]
                clean = reach(clean, picture.vectors) & covered[0]
                assert clean.mean() > .5 or index - start > 6
                wrong = residual.y != states[index][0] - 128
                assert not (wrong & clean).any(), index


def reach(clean, vectors):
    """Samples whose whole interpolation window is clean."""
    dirty = [np.where(clean, 100, 0).astype(np.uint8)] * 3
    warped, covered = predict(dirty, vectors, 'h264')
    # A window that touches a dirty sample does not come out as 100, except
    # by chance of its taps; eroding by the filter's reach makes it sure.
    shrunk = clean.copy()
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            shrunk &= np.roll(clean, (dy, dx), (0, 1)) | edge(clean, dy, dx)
    dirty[0] = np.where(shrunk, 100, 0).astype(np.uint8)
    warped, _ = predict(dirty, vectors, 'h264')
    return (warped[0] == 100) & covered[0]


def edge(clean, dy, dx):
    """Samples for which a shift would wrap round the picture."""
    height, width = clean.shape
    y, x = np.mgrid[:height, :width]
    return ~((0 <= y - dy) & (y - dy < height) & (0 <= x - dx) &
             (x - dx < width))


@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg2', 'flv1', 'h264_deblock',
                                    'h264_slices', 'h264_10bit', 'hevc'])
def test_the_first_step_is_the_single_residual(make_clip, coding):
    """A chain can start at any P picture, whatever lies before it."""
    suffix = '.flv' if coding == 'flv1' else '.mp4'
    path = make_clip(coding, count=20, suffix=suffix)
    with CompressedVideo(path) as video:
        for index, kind in enumerate(video.picture_types):
            if kind != 'P':
                continue
            single = video.residual_at(index)
            chain, = video.chained_at([index], start=index)
            kept = np.s_[:] if single.inter is None else single.inter.repeat(
                8, 0).repeat(8, 1)
            assert np.array_equal(chain.y[kept], single.y[kept])
            if single.motion is not None:
                assert np.array_equal(chain.motion, single.motion)
                assert np.array_equal(chain.inter, single.inter)
            zeroed, = video.chained_at([index], start=index, intra='zero')
            assert np.array_equal(zeroed.y, single.y)
            assert np.array_equal(zeroed.u, single.u)


def test_it_approximates_the_picture_minus_its_warped_start(make_clip):
    """By linearity of MC; the rest is at most half a level a step."""
    path = make_clip(mpeg4(100), 'face', 12)
    steps = true_steps(path, 'mpeg4')
    with CompressedVideo(path) as video:
        chain = video.chained_at(range(1, 12), start=1)
    first = next(p for p, _ in decode_with_peeks(path, {'skip_idct': 'all'}))
    warped, clean = first.planes, np.ones((80, 96), bool)
    for index in range(1, 12):
        picture, _, covered, bit = steps[index]
        warped, _ = predict(warped, picture.vectors, 'mpeg4', bit)
        clean &= covered[0]
        error = (chain[index - 1].y -
                 (picture.planes[0] - warped[0]))[clean]
        signal = (picture.planes[0] - warped[0])[clean]
        if index == 1:
            assert not error.any()
        assert np.abs(error).mean() < .25 * index
        assert np.abs(error).mean() < .6 * np.abs(signal).mean()
    assert clean.mean() > .6


def test_b_pictures_that_nothing_refers_to_change_nothing(make_clip):
    path = make_clip(x264('b-pyramid=0', bframes=2,
                          options={'b_strategy': '0'}), count=20)
    with CompressedVideo(path) as video:
        kinds = video.picture_types
        p = [i for i, k in enumerate(kinds) if k == 'P']
        assert 'B' in kinds and len(p) >= 4
        only = video.chained_at(p, start=0, pictures='P')
        everything = video.chained_at(p, start=0, pictures='all')
        for a, b in zip(only, everything):
            assert np.array_equal(a.y, b.y) and np.array_equal(a.u, b.u)
            assert np.array_equal(a.motion, b.motion)
        b, = video.chained_at([kinds.index('B', 4)], start=0, pictures='all')
        assert b.picture_type == 'B' and b.y.any()


@pytest.mark.parametrize('coding, suffix', [
    ('mpeg4', '.mp4'), ('mpeg4_bframes', '.avi'), ('h264_long', '.mp4'),
    ('h264_bframes', '.mp4'), ('h264_default', '.mkv'), ('hevc', '.mp4'),
    ('h264_weighted', '.mp4'), ('flv1', '.flv'), ('mpeg2_bframes', '.mp4')
])
@pytest.mark.parametrize('pictures', ['P', 'all'])
def test_a_chain_is_deterministic_and_one_walk(make_clip, coding, suffix,
                                               pictures):
    path = make_clip(coding, count=26, size=(92, 76), suffix=suffix)
    with CompressedVideo(path) as video:
        together = video.chained_at([20, 6, 6, 13], start=1,
                                    pictures=pictures)
        assert [r.index for r in together][1] == together[2].index
        assert together[1].y is not together[2].y
        junk = np.random.default_rng(3).bytes(500_000)
        again = video.chained_at([20, 6, 6, 13], start=1, pictures=pictures)
    assert len(junk) == 500_000
    for a, b in zip(together, again):
        assert fingerprint(a) == fingerprint(b)
    with CompressedVideo(path) as video:
        for index, residual in zip((20, 6, 13), (together[0], together[1],
                                                 together[3])):
            alone, = video.chained_at([index], start=1, pictures=pictures)
            assert fingerprint(alone) == fingerprint(residual)


def test_the_key_picture_is_not_read(make_clip):
    """The bytes of the I picture may be anything."""
    from mmfer.codec import VideoIndex
    path = make_clip(mpeg4(100), count=20)
    index = VideoIndex.build(path)
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    at, size = int(index.position[0]), int(index.size[0])
    data[at + 60:at + size] = bytes(size - 60)
    with CompressedVideo(path) as whole, CompressedVideo(
            bytes(data), index=index) as broken:
        for a, b in zip(whole.chained_at([3, 11], start=1),
                        broken.chained_at([3, 11], start=1)):
            assert fingerprint(a) == fingerprint(b)


def test_motion_adds_up_along_the_chain(make_clip):
    """A pan of 4 pixels a picture is 4 t pixels after t pictures."""
    path = make_clip(mpeg4(100), 'pan', 8)
    with CompressedVideo(path) as video:
        for t, residual in enumerate(
                video.chained_at(range(1, 6), start=1), 1):
            middle = residual.motion[2:8, 1:6]
            assert np.median(middle[..., 0]) == 4 * t
            assert np.median(middle[..., 1]) == 0
            assert (middle[..., 0] == 4 * t).mean() > .8


def test_where_a_chain_cannot_be(make_clip):
    path = make_clip(mpeg4(6), count=13)
    with CompressedVideo(path) as video:
        assert video.chained_at([], start=0) == []
        # An I picture is served by its neighbour in the chain.
        assert video.chained_at([6], start=1)[0].index in (5, 7)
        with pytest.raises(NotPredicted):
            video.chained_at([12], start=12)
        with pytest.raises(IndexError):
            video.chained_at([13], start=0)
        for option in (dict(pictures='B'), dict(at_keyframe='stop')):
            with pytest.raises(ValueError, match=next(iter(option))):
                video.chained_at([3], **option)
