# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Faces that move along known paths are followed, and keep their numbers."""
import numpy as np
import pytest

from mmfer.apis.face_motion import shows_movement
from mmfer.apis.face_tracking import FaceTracker, matched, window_box
from mmfer.apis.face_tracking import overlap
from mmfer.apis.prediction import BoxTrack
from mmfer.codec import CompressedVideo
from mmfer.testing import write_video, x264
from mmfer.testing.moving_faces import (MovingFace, detector_of,
                                        moving_faces)

COUNT = 50
# As x264 codes by default: B pictures, three references, one group.
STOCK = x264('keyint=250:scenecut=0', bframes=3)
SWAYING = MovingFace(lambda t: (90 + 40 * np.sin(t / 15), 96 + 12 * np.cos(
    t / 11), 84 * (1 + .12 * np.sin(t / 20))))
CROSSING = [MovingFace(lambda t: (60 + 2.2 * t, 66, 70)),
            MovingFace(lambda t: (200 - 2.2 * t, 130, 70), seed=5)]


def follow(path, faces, coding, detect=None, step=20, **options):
    """Track in parts; returns the tracker, all faces and the true boxes."""
    frames, boxes = moving_faces(faces, COUNT)
    write_video(path, frames, coding)
    looks = []

    def detector(picture):
        looks.append(picture)
        return (detect or detector_of(boxes, frames))(picture)

    seen = {}
    tracker = FaceTracker(detector, **{'interval': 0., **options})
    with CompressedVideo(path) as video:
        for first in range(0, COUNT, step):
            tracker.advance(video, first, min(first + step, COUNT))
            seen.update((face.face, face) for face in tracker.active)
        keys = len(video.keyframes)
    return seen, boxes, len(looks), keys


def corners(box):
    left, top, width, height = box
    return np.array([left, top, left + width, top + height])


def agreement(face, boxes, which):
    """Intersection over union with the truth, by picture."""
    return np.array([overlap(corners(face.boxes[i]), boxes[i][which])
                     for i in face.boxes])


@pytest.mark.parametrize('coding, least', [
    ('mpeg4', .95), ('h264_deblock', .95), (STOCK, .85)])
def test_a_face_is_followed_between_i_pictures(tmp_path, coding, least):
    seen, boxes, looks, keys = follow(tmp_path / 'a.mp4', [SWAYING], coding)
    assert list(seen) == [0] and looks == keys
    assert list(seen[0].boxes) == list(range(COUNT))  # B pictures as well
    found = agreement(seen[0], boxes, 0)
    assert found.min() > least and found.mean() > .95
    # It would not have been enough to stay where it was.
    still = [overlap(boxes[0][0], box[0]) for box in boxes]
    assert min(still) < .5


@pytest.mark.parametrize('coding', ['mpeg4', STOCK])
def test_two_faces_keep_their_numbers_while_they_pass(tmp_path, coding):
    seen, boxes, *_ = follow(tmp_path / 'a.mp4', CROSSING, coding)
    assert sorted(seen) == [0, 1]
    for face in seen.values():
        means = [np.nanmean(agreement(face, boxes, which))
                 for which in (0, 1)]
        assert max(means) > .9 and min(means) < .3
    firsts = {n: corners(face.boxes[0])[0] for n, face in seen.items()}
    lasts = {n: corners(face.boxes[COUNT - 1])[0] for n, face in seen.items()}
    assert (firsts[0] < firsts[1]) != (lasts[0] < lasts[1])  # they did pass


def test_who_comes_gets_a_new_number_and_who_goes_leaves(tmp_path):
    faces = [MovingFace(lambda t: (70, 100, 80), stop=14),
             MovingFace(lambda t: (180, 100, 80), first=20, seed=5)]
    seen, boxes, *_ = follow(tmp_path / 'a.mp4', faces, 'mpeg4')
    assert sorted(seen) == [0, 1]
    assert min(seen[1].boxes) == 24  # the next I picture
    assert agreement(seen[1], boxes, 1).min() > .95
    assert max(seen[0].boxes) < 40


def test_only_the_first_i_picture_if_asked(tmp_path):
    seen, boxes, looks, keys = follow(tmp_path / 'a.mp4', [SWAYING], 'mpeg4',
                                      redetect=False)
    assert looks == 1 < keys and agreement(seen[0], boxes, 0).mean() > .75


def test_i_pictures_are_looked_at_once_a_second(tmp_path):
    _, _, looks, keys = follow(tmp_path / 'a.mp4', [SWAYING], 'mpeg4',
                               interval=1.)
    assert (looks, keys) == (2, 5)  # 0 and 36 of 0, 12, 24, 36, 48


def test_a_false_alarm_is_not_confirmed(tmp_path):
    answers = [np.array([[10., 10, 60, 60]])] + [np.zeros((0, 4))] * 9
    seen, *_ = follow(tmp_path / 'a.mp4', [SWAYING], 'mpeg4',
                      detect=lambda picture: answers.pop(0), step=COUNT)
    assert not any(face.is_confirmed for face in seen.values())


def test_a_missed_face_is_carried_on(tmp_path):
    frames, boxes = moving_faces([SWAYING], COUNT)
    knows, calls = detector_of(boxes, frames), []

    def forgetful(picture):
        calls.append(1)
        return knows(picture) if len(calls) != 3 else np.zeros((0, 5))

    seen, boxes, *_ = follow(tmp_path / 'a.mp4', [SWAYING], 'mpeg4', forgetful)
    assert list(seen) == [0] and agreement(seen[0], boxes, 0).min() > .9


