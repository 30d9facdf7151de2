# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The time line shows each probability where and as high as it is."""
import dataclasses

import cv2
import numpy as np
import pytest

from mmfer.visualization.palette import (EXPRESSION_COLOURS, class_colours,
                                         ink_on, rgb)
from mmfer.visualization.timeline import draw_timeline, scores_over_time


def share_of(picture, colour):
    """How many pixels have a colour, JPEG-free."""
    return (np.abs(picture.astype(int) - rgb(colour)).max(-1) < 3).sum()


def test_overlapping_windows_are_averaged_and_gaps_stay_empty(answer):
    windows = answer.faces[0].windows
    later = dataclasses.replace(windows[1], first=60, last=79)
    middle = dataclasses.replace(windows[0], first=10, last=29,
                                 scores=np.float32([0, 0, 1]))
    edges, scores = scores_over_time([windows[0], middle, later], 3)
    assert edges.tolist() == [0, 10, 20, 30, 60, 80]
    np.testing.assert_allclose(scores[:3], [
        [.8, .1, .1], [.4, .05, .55], [0, 0, 1]], atol=1e-6)
    assert np.isnan(scores[3]).all()
    np.testing.assert_allclose(scores[4], [.2, .7, .1], atol=1e-6)


def test_windows_that_touch_leave_no_gap(answer):
    edges, scores = scores_over_time(answer.faces[0].windows, 3)
    assert edges.tolist() == [0, 20, 40] and not np.isnan(scores).any()


def test_the_area_of_a_colour_is_its_probability(answer, tmp_path):
    one = dataclasses.replace(answer, faces=answer.faces[:1])
    path = draw_timeline(one, tmp_path / 'line.png')
    picture = cv2.imread(str(path))[..., ::-1]
    # The lane above the strip of labels, right of the axis.
    lane = picture[93:261, 215:1460]
    areas = np.array([share_of(lane, colour)
                      for colour in class_colours(answer.classes)])
    np.testing.assert_allclose(areas / areas.sum(), [.5, .4, .1], atol=.03)
    assert [p.name for p in tmp_path.iterdir()] == ['line.png']


def test_a_lane_for_each_face(answer, tmp_path):
    one = dataclasses.replace(answer, faces=answer.faces[:1])
    heights = [cv2.imread(str(draw_timeline(a, tmp_path / 'x.png'))).shape[0]
               for a in (one, answer)]
    assert heights[1] > heights[0] + 150


def test_an_answer_without_faces_is_refused_with_its_reason(answer, tmp_path):
    none = dataclasses.replace(answer, faces=(), error='no face was found')
    with pytest.raises(ValueError, match='no face was found'):
        draw_timeline(none, tmp_path / 'x.png')
    assert not list(tmp_path.iterdir())


def test_a_suffix_that_nobody_knows_leaves_nothing_behind(answer, tmp_path):
    with pytest.raises(ValueError, match='xyz'):
        draw_timeline(answer, tmp_path / 'x.xyz')
    assert not list(tmp_path.iterdir())


def test_expressions_keep_their_colour_in_any_set_and_spelling():
    seven = class_colours(['Anger', 'HAP', 'zzz', 'yyy', 'Sadness'])
    assert seven[:2] == [EXPRESSION_COLOURS['angry'],
                         EXPRESSION_COLOURS['happy']]
    assert seven[4] == EXPRESSION_COLOURS['sad']
    assert len(set(seven)) == 5
    many = class_colours([f'class {k}' for k in range(30)])
    assert len(many) == 30 and len(set(many[:14])) == 14


def test_text_can_be_read_on_every_colour():
    def light(colour):
        levels = np.array(rgb(colour)) / 255
        linear = np.where(levels <= .04045, levels / 12.92,
                          ((levels + .055) / 1.055)**2.4)
        return linear @ (.2126, .7152, .0722) + .05

    for colour in EXPRESSION_COLOURS.values():
        pair = sorted([light(colour), light(ink_on(colour))])
        assert pair[1] / pair[0] > 3.9, colour  # AA for large text is 3
