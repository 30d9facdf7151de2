# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Annotated videos and previews are complete, upright and in step."""
import dataclasses
import os

import av
import cv2
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.visualization.annotated_video import write_annotated_video
from mmfer.visualization.palette import class_colours, rgb
from mmfer.visualization.playback import iterate_frames
from mmfer.visualization.preview import write_preview
from mmfer.visualization.video_writer import StoredPictures


def pictures_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert float(stream.average_rate) == 25
        return [frame.to_ndarray(format='rgb24')
                for frame in container.decode(stream)]


def near(picture, colour, within=40):
    return np.abs(picture.astype(int) - rgb(colour)).max(-1) < within


@pytest.fixture(scope='module')
def told():
    return []


@pytest.fixture
def annotated(clip, answer, tmp_path, told):
    path = write_annotated_video(clip, answer, tmp_path / 'out.mp4',
                                 lambda *step: told.append(step))
    assert [p.name for p in tmp_path.iterdir()] == ['out.mp4']
    return pictures_of(path)


def test_every_picture_is_annotated_in_step(annotated, answer, told):
    assert len(annotated) == 40
    assert told[0] == (1, 40) and told[-1] == (40, 40)
    happy, sad, neutral = class_colours(answer.classes)
    # 64x48 becomes 480x360: the first face is from (30, 45) to (210, 270).
    rims = [picture[60:250, 29:32] for picture in annotated]
    assert near(rims[5], happy).mean() > .6
    assert near(rims[19], happy).mean() > .6 > near(rims[19], sad).mean()
    assert near(rims[20], sad).mean() > .6 > near(rims[20], happy).mean()
    # The second face comes late: its left rim is at 300.
    second = [near(picture[160:320, 299:302], neutral).mean()
              for picture in (annotated[25], annotated[35])]
    assert second[0] < .2 and second[1] > .6


def test_bars_are_as_long_as_probabilities(annotated, answer):
    # Two bars for the two spans of the first face, in the panel on the right.
    panel = [picture[150:, 490:] for picture in annotated]
    happy, sad, _ = class_colours(answer.classes)
    long = near(panel[5], happy).any(0).sum()
    short = near(panel[25], happy).any(0).sum()
    assert long / short == pytest.approx(.8 / .2, rel=.2)


def test_what_cannot_be_drawn_is_refused(clip, answer, tmp_path):
    none = dataclasses.replace(answer, faces=(), error='no P picture')
    with pytest.raises(ValueError, match='no P picture'):
        write_annotated_video(clip, none, tmp_path / 'x.mp4')
    with pytest.raises(ValueError, match='overwrite'):
        write_annotated_video(clip, answer, clip)
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    with pytest.raises(CompressedVideoError):
        write_annotated_video(broken, answer, tmp_path / 'x.mp4')
    assert not (tmp_path / 'x.mp4').exists()


def test_an_interrupted_video_leaves_nothing_behind(clip, answer, tmp_path):
    def stop(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_annotated_video(clip, answer, tmp_path / 'x.mp4', stop)
    assert not list(tmp_path.iterdir())


def test_a_preview_shows_three_panels_in_step(clip, tmp_path):
    path = tmp_path / 'preview.mp4'
    facts = write_preview(clip, path)
    pictures = pictures_of(path)
    width, height = facts['width'], facts['height']
    assert facts['panels'] == ('video', 'residual', 'motion')
    assert facts['frames'] == len(pictures) == 40
    assert pictures[0].shape == (height, 3 * width, 3)
    assert facts['scale'] * 64 == pytest.approx(width, abs=1)
    with CompressedVideo(clip) as video:
        true = video.frames_at([3, 30])
    for index, frame in zip((3, 30), true):
        shown = pictures[index][:, :width].astype(float)
        small = cv2.resize(shown, (64, 48), interpolation=cv2.INTER_AREA)
        other = true[1] if index == 3 else true[0]
        assert np.abs(small - frame).mean() < np.abs(small - other).mean()
    # Residuals lie around grey.
    residual = pictures[20][:, width:2 * width].astype(int)
    assert np.abs(np.median(residual) - 128) < 8 and residual.std() > 1


def test_stored_pictures_do_not_depend_on_the_order(clip):
    with CompressedVideo(clip) as video:
        stored = StoredPictures(video, span=1.)
        forwards = [stored(index) for index in range(len(video))]
        for index in (30, 2, 24, 25):
            for one, other in zip(stored(index), forwards[index]):
                np.testing.assert_array_equal(one, other)
        assert [stored.start(i) for i in (0, 24, 25, 39)] == [0, 0, 25, 25]


def test_frames_are_turned_as_a_player_turns_them(clip):
    upright = next(iterate_frames(clip))
    turned = next(iterate_frames(clip.read_bytes(), 90))
    np.testing.assert_array_equal(turned, np.rot90(upright, -1))


def test_damaged_pictures_are_the_ones_before_once_more(clip):
    whole = list(iterate_frames(clip))
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(
            video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    for number in (0, 7):
        place, size = places[number]
        data[place:place + size] = bytes(size)
    shown = list(iterate_frames(bytes(data)))
    assert len(shown) == len(whole) == 40
    np.testing.assert_array_equal(shown[7], shown[6])
    assert (shown[0] == shown[0][0, 0]).all()


def test_a_name_like_an_address_is_a_file(clip, answer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'talk:1.mp4').write_bytes(clip.read_bytes())
    name = os.fsdecode(b'caf\xe9:1.mp4')
    try:
        (tmp_path / name).write_bytes(clip.read_bytes())
    except OSError:  # macOS takes UTF-8 alone
        name = 'talk:1.mp4'
    for source in ('talk:1.mp4', name):
        write_annotated_video(source, answer, 'out_' + source)
        assert len(list(iterate_frames('out_' + source))) == 40