class TestDoubt:
    """What is noted behind a miss waits for the next look."""

    @pytest.fixture
    def tracked(self, tmp_path):
        """Run with what is found on the I pictures 0, 12, 24, 36, 48."""
        frames, boxes = moving_faces([SWAYING], COUNT)
        write_video(tmp_path / 'a.mp4', frames, 'mpeg4')
        knows = detector_of(boxes, frames)

        def run(found, work):
            answers = list(found)

            def detector(picture):
                return knows(picture) if answers.pop(0) == '+' else \
                    np.zeros((0, 5))

            tracker = FaceTracker(detector, interval=0.)
            with CompressedVideo(tmp_path / 'a.mp4') as video:
                return tracker, work(tracker, video)

        return run

    def test_ends_where_the_face_moved_last(self, tracked):
        tracker, _ = tracked('++--', lambda t, v: t.advance(v, 0, 48))
        assert not tracker.active
        # It does move until the first miss, though nobody found it there.
        assert list(tracker.faces[0].boxes) == list(range(24))

    def test_is_filled_in_where_it_is_found_again(self, tracked):
        tracker, _ = tracked('++-+', lambda t, v: t.advance(v, 0, 40))
        assert list(tracker.faces[0].boxes) == list(range(40))

    def test_lasts_until_then(self, tracked):
        tracker, _ = tracked('++-', lambda t, v: t.advance(v, 0, 30))
        assert list(tracker.faces[0].boxes) == list(range(24))
        assert tracker.active == [tracker.faces[0]]

    @pytest.mark.parametrize('found, seen', [
        ('+++', 25), ('++-+', 37), ('++--', 37), ('+-', 20)])
    def test_is_settled_by_looking_ahead(self, tracked, found, seen):
        _, reached = tracked(found, lambda t, v: t.settle(v, 0, 20))
        assert reached == seen

    def test_false_alarms_are_counted_and_not_kept(self, tracked):
        tracker, _ = tracked('+-++', lambda t, v: t.advance(v, 0, 40))
        assert tracker.false_alarms == 1 and list(tracker.faces) == [1]

    def test_past_boxes_can_be_dropped(self, tracked):
        tracker, _ = tracked('++--+', lambda t, v: t.advance(v, 0, COUNT))
        tracker.forget(20)
        assert min(tracker.faces[0].boxes) == 20
        tracker.forget(48)
        assert list(tracker.faces) == [1]
        assert list(tracker.faces[1].boxes) == [48, 49]


def test_an_empty_picture_does_not_move():
    box, still = np.array([20., 20, 80, 80]), np.zeros((12, 12, 2), np.float32)
    assert not shows_movement(box, still, None)
    assert shows_movement(box, still + [1, 0], None)
    assert not shows_movement(box, still + 1, np.zeros((12, 12), bool))


def test_the_parts_of_a_stream_continue_each_other(tmp_path):
    frames, boxes = moving_faces([SWAYING], 48)
    tracker = FaceTracker(detector_of(boxes, frames), interval=0.)
    for offset in (0, 24):
        path = tmp_path / f'{offset}.mp4'
        write_video(path, frames[offset:offset + 24], 'mpeg4')
        with CompressedVideo(path) as video:
            tracker.advance(video, 0, len(video), offset)
    face, = tracker.active
    assert list(face.boxes) == list(range(48))
    assert agreement(face, boxes, 0).min() > .9


def test_the_cascade_finds_a_rendered_face_and_it_is_followed(tmp_path):
    from mmfer.datasets.preparation.detectors import build_detector
    from mmfer.synthetic import render_clip
    from mmfer.synthetic.faces import ClipItem
    look = render_clip(ClipItem(0, 'surprise', 0, frames=16, size=96))[:1]
    face = MovingFace(lambda t: (90 + .8 * t, 96, 110), look, (.2, .2, .8, .9))
    seen, boxes, *_ = follow(tmp_path / 'a.mp4', [face], STOCK,
                             build_detector('haar'))
    first, last = (corners(seen[0].boxes[i]) for i in (0, COUNT - 1))
    moved = boxes[COUNT - 1][0] - boxes[0][0]
    assert overlap(first, boxes[0][0]) > .4
    assert np.abs(last - first - moved).max() < 5


def test_boxes_are_paired_best_first():
    a, b = np.array([0., 0, 10, 10]), np.array([4., 0, 14, 10])
    assert matched([a, b], [b + 1, a + 1]) == {0: 1, 1: 0}
    assert matched([a], [a + 30]) == {}
    assert overlap(a, b) == pytest.approx(60 / 140)


class TestWindowBox:

    @pytest.fixture
    def boxes(self):
        track = BoxTrack()
        for index in range(20):
            track.add(index, (50 + index, 60, 40, 40))
        return track

    def test_is_the_union_and_the_margin_of_the_training(self, boxes):
        # 50 to 109 wide, 30 % more, square.
        assert window_box(boxes, 0, 20, 400, 400) == (41, 42, 118, 119)

    def test_stays_within_the_picture(self, boxes):
        left, top, right, bottom = window_box(boxes, 0, 20, 120, 110)
        assert 0 <= left < right <= 120 and 0 <= top < bottom <= 110
        assert right - left == bottom - top

    def test_is_none_where_the_face_is_mostly_missing(self, boxes):
        assert window_box(boxes, 15, 26, 400, 400) is None
        assert window_box(boxes, 15, 25, 400, 400) is not None
