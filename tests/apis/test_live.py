# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Streams over the loopback and a device that draws test pictures."""
import functools
import http.server
import threading

import numpy as np
import pytest

from mmfer.apis import FERInferencer
from mmfer.apis.clip_progress import ClipProgress
from mmfer.apis.live_packets import DirectPackets, LivePacket
from mmfer.apis.live_spans import LiveSpans
from mmfer.codec import CompressedVideoError, NoVideoStream
from mmfer.testing import face_like, write_video
from mmfer.testing.moving_faces import (MovingFace, detector_of,
                                        moving_faces)

DEVICE = 'testsrc=size=64x64:rate=20:duration=2.5'


class Quiet(http.server.SimpleHTTPRequestHandler):

    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('served')
    write_video(root / 'face.ts', face_like(60), 'h264_deblock',
                container='mpegts')
    write_video(root / 'face.mp4', face_like(60), 'h264_deblock')
    frames, boxes = moving_faces(
        [MovingFace(lambda t: (70 + t, 96, 90))], 60)
    write_video(root / 'moving.ts', frames, 'mpeg4', container='mpegts')
    np.savez(root / 'truth.npz', frames=frames, boxes=np.array(boxes))
    frames, boxes = moving_faces([MovingFace(
        lambda t: (90 + 30 * np.sin(t / 9), 96, 90), stop=66)], 110)
    write_video(root / 'leaving.ts', frames, 'mpeg4', container='mpegts')
    np.savez(root / 'left.npz', frames=frames, boxes=np.array(boxes))
    return root


