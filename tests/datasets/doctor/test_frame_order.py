# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures in the order of names as text give themselves away."""
import cv2
import numpy as np
import pytest

from mmfer.datasets.doctor.frame_order import score_order, text_order
from mmfer.synthetic import CLASSES, render_clip
from mmfer.synthetic.faces import ClipItem


@pytest.fixture(scope='module', params=[16, 30])
def thumbs(request):
    """Seven clips as (T, 32, 32) grey pictures."""
    return [
        np.stack([cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY),
                             (32, 32), interpolation=cv2.INTER_AREA)
                  for picture in render_clip(ClipItem(
                      number, label, 0, frames=request.param, size=64))])
        for number, label in enumerate(CLASSES)
    ]


def test_order_of_names_as_text():
    names = sorted(f'{n}.jpg' for n in range(1, 31))
    # '1.jpg' is before '10.jpg' as '1' is before '10'.
    assert [int(name[:-4]) - 1 for name in names] == text_order(30, 1).tolist()
    assert text_order(10, 0).tolist() == list(range(10))


def test_right_order(thumbs):
    for clip in thumbs:
        scores = score_order(clip)
        assert scores.lexicographic > 1.2
        assert scores.shuffled < .6 and scores.smooth > .9


@pytest.mark.parametrize('start', [0, 1])
def test_text_order(thumbs, start):
    for clip in thumbs:
        scores = score_order(clip[text_order(len(clip), start)])
        assert scores.lexicographic < .55
        assert scores.shuffled < .6


def test_any_order(thumbs):
    rng = np.random.default_rng(0)
    scores = [score_order(clip[rng.permutation(len(clip))])
              for clip in thumbs]
    assert np.median([s.shuffled for s in scores]) > .8
    assert max(s.smooth for s in scores) < .7


def test_nothing_is_said_of_short_and_of_still_clips(thumbs):
    assert score_order(thumbs[0][:10]).shuffled is None
    assert score_order(np.repeat(thumbs[0][:1], 20, 0)).shuffled is None


def test_a_change_of_light_is_no_movement(thumbs):
    still = np.repeat(thumbs[0][:1], 20, 0).astype(np.float32)
    still += np.linspace(0, 30, 20)[:, None, None]
    assert score_order(still).lexicographic is None


@pytest.mark.parametrize('count', [151, 400])
def test_the_beginning_of_a_long_clip(count):
    clip = np.stack([
        cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (32, 32),
                   interpolation=cv2.INTER_AREA)
        for picture in render_clip(ClipItem(1, 'happy', 0, frames=count,
                                            size=64))])
    right = score_order(clip[:150], whole=count)
    assert right.lexicographic > 1.2
    assert right.shuffled < .6 and right.smooth > .9
    for start in (0, 1):
        text = score_order(clip[text_order(count, start)][:150], whole=count)
        assert text.lexicographic < .55 and text.shuffled < .6
    order = np.random.default_rng(0).permutation(count)
    shuffled = score_order(clip[order][:150], whole=count)
    assert shuffled.shuffled > .8 and shuffled.smooth < .7
