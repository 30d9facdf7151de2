# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One box per clip, whatever the detector does on single pictures."""
import cv2
import numpy as np
import pytest

from mmfer.datasets.preparation import crop
from mmfer.datasets.preparation.detectors import (DetectorError, HaarDetector,
                                                  YuNetDetector,
                                                  build_detector)


def steady(count, left=100., top=50., side=40., step=0.):
    """A face that moves to the right."""
    return [np.array([[left + step * n, top, left + step * n + side,
                       top + side, 1.]]) for n in range(count)]


class TestTrack:

    def test_union_holds_every_box(self):
        track = crop.find_track(steady(10, step=6))
        box = crop.clip_box(track, margin=0)
        assert box.tolist() == [100, 23, 194, 117]  # square around the union
        assert track.side == 40

    def test_margin_is_relative_to_the_union(self):
        track = crop.find_track(steady(5))
        assert crop.clip_box(track, .5).tolist() == [90, 40, 150, 100]

    def test_false_alarms_do_not_count(self):
        found = steady(12)
        clean = crop.clip_box(crop.find_track(found))
        found[3] = np.vstack([found[3], [[400, 300, 460, 360, 9.]]])
        found[7] = np.array([[0, 0, 200, 200, 9.]])  # instead of the face
        assert crop.clip_box(crop.find_track(found)).tolist() == clean.tolist()

    def test_a_box_of_a_wrong_size_does_not_count(self):
        found = steady(12)
        clean = crop.clip_box(crop.find_track(found))
        found[5] = np.array([[95, 45, 170, 120, 1.]])  # overlaps the face
        assert crop.clip_box(crop.find_track(found)).tolist() == clean.tolist()

    def test_who_comes_nearer_stays_in_the_box(self):
        found = [np.array([[100 - 3. * n, 100 - 3. * n, 130 + 3. * n,
                            130 + 3. * n, 1.]]) for n in range(12)]
        assert crop.clip_box(crop.find_track(found), 0).tolist() == \
            [67, 67, 163, 163]

    def test_the_larger_of_two_persons(self):
        found = [np.vstack([a, b]) for a, b in zip(
            steady(8, side=40), steady(8, left=300, side=60))]
        assert crop.find_track(found).side == 60

    def test_a_face_seen_again_after_a_gap_elsewhere(self):
        found = steady(5) + [np.zeros((0, 5))] * 3 + steady(5, left=180)
        track = crop.find_track(found)
        assert track.indices.tolist() == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]
        assert crop.clip_box(track, 0)[[0, 2]].tolist() == [100, 220]

    @pytest.mark.parametrize('seen, looked_at, there', [
        (1, 1, True), (1, 12, False), (2, 20, False), (4, 20, True)])
    def test_a_face_has_to_be_seen_on_a_fifth(self, seen, looked_at, there):
        found = steady(seen) + [np.zeros((0, 5))] * (looked_at - seen)
        assert (crop.find_track(found) is not None) == there

    def test_boxes_of_pictures_bridge_gaps(self):
        found = steady(3, step=10)
        found[1] = np.zeros((0, 5))
        boxes = crop.picture_boxes(crop.find_track(found), 4, margin=0)
        assert boxes[:, 0].tolist() == [100, 110, 120, 120]


class TestFit:

    def test_inside_stays(self):
        assert crop.fit_box(np.array([10, 20, 50, 60]), 100, 100) == \
            (10, 20, 50, 60)

    def test_what_sticks_out_moves_in(self):
        assert crop.fit_box(np.array([-10, 80, 30, 120]), 100, 100) == \
            (0, 60, 40, 100)

    def test_margin_gives_way_before_padding(self):
        box = crop.fit_box(np.array([0, -32, 130, 98]), 200, 100, margin=.3)
        assert box == (15, 0, 115, 100)

    def test_what_does_not_fit_is_padded(self):
        box = crop.fit_box(np.array([20, -10, 140, 110]), 200, 100)
        assert box == (20, -10, 140, 110)
        picture = np.full((100, 200, 3), 7, np.uint8)
        out = crop.cut(picture, box)
        assert out.shape == (120, 120, 3)
        assert not out[:10].any() and not out[110:].any()
        assert (out[10:110] == 7).all()

    def test_centre(self):
        assert crop.centre_box(200, 100) == (50, 0, 150, 100)


@pytest.mark.parametrize('length', [0, 1, 5, 6, 7, 100, 1000])
def test_sampler_spreads_evenly_without_knowing_the_length(length):
    sampler = crop.Sampler(6)
    made = []
    for number in range(length):
        sampler.offer(lambda: made.append(number) or number)
    assert sampler.seen == length
    assert min(6, length) <= len(sampler.items) < 12
    assert len(set(np.diff(sampler.items))) <= 1
    assert sampler.items[:1] == [0][:length]
    assert length < 50 or len(made) < length / 2


class TestDetectors:

    def test_the_bundled_cascade_finds_a_face_where_it_is(self, faces):
        found = HaarDetector()(faces[0])
        assert len(found) == 1 and found.shape[1] == 5
        placed = np.zeros((400, 700, 3), np.uint8)
        placed[200:296, 500:596] = faces[0]
        again = HaarDetector()(placed)
        assert len(again) == 1
        np.testing.assert_allclose(again[0, :4] - found[0, :4],
                                   [500, 200, 500, 200], atol=15)

    def test_large_pictures_are_searched_smaller(self, faces):
        large = cv2.resize(faces[0], (1500, 1500))
        box = HaarDetector()(large)[0, :4]
        small = HaarDetector()(cv2.resize(faces[0], (480, 480)))[0, :4]
        np.testing.assert_allclose(box / 1500, small / 480, atol=.05)

    def test_nothing_there(self):
        assert HaarDetector()(np.zeros((64, 64, 3), np.uint8)).shape == (0, 5)

    def test_a_detector_of_ones_own(self, tmp_path, monkeypatch):
        (tmp_path / 'my_faces.py').write_text(
            'def find(picture):\n    return [[1, 2, 3, 4]]\n'
            'class Find:\n    def __call__(self, picture):\n'
            '        return []\n'
            'def wrong(picture):\n    return [[1, 2]]\n')
        monkeypatch.syspath_prepend(tmp_path)
        picture = np.zeros((8, 8, 3), np.uint8)
        found = build_detector('python:my_faces:find')(picture)
        assert found.tolist() == [[1, 2, 3, 4, 1]]
        assert build_detector('python:my_faces:Find')(picture).shape == (0, 5)
        with pytest.raises(DetectorError, match=r'array \(1, 2\), expected'):
            build_detector('python:my_faces:wrong')(picture)

    @pytest.mark.parametrize('spec, message', [
        ('retina', 'unknown detector'),
        ('python:nowhere:find', 'cannot be imported'),
        ('python:math', 'cannot be imported'),
        ('haar:/no/such.xml', 'not a cascade')])
    def test_wrong_names(self, spec, message):
        with pytest.raises(DetectorError, match=message):
            build_detector(spec)

    def test_yunet_needs_its_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no such YuNet model'):
            YuNetDetector(str(tmp_path / 'yunet.onnx'))
        (tmp_path / 'yunet.onnx').write_bytes(b'no model')
        with pytest.raises(DetectorError, match='cannot read it'):
            build_detector(f'yunet:{tmp_path / "yunet.onnx"}')
