# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmfer.datasets.face_preprocess import FacePreprocess  # noqa: E402


def _picture(height=60, width=80):
    return np.random.default_rng(0).integers(
        0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('crop, size, box', [
    (None, (60, 80), (0, 0, 80, 60)),
    (1.0, 60, (10, 0, 70, 60)),
    (0.5, 30, (25, 15, 55, 45)),
    ((0.25, 0.1, 0.75, 0.9), (48, 40), (20, 6, 60, 54)),
])
def test_the_crop_is_exact_where_nothing_is_resized(crop, size, box):
    left, top, right, bottom = box
    found = FacePreprocess(size, crop=crop).prepare(_picture())
    assert np.array_equal(found, _picture()[top:bottom, left:right])


def test_halving_averages_areas():
    picture = _picture()
    found = FacePreprocess((30, 40)).prepare(picture)
    means = picture.reshape(30, 2, 40, 2, 3).mean((1, 3))
    assert found.dtype == np.uint8
    assert np.abs(found - means).max() <= 0.5 + 1e-6


def test_enlarging_keeps_a_flat_picture_flat():
    flat = np.full((20, 20, 3), (10, 20, 30), np.uint8)
    found = FacePreprocess(112).prepare(flat)
    assert found.shape == (112, 112, 3) and (found == (10, 20, 30)).all()


def test_normalisation_and_order_of_channels():
    faces = torch.tensor([[0., 127.5, 255.]]).view(1, 3, 1, 1)
    rgb = FacePreprocess(1, mean=127.5, std=127.5).normalize(faces)
    assert rgb.flatten().tolist() == [-1, 0, 1]
    bgr = FacePreprocess(1, channel_order='bgr', mean=(1, 2, 3),
                         std=(2, 1, 1)).normalize(faces.byte())
    assert bgr.flatten().tolist() == [127, 125, -3]


@pytest.mark.parametrize('wrong', [
    dict(size=0), dict(size=(1, 2, 3)), dict(size=8, std=0.),
    dict(size=8, mean=(1, 2)), dict(size=8, crop=1.5),
    dict(size=8, crop=(0.5, 0, 0.2, 1)), dict(size=8, channel_order='grb')
])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        FacePreprocess(**wrong)


def test_only_pictures_are_taken():
    with pytest.raises(ValueError, match='uint8 RGB'):
        FacePreprocess(8).prepare(_picture().astype(np.float32))
