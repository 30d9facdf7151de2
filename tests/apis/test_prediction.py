# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Answers are plain data that survives a file."""
import json
import pickle

import numpy as np
import pytest

from mmfer.apis import (BoxTrack, ClipPrediction, FacePrediction,
                        WindowPrediction)
from mmfer.apis.outputs import as_table, read_json, write_csv, write_json


def track(*boxes):
    made = BoxTrack()
    for index, box in boxes:
        made.add(index, box)
    return made


def face(number, scores, windows=1, boxes=()):
    scores = np.array(scores, np.float32)
    return FacePrediction(
        number, 'ab'[int(scores.argmax())], scores,
        tuple(WindowPrediction(n, n + .96, 25 * n, 25 * n + 24, scores, number,
                               (1., 2., 30., 30.)) for n in range(windows)),
        track(*boxes))


@pytest.fixture
def clip():
    return ClipPrediction(
        'ä, b.mp4', ('a', 'b'),
        (face(0, [1 / 3, 2 / 3], 2, [(3, (1, 2, 30, 40)), (5, (1, 2, 31, 40))]),
         face(1, [.9, .1], 1, [(3, (50, 2, 90, 90))])),
        fps=25., width=320, height=240, frames=50, codec='h264',
        seconds=dict(read=.01))


def test_when_pictures_are_shown():
    scores = np.float32([.3, .7])
    windows = (WindowPrediction(0., .96, 0, 24, scores),
               WindowPrediction(20., 21., 25, 30, scores))
    clip = ClipPrediction('a', ('a', 'b'), (FacePrediction(
        0, 'b', scores, windows), ), fps=25., frames=40)
    assert np.allclose(clip.seconds_of([0, 12, 24, 25, 30, 31]),
                       [0, .48, .96, 20, 21, 21.04])
    assert clip.duration == pytest.approx(21.04)
    assert np.allclose(ClipPrediction('a', ('a', )).seconds_of([0, 25]),
                       [0, 1])


def test_json_gives_the_same_answer_back(clip):
    again = ClipPrediction.from_dict(json.loads(clip.to_json()))
    assert again.to_dict() == clip.to_dict()
    for mine, theirs in zip(again.faces, clip.faces):
        assert mine.scores.dtype == np.float32
        assert np.array_equal(mine.scores, theirs.scores)  # to the last bit
        assert dict(mine.boxes) == dict(theirs.boxes)
    assert pickle.loads(pickle.dumps(clip)).to_dict() == clip.to_dict()


def test_time_is_no_part_of_what_two_runs_agree_on(clip):
    assert 'seconds' in clip.to_dict()
    assert 'seconds' not in clip.to_dict(times=False)


def test_main_face_is_there_longest_then_largest(clip):
    assert clip.main_face.face == 0 and clip.label == 'b'
    shorter = ClipPrediction('x', ('a', 'b'), (face(
        0, [0, 1], 1, [(0, (0, 0, 10, 10))]), clip.faces[1]))
    assert shorter.main_face.face == 1 and shorter.label == 'a'


def test_an_error_has_no_label():
    clip = ClipPrediction('x.mp4', ('a', 'b'), error='x.mp4: no such file')
    assert clip.label is None and clip.scores is None
    assert ClipPrediction.from_dict(clip.to_dict()).error == clip.error


def test_boxes_are_a_mapping_of_24_bytes_each():
    boxes = BoxTrack()
    for index in range(0, 3000, 3):
        boxes.add(index, (index, 1, 2, 3))
    assert len(boxes) == 1000 and boxes[300] == (300, 1, 2, 3)
    assert 301 not in boxes and list(boxes)[:3] == [0, 3, 6]
    indices, sides = boxes.between(10, 19)
    assert indices.tolist() == [12, 15, 18] and sides[:, 0].tolist() == [
        12, 15, 18]
    assert len(pickle.dumps(boxes)) < 30000
    with pytest.raises(ValueError, match='follows'):
        boxes.add(5, (0, 0, 1, 1))


def test_files_hold_everything(clip, tmp_path):
    bad = ClipPrediction('c.mp4', ('a', 'b'), error='c.mp4: no such file')
    write_json([clip, bad], tmp_path / 'new' / 'all.json')
    again = read_json(tmp_path / 'new' / 'all.json')
    assert [c.to_dict() for c in again] == [clip.to_dict(), bad.to_dict()]
    write_csv([clip, bad], tmp_path / 'all.csv')
    lines = (tmp_path / 'all.csv').read_text(encoding='utf-8').splitlines()
    assert lines[0].split(',')[:8] == [
        'path', 'face', 'start', 'end', 'first', 'last', 'label', 'a']
    assert len(lines) == 1 + 3 + 1
    assert lines[1].startswith('"ä, b.mp4",0,0,0.96,0,24,b,0.33333')
    assert lines[-1].endswith(',c.mp4: no such file')
    assert {line.count(',') for line in lines[2:]} >= {13}
    assert sorted(p.name for p in tmp_path.iterdir()) == ['all.csv', 'new']


def test_table_lists_faces_and_the_time_line_of_one_file(clip):
    text = as_table([clip])
    assert 'ä, b.mp4' in text and '0.667' in text
    assert '1.0 s' in text and 'face 1' not in as_table([clip, clip])


def test_a_track_is_cut_and_put_together_again():
    track = BoxTrack()
    for index in range(3, 9):
        track.add(index, (index, 0, 1, 1))
    tail = track.cut(6)
    assert list(track) == [3, 4, 5] and list(tail) == [6, 7, 8]
    assert tail[7] == (7, 0, 1, 1) and track[5] == (5, 0, 1, 1)
    with pytest.raises(ValueError, match='picture 3 follows 8'):
        tail.extend(track)
    track.extend(tail)
    assert list(track) == list(range(3, 9)) and track[8] == (8, 0, 1, 1)
    track.drop_before(5)
    assert list(track) == [5, 6, 7, 8] and track[5] == (5, 0, 1, 1)
    assert not list(track.cut(0).cut(99)) and not track
