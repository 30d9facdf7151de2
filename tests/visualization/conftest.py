# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Clips and answers about them, as an inferencer gives them."""
import numpy as np
import pytest

from mmfer.testing import face_like, write_video

CLASSES = ('happy', 'sad', 'neutral')


@pytest.fixture(scope='session')
def clip(tmp_path_factory):
    """A clip of 40 pictures of 64x48 at 25 a second."""
    path = tmp_path_factory.mktemp('clips') / 'klatsch$é.mp4'
    write_video(path, face_like(40, (64, 48), 3), 'mpeg4')
    return path


@pytest.fixture
def answer(clip):
    """Two faces: one all the time, first happy, then sad; one at the end."""
    from mmfer.apis import ClipPrediction, FacePrediction, WindowPrediction

    def window(face, first, last, scores):
        return WindowPrediction(first / 25, last / 25, first, last,
                                np.float32(scores), face)

    return ClipPrediction(
        str(clip), CLASSES, (
            FacePrediction(0, 'happy', np.float32([.5, .4, .1]), (
                window(0, 0, 19, [.8, .1, .1]),
                window(0, 20, 39, [.2, .7, .1])),
                {i: (4., 6., 24., 30.) for i in range(40)}),
            FacePrediction(1, 'neutral', np.float32([.1, .2, .7]), (
                window(1, 30, 39, [.1, .2, .7]), ),
                {i: (40., 20., 20., 24.) for i in range(30, 40)})),
        25., 64, 48, 40, 'mpeg4')
