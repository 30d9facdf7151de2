# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Drawings say what the numbers say."""
import numpy as np

from mmfer.codec import Residual, transcode
from mmfer.testing import panning
from mmfer.visualization import draw_clip, draw_motion, draw_residual


def test_zero_is_grey_and_the_sign_is_seen():
    y = np.zeros((16, 16), np.int16)
    y[:8], y[8:] = 10, -10
    chroma = np.zeros((8, 8), np.int16)
    drawn = draw_residual(Residual(y, chroma, chroma), gain=2)
    assert drawn.dtype == np.uint8 and drawn.shape == (16, 16, 3)
    assert (drawn[:8] > 128).all() and (drawn[8:] < 128).all()
    y[:] = 0
    assert (draw_residual(Residual(y, chroma, chroma)) == 128).all()


def test_directions_have_their_own_colours():
    motion = np.zeros((1, 3, 2), np.float32)
    motion[0, 1, 0], motion[0, 2, 0] = -4, 4  # content to the right, left
    drawn = draw_motion(motion, (8, 20))
    assert drawn.shape == (8, 20, 3)
    assert (drawn[0, 0] == 255).all()
    assert tuple(drawn[0, 8]) == (255, 0, 0)
    assert tuple(drawn[0, 16]) == (0, 255, 255)
    inter = np.array([[True, True, False]])
    assert tuple(draw_motion(motion, (8, 20), inter=inter)[0, 16]) != (
        0, 255, 255)


def test_a_clip_is_drawn_in_four_rows(tmp_path):
    path = tmp_path / 'clip.mp4'
    transcode(panning(12, (64, 48)), path)
    drawn = draw_clip(path, [2, 7])
    assert drawn.shape == (4 * (48 + 4), 2 * (64 + 4), 3)
