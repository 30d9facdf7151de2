# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Colour differences against a float64 formula and against swscale."""

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, Residual
from mmfer.codec.frame_residual import not_covered, signed

# Kr, Kb of ITU-R BT.601, BT.709 and BT.2020, by FFmpeg's colorspace number.
WEIGHTS = {2: (.299, .114), 5: (.299, .114), 6: (.299, .114), 1: (.2126,
                                                                .0722),
           9: (.2627, .0593)}


def to_rgb(y, u, v, kr, kb, full):
    """Linear YUV -> RGB without offsets, straight from the standards."""
    if not full:
        y, u, v = y * 255 / 219, u * 255 / 224, v * 255 / 224
    red = y + 2 * (1 - kr) * v
    blue = y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return red, green, blue


def random_residual(shape=(16, 24), down=2, across=2, **kwargs):
    rng = np.random.default_rng(1)
    h, w = shape
    small = -(-h // down), -(-w // across)
    make = [
        rng.integers(-60, 61, s).astype(np.int16)
        for s in ((h, w), small, small)
    ]
    return Residual(*make, **kwargs)


@pytest.mark.parametrize('colorspace', sorted(WEIGHTS))
@pytest.mark.parametrize('full', [False, True])
def test_bgr_is_the_linear_map(colorspace, full):
    r = random_residual(colorspace=colorspace, full_range=full)
    u, v = (p.astype(np.float64).repeat(2, 0).repeat(2, 1) for p in (r.u, r.v))
    red, green, blue = to_rgb(r.y.astype(np.float64), u, v,
                              *WEIGHTS[colorspace], full)
    bgr = r.to_bgr()
    assert bgr.dtype == np.int16 and bgr.shape == (16, 24, 3)
    for channel, wanted in enumerate((blue, green, red)):
        assert np.abs(bgr[..., channel] - wanted).max() <= .51


@pytest.mark.parametrize('shape, down, across', [((16, 24), 2, 2),
                                                 ((16, 24), 1, 2),
                                                 ((16, 24), 1, 1),
                                                 ((15, 23), 2, 2)])
def test_yuv_repeats_chroma(shape, down, across):
    r = random_residual(shape, down, across)
    yuv = r.to_yuv()
    assert yuv.dtype == np.int16 and yuv.shape == shape + (3, )
    for row in range(shape[0]):
        for column in range(shape[1]):
            assert yuv[row, column].tolist() == [
                r.y[row, column], r.u[row // down, column // across],
                r.v[row // down, column // across]
            ]


def test_ten_bit_differences_are_scaled_to_eight():
    r8 = random_residual()
    r10 = Residual(r8.y * 4, r8.u * 4, r8.v * 4, bit_depth=10)
    assert np.array_equal(r8.to_bgr(), r10.to_bgr())


def test_bgr_is_linear_and_zero_is_zero():
    r = random_residual()
    double = Residual(r.y * 2, r.u * 2, r.v * 2)
    assert np.abs(double.to_bgr() - 2 * r.to_bgr()).max() <= 2
    nothing = Residual(*(np.zeros_like(p) for p in (r.y, r.u, r.v)))
    assert not nothing.to_bgr().any()


@pytest.mark.parametrize('coding', ['h264_444', 'h264_full_range'])
def test_it_is_what_swscale_says_of_the_difference(coding, make_clip):
    """RGB(picture) - RGB(prediction) on a grid of flat patches."""
    fmt = 'yuvj444p' if 'full' in coding else 'yuv444p'
    rng = np.random.default_rng(2)
    base = rng.integers(110, 146, (3, 64, 64)).astype(np.uint8)
    other = (base + rng.integers(-12, 13, base.shape)).astype(np.uint8)
    rgb = []
    for planes in (base, other):
        frame = av.VideoFrame(64, 64, fmt)
        for plane, values in zip(frame.planes, planes):
            plane.update(values.tobytes())
        rgb.append(frame.to_ndarray(format='rgb24').astype(int))
    difference = other.astype(np.int16) - base
    residual = Residual(*difference, full_range='full' in coding)
    assert np.abs(residual.to_bgr()[..., ::-1] -
                  (rgb[1] - rgb[0])).max() <= 2
    with CompressedVideo(make_clip(coding)) as video:
        assert video.residual_at(2).full_range is ('full' in coding)


@pytest.mark.parametrize('size', [(7, 10), (10, 7), (9, 5), (8, 6)])
@pytest.mark.parametrize('degrees', [90, 180, 270])
def test_colours_turn_with_the_picture(size, degrees):
    rng = np.random.default_rng(0)
    half = tuple(-(-n // 2) for n in size)
    residual = Residual(*(rng.integers(-90, 90, shape).astype(np.int16)
                          for shape in (size, half, half)))
    turns = -degrees // 90
    for convert in (Residual.to_bgr, Residual.to_yuv):
        assert np.array_equal(convert(residual.rotated(degrees)),
                              np.rot90(convert(residual), turns))
    if not (size[0] | size[1]) & 1:
        assert residual.rotated(degrees).u.size == residual.u.size


@pytest.mark.parametrize('seed', range(40))
def test_what_is_not_predicted_is_cleared_up_to_the_edge(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(2, 70, 2).tolist()
    down, across = [(1, 1), (1, 2), (2, 1), (2, 2)][seed % 4]
    pictures = (3, )[:seed // 8 % 2]  # alone, in a stack
    bits = [8, 10][seed // 4 % 2]
    shape = -(-height // 16), -(-width // 16)
    blocks = rng.random(pictures + shape) < .7
    for rows, columns in ((1, 1), (down, across)):
        plane = rng.integers(0, 1 << bits, pictures + (
            -(-height // rows), -(-width // columns)))
        plane = plane.astype(np.uint8 if bits == 8 else np.uint16)
        mask = blocks.repeat(16 // rows, -2).repeat(16 // columns, -1)[
            ..., :plane.shape[-2], :plane.shape[-1]]
        wanted = np.where(mask, plane.astype(int) - (1 << bits - 1), 0)
        found = signed(plane, bits, not_covered(blocks, height, width))
        assert found.dtype == np.int16 and np.array_equal(found, wanted)


def test_what_swscale_makes_of_flat_grey():
    """128 is 130 in limited range: never subtract 128 from RGB."""
    for fmt, wanted in (('yuv420p', 130), ('yuvj420p', 128)):
        frame = av.VideoFrame(16, 16, fmt)
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        assert set(frame.to_ndarray(format='rgb24').reshape(-1)) == {wanted}
