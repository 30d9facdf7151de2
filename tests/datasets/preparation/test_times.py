# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Onset, apex and offset stay with the pictures that they name."""
import json
from fractions import Fraction

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import Settings, prepare
from mmfer.datasets.preparation.annotating import first_place, place_of

META = dict(dataset='mine', classes=['a'])
COUNT = 24
#: Milliseconds: 14 quick pictures, then 10 slow ones.
VARIABLE = [40 * k for k in range(14)] + [560 + 400 * k for k in range(10)]
CONSTANT = [40 * k for k in range(COUNT)]


def write_timed(path, times):
    """Write pictures that get brighter by 9 at times in milliseconds."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25, options={
            'bf': '0', 'qmin': '1', 'qmax': '1'})
        stream.width = stream.height = 48
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 48, 3), 9 * number + 10, np.uint8))
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbers_of(path):
    """Which source picture each picture of a clip shows."""
    with CompressedVideo(path) as video:
        return [round((float(np.mean(frame)) - 10) / 9)
                for frame in video.frames_at(range(len(video)))]


def prepared(clips, out, fps, **options):
    settings = Settings('none', encoding=dict(
        codec='mpeg4', qscale=1, size=[48, 48], fps=fps))
    return prepare(clips, out, META, settings, workers=0, progress=False,
                   **options)


def entries(outcome):
    return json.loads(outcome.annotations.read_text('utf-8'))['clips']


@pytest.mark.parametrize('times', [VARIABLE, CONSTANT],
                         ids=['variable', 'constant'])
@pytest.mark.parametrize('fps', [None, 7, 12.5, 25, 30, 60])
def test_a_time_is_the_first_picture_that_shows_it(tmp_path, times, fps):
    path = write_timed(tmp_path / 'x.mp4', times)
    clips = [SourceClip(f'c{k}', path, 'a', apex=k)
             for k in range(0, COUNT, 3)]
    outcome = prepared(clips, tmp_path / 'out', fps)
    shown = numbers_of(tmp_path / 'out/clips/c0.mp4')
    assert len(shown) > 4 and shown == sorted(shown)
    for clip, entry in zip(clips, entries(outcome)):
        nearest = min(shown, key=lambda number: abs(number - clip.apex))
        if clip.apex in shown:
            assert entry['apex'] == shown.index(clip.apex)
        else:
            assert abs(shown[entry['apex']] - clip.apex) == abs(
                nearest - clip.apex)
            assert entry['apex'] == shown.index(shown[entry['apex']])


@pytest.mark.parametrize('fps, places', [(60., (0, 3, 10)), (10., (0, 0, 2))])
def test_folders_of_pictures(tmp_path, numbered, fps, places):
    folder = numbered(tmp_path / 'clip', 8)
    clip = SourceClip('a', folder, 'a', onset=0, apex=1, offset=4)
    entry, = entries(prepared([clip], tmp_path / 'out', fps,
                              frame_rate=25.))
    assert (entry['onset'], entry['apex'], entry['offset']) == places


@pytest.mark.parametrize('index, shown, place', [
    (0, [0, 0, 1], 0), (1, [0, 0, 1, 1], 2), (3, [0, 4, 8], 1),
    (2, [0, 4, 8], 0), (9, [0, 4, 4], 1), (1, [2, 3], 0)])
def test_the_nearest_of_those_that_were_kept(index, shown, place):
    assert first_place(index, shown) == place


@pytest.mark.parametrize('fps', [None, 50.])
def test_a_time_outside_of_the_clip_is_left_out(tmp_path, fps):
    path = write_timed(tmp_path / 'x.mp4', CONSTANT)
    clips = [SourceClip('a', path, 'a', onset=-1, apex=3, offset=COUNT),
             SourceClip('b', path, 'a', onset=0, apex=3, offset=COUNT - 1)]
    outcome = prepared(clips, tmp_path / 'out', fps)
    first, second = entries(outcome)
    assert {'onset', 'offset'}.isdisjoint(first) and 'apex' in first
    assert {'onset', 'apex', 'offset'} < set(second)
    told, = [f for f in outcome.findings if f.code == 'times-outside']
    assert told.items == ('a', )


def test_records_of_older_versions_take_the_rate_for_constant():
    record = dict(source_fps=200., pictures=10)
    assert [place_of(index, record, 50.) for index in (0, 20, 39, 60)] == [
        0, 5, 9, None]
    assert place_of(7, dict(source_fps=25., pictures=8)) == 7