@pytest.fixture(scope='module')
def address(folder):
    """Of a server on the loopback."""
    server = http.server.ThreadingHTTPServer(
        ('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


@pytest.fixture(scope='module')
def inferencer(model_of):
    return FERInferencer(**model_of, window=1.)


def test_packets_of_a_stream_are_used_as_they_come(inferencer, address,
                                                   folder):
    windows = list(inferencer.stream(f'{address}/face.ts'))
    assert [(w.first, w.last) for w in windows] == [(0, 24), (25, 49)]
    assert np.allclose([w.start for w in windows], [0, 1], atol=.05)
    whole, = inferencer(folder / 'face.mp4')
    # The first window of the stream is that of the file.
    assert np.allclose(windows[0].scores, whole.faces[0].windows[0].scores,
                       atol=1e-6)
    assert np.allclose(windows[1].scores, whole.faces[0].windows[1].scores,
                       atol=1e-6)


@pytest.mark.parametrize('coding, suffix', [('h264_deblock', 'h264'),
                                            ('mpeg4', 'm4v')])
@pytest.mark.parametrize('options', [{'timeout': 9.}, {'encode': 'mpeg4'}])
def test_the_rate_of_a_bare_stream_is_in_its_headers(
        model_of, address, folder, coding, suffix, options):
    write_video(folder / f'bare.{suffix}', face_like(60), coding, fps=30,
                container=suffix)
    first, *_ = FERInferencer(**model_of, window=1.).stream(
        f'{address}/bare.{suffix}', **options)
    assert first.last == 29 and first.end == pytest.approx(29 / 30, abs=.01)


def test_windows_may_overlap_and_the_stream_may_be_cut(model_of, address):
    inferencer = FERInferencer(**model_of, window=1., stride=.5)
    windows = list(inferencer.stream(f'{address}/face.ts', seconds=1.9))
    starts = [window.start for window in windows]
    assert np.allclose(starts, [0, .5, 1.], atol=.05)  # the rest is short
    assert [w.first for w in windows][:2] == [0, 13]


@pytest.mark.parametrize('options', [{'timeout': 9.}, {'encode': 'mpeg4'}])
def test_what_lies_between_windows_is_dropped(model_of, address, options):
    inferencer = FERInferencer(**model_of, window=.4, stride=1.)
    windows = list(inferencer.stream(f'{address}/face.ts', **options))
    assert [(w.first, w.last) for w in windows] == [(0, 9), (25, 34),
                                                    (50, 59)]
    assert np.allclose([w.start for w in windows], [0, 1, 2], atol=.05)


@pytest.mark.parametrize('options', [{'timeout': 9.}, {'encode': 'mpeg4'}])
def test_a_time_that_runs_backwards_costs_one_window(model_of, address, folder,
                                                     options):
    data = (folder / 'face.ts').read_bytes()
    (folder / 'joined.ts').write_bytes(data + data)
    inferencer = FERInferencer(**model_of, window=1.)
    clip = ClipProgress('joined', inferencer.classes)
    for window in inferencer.stream(f'{address}/joined.ts', clip=clip,
                                    **options):
        clip.keep(window)
    clip.is_read = True
    answer = clip.prediction()
    windows = answer.faces[0].windows
    assert [(w.first, w.last) for w in windows] == [
        (0, 24), (25, 49), (60, 84), (85, 109)]
    assert np.allclose([w.start for w in windows], [0, 1, 2.4, 3.4], atol=.05)
    assert answer.frames == 120
    warning, = answer.warnings
    assert 'pictures 50 to 59' in warning and 'ran backwards' in warning


def test_packets_that_make_no_file_are_a_failed_window(model_of, address,
                                                       monkeypatch):
    clip = ClipProgress('face', ('a', ) * 3)
    real, calls = DirectPackets.as_file, []

    def fails_once(self, packets):
        calls.append(1)
        if len(calls) == 1:
            raise CompressedVideoError('the packets do not make a file')
        return real(self, packets)

    monkeypatch.setattr(DirectPackets, 'as_file', fails_once)
    windows = list(FERInferencer(**model_of, window=1.).stream(
        f'{address}/face.ts', clip=clip))
    assert [w.first for w in windows] == [25]
    assert [failure[:2] for failure in clip.failures] == [(0, 25)]


class TestSpans:

    @staticmethod
    def spans(times, window, stride, **options):
        cut = LiveSpans([LivePacket(None, t) for t in times], window, stride,
                        10., **options)
        return [(s.first, s.stop, s.is_broken) for s in cut], cut.count

    def test_lie_at_even_distances(self):
        found, count = self.spans(np.arange(40) / 10, .5, 1.5)
        assert found == [(0, 5, False), (15, 20, False), (30, 35, False)]
        assert count == 40

    def test_overlap(self):
        found, _ = self.spans(np.arange(12) / 10, .5, .3)
        assert found == [(0, 5, False), (3, 8, False), (6, 11, False),
                         (9, 12, False)]

    def test_hold_two_pictures_at_least(self):
        found, _ = self.spans([0., 1., 2., 3., 4.], .5, .5)
        assert [stop - first for first, stop, _ in found] == [2] * len(found)

    def test_begin_anew_behind_a_gap(self):
        times = [*np.arange(7) / 10, *(60.03 + np.arange(12) / 10)]
        found, _ = self.spans(times, .5, .5)
        assert found[1:] == [(5, 7, False), (7, 12, False), (12, 17, False)]

    def test_of_a_time_that_stands_still_are_broken(self):
        found, count = self.spans([0.] * 1500, .5, .5)
        assert count == 1500 and all(broken for *_, broken in found[:-1])
        assert max(stop - first for first, stop, _ in found) < 700

    def test_stop_where_asked(self):
        found, count = self.spans(np.arange(40) / 10, .5, .5, seconds=.95)
        assert found == [(0, 5, False), (5, 10, False)] and count == 10


@pytest.mark.parametrize('codec', ['h264', 'mpeg4'])
def test_raw_pictures_of_a_device_are_encoded(inferencer, codec):
    windows = list(inferencer.stream(DEVICE, input_format='lavfi',
                                     encode=codec))
    assert [(w.first, w.last) for w in windows] == [(0, 19), (20, 39),
                                                    (40, 49)]
    assert np.allclose([w.start for w in windows], [0, 1, 2], atol=.01)
    assert all(abs(w.scores.sum() - 1) < 1e-5 for w in windows)


@pytest.mark.parametrize('options', [{}, {'encode': 'mpeg4'}])
def test_a_face_keeps_its_number_over_the_windows(model_of, address, folder,
                                                  options):
    with np.load(folder / 'truth.npz') as truth:
        detector = detector_of(truth['boxes'], truth['frames'])
        boxes = truth['boxes'][:, 0]
    inferencer = FERInferencer(**model_of, window=.8, detector=detector)
    windows = list(inferencer.stream(f'{address}/moving.ts', **options))
    assert len(windows) == 3 and {w.face for w in windows} == {0}
    for window in windows:
        left, _, width, _ = window.crop
        shown = boxes[window.first:window.last + 1]
        assert left - 4 <= shown[:, 0].min()
        assert shown[:, 2].max() <= left + width + 4
    assert windows[0].crop[0] < windows[2].crop[0]


def test_a_face_that_leaves_before_the_window_ends_is_answered(
        model_of, address, folder):
    with np.load(folder / 'left.npz') as truth:
        detector = detector_of(truth['boxes'], truth['frames'])
    inferencer = FERInferencer(**model_of, window=4.4, detector=detector)
    window, = inferencer.stream(f'{address}/leaving.ts')
    assert (window.first, window.last, window.face) == (0, 109, 0)


@pytest.mark.parametrize('source', ['http://127.0.0.1:9/x.ts',
                                    'rtsp://127.0.0.1:9/x', '/dev/video97',
                                    97])
def test_nobody_answers(inferencer, source):
    with pytest.raises(NoVideoStream, match='cannot be opened') as caught:
        list(inferencer.stream(source))
    assert '\n' not in str(caught.value)


def test_windows_that_cannot_be_read_end_it(model_of, tmp_path):
    path = tmp_path / 'intra.mp4'
    write_video(path, face_like(60), 'mpeg4', stream_options={'g': '1'})
    inferencer = FERInferencer(**model_of, window=.4)
    with pytest.raises(CompressedVideoError, match='3 windows in a row'):
        list(inferencer.stream(str(path), timeout=5.))
    # The way out: encode the pictures anew.
    assert len(list(inferencer.stream(str(path), encode='mpeg4'))) == 6
