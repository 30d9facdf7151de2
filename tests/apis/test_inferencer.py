# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The inferencer answers as the test does, and says what it cannot answer."""
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import INFERENCERS, DefaultScope

import mmfer
from mmfer.apis import ClipPipeline, FERInferencer, UnsuitableConfig
from mmfer.codec import CompressedVideo
from mmfer.testing import encode_packets, face_like, flat, write_video
from mmfer.testing.moving_faces import (MovingFace, detector_of,
                                        moving_faces)
from mmfer.testing.odd_streams import mux_packets

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent


@pytest.fixture(scope='module')
def inferencer(model_of):
    return FERInferencer(**model_of, batch_size=3)


@pytest.fixture(scope='module')
def tested(place):
    """What tools/test.py dumps: scores by file."""
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', str(REPOSITORY / 'tools/test.py'),
         'config.py', 'weights.pth', '--work-dir', 'test', '--dump',
         'dump.pkl'], cwd=place, text=True, capture_output=True,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)})
    assert out.returncode == 0, out.stderr[-2000:]
    with open(place / 'dump.pkl', 'rb') as file:
        samples = pickle.load(file)
    # Read with the names of the test split, in the order of its batches.
    from mmfer.datasets.annotations import read_annotations
    _, clips = read_annotations(str(place / 'data/annotations.json'))
    paths = [str(place / 'data' / clip['path']) for clip in clips
             if clip['split'] == 'test']
    return paths, np.stack([s['pred_score'].numpy() for s in samples])


def test_scores_are_exactly_those_of_the_test(inferencer, tested):
    paths, scores = tested
    answers = inferencer(paths)
    assert np.array_equal([clip.scores for clip in answers], scores)
    assert np.ptp(scores, 0).max() > .01  # the clips are told apart
    for clip, path in zip(answers, paths):
        face, = clip.faces
        window, = face.windows
        assert (clip.path, clip.error, clip.codec) == (path, None, 'mpeg4')
        assert (window.first, window.last, window.crop) == (0, 13, None)
        assert clip.label == clip.classes[int(clip.scores.argmax())]
        assert clip.classes == ('happy', 'sad', 'neutral')  # the checkpoint's
        assert set(clip.seconds) == {'open', 'read', 'forward'}


def test_other_batches_give_the_same_up_to_rounding(model_of, tested):
    paths, scores = tested
    one = FERInferencer(**model_of, batch_size=1)(paths)
    assert np.allclose([clip.scores for clip in one], scores, atol=1e-6)


def test_bytes_folder_pattern_and_list_are_the_same(inferencer, clips, place):
    all_of_them = [clip.scores for clip in inferencer(clips)]
    for inputs in (place / 'data', f'{place}/data/*/*.mp4',
                   [Path(clip).read_bytes() for clip in clips]):
        assert np.array_equal([c.scores for c in inferencer(inputs)],
                              all_of_them)


def test_is_found_in_the_registry(model_of):
    with DefaultScope.overwrite_default_scope('mmaction'):
        assert INFERENCERS.get('mmfer.FERInferencer') is FERInferencer
        built = INFERENCERS.build(dict(type='mmfer.FERInferencer', **model_of))
    assert built.classes == ('happy', 'sad', 'neutral')


# -- windows -----------------------------------------------------------------


@pytest.fixture(scope='module')
def long_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('long') / 'long.mp4'
    return write_video(path, face_like(60, (112, 112), 7), 'mpeg4')


@pytest.mark.parametrize('mode', ['chained', 'single', 'accumulated'])
def test_a_window_reads_what_the_codec_says(place, model_of, long_clip, mode):
    cfg = Config.fromfile(model_of['config'])
    cfg.test_pipeline[2].mode = mode
    inferencer = FERInferencer(cfg, model_of['checkpoint'], window=1.)
    with CompressedVideo(long_clip) as video:
        read = inferencer.pipeline.read(video, 25, 50)
        places = (25 + (np.arange(8) + .5) * 25 / 8).astype(int).tolist()
        direct = dict(
            chained=lambda: video.chained_at(places, 25, motion=False),
            single=lambda: video.residuals_at(places),
            accumulated=lambda: video.accumulated_at(places))[mode]()
    assert read['frame_inds'].tolist() == places
    for mine, theirs in zip(read['imgs'], direct):
        assert np.array_equal(mine[..., 0], theirs.y)
    windows = inferencer(long_clip)[0].faces[0].windows
    assert [(w.first, w.last) for w in windows] == [(0, 24), (25, 49),
                                                    (35, 59)]
    assert [round(w.start, 2) for w in windows] == [0, 1, 1.4]


def test_a_chain_from_a_fixed_picture_starts_within_the_window(
        model_of, long_clip):
    cfg = Config.fromfile(model_of['config'])
    cfg.test_pipeline[2].start = 2
    pipeline = FERInferencer(cfg, model_of['checkpoint']).pipeline
    with CompressedVideo(long_clip) as video:
        read = pipeline.read(video, 25, 50)
        direct = video.chained_at(read['frame_inds'][2:], 27, motion=False)
        assert np.array_equal(read['imgs'][-1][..., 0], direct[-1].y)
    assert pipeline.reader.start == 2


def test_the_answer_is_the_mean_of_its_windows(model_of, long_clip):
    clip, = FERInferencer(**model_of, window=.8, stride=.4)(long_clip)
    scores = np.array([w.scores for w in clip.faces[0].windows])
    assert len(scores) == 5 and np.allclose(scores.mean(0), clip.scores)
    assert np.allclose(scores.sum(1), 1, atol=1e-5)


def test_windows_of_a_file_come_as_a_stream(model_of, long_clip):
    inferencer = FERInferencer(**model_of, window=.8, batch_size=2)
    whole, = inferencer(long_clip)
    stream = inferencer.stream(long_clip)
    assert np.array_equal([w.scores for w in stream],
                          [w.scores for w in whole.faces[0].windows])
    with pytest.raises(ValueError, match='gone.mp4: no such file'):
        list(inferencer.stream('gone.mp4'))


def test_windows_follow_the_times_of_the_file(model_of, tmp_path):
    """25 pictures a second, then one each half second."""
    packets, extradata = encode_packets(face_like(60), 'mpeg4',
                                        global_header=True)
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number if number < 50 else \
            50 + (number - 50) * 25 // 2
    path = mux_packets(tmp_path / 'vfr.mp4', packets, 'mpeg4', (96, 80),
                       extradata=extradata)
    clip, = FERInferencer(**model_of, window=2., crop='none')(path)
    windows = clip.faces[0].windows
    assert [(w.first, w.last) for w in windows] == [(0, 49), (50, 53),
                                                    (54, 57), (56, 59)]
    assert np.allclose([w.start for w in windows], [0, 2, 4, 5], atol=.05)
    assert np.allclose([w.end for w in windows], [1.96, 3.5, 5.5, 6.5],
                       atol=.05)


def test_memory_does_not_grow_with_the_length(model_of, tmp_path):
    pictures = face_like(50, (64, 64), 1)
    inferencer = FERInferencer(**model_of, window=1., batch_size=2)
    peaks = []
    for repeats in (4, 24):
        path = tmp_path / f'{repeats}.mp4'
        write_video(path, np.concatenate([pictures] * repeats), 'mpeg4')
        inferencer(path)  # what is made once is made
        tracemalloc.start()
        clip, = inferencer(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(clip.faces[0].windows) == 2 * repeats
    # 1,000 more pictures of 4 kB each would be 8 MB of int16.
    assert peaks[1] - peaks[0] < 1e6


# -- faces -------------------------------------------------------------------


@pytest.fixture(scope='module')
def two_faces(tmp_path_factory):
    """A video of two faces, its pictures and the true boxes."""
    path = tmp_path_factory.mktemp('faces') / 'two.mp4'
    frames, boxes = moving_faces([
        MovingFace(lambda t: (70 + .5 * t, 96, 90)),
        MovingFace(lambda t: (190, 90 + .3 * t, 70), seed=5, stop=40)], 50)
    write_video(path, frames, 'mpeg4')
    return str(path), frames, boxes


def test_each_face_has_a_time_line_of_its_own(model_of, two_faces):
    path, frames, boxes = two_faces
    clip, = FERInferencer(**model_of, window=.8,
                          detector=detector_of(boxes, frames))(path)
    assert [(f.face, len(f.windows)) for f in clip.faces] == [(0, 3), (1, 3)]
    assert clip.main_face.face == 0
    assert not np.array_equal(clip.faces[0].scores, clip.faces[1].scores)
    for face in clip.faces:
        for window in face.windows:
            left, top, width, height = window.crop
            assert width == height
            for index in range(window.first, min(window.last + 1, 40)):
                box = boxes[index][face.face]
                assert left - 3 <= box[0] and box[2] <= left + width + 3


@pytest.fixture(scope='module')
def leaving(tmp_path_factory):
    """A face that leaves after 66 of 110 pictures; I pictures are looked at
    at 0, 36, 72 and 108."""
    path = tmp_path_factory.mktemp('leaving') / 'leaving.mp4'
    frames, boxes = moving_faces([MovingFace(
        lambda t: (90 + 30 * np.sin(t / 9), 96, 90), stop=66)], 110)
    write_video(path, frames, 'mpeg4')
    return dict(path=str(path), detector=detector_of(boxes, frames))


def test_a_face_that_leaves_is_answered(model_of, leaving):
    clip, = FERInferencer(**model_of, detector=leaving['detector'])(
        leaving['path'])
    face, = clip.faces
    assert [(w.first, w.last) for w in face.windows] == [(0, 109)]
    assert 60 < max(face.boxes) < 68


def test_windows_without_a_face_are_not_answered(model_of, leaving):
    clip, = FERInferencer(**model_of, window=.8,
                          detector=leaving['detector'])(leaving['path'])
    face, = clip.faces
    assert [w.first for w in face.windows] == [0, 20, 40]


def test_a_false_alarm_is_told_as_such(model_of, leaving):
    calls = []

    def forgetful(picture):
        calls.append(1)
        return leaving['detector'](picture) if len(calls) != 2 else \
            np.zeros((0, 5))

    # Missed at 36, where a face that was found once is a false alarm.
    clip, = FERInferencer(**model_of, window=.8, detector=forgetful)(
        leaving['path'])
    assert clip.error and not clip.faces and 'false alarm' in clip.error
    assert 'shorter windows' not in clip.error


def test_crop_shows_the_network_the_face_at_the_size_of_the_training(
        model_of, two_faces):
    path, frames, boxes = two_faces
    inferencer = FERInferencer(**model_of, crop='face',
                               detector=detector_of(boxes, frames))
    assert inferencer.clip_size == 112  # of which 96 are cut out
    with CompressedVideo(path) as video:
        read = inferencer.pipeline.read(video, 0, 50)
    box = (150, 40, 206, 96)
    cropped = inferencer.pipeline.cropped(read, box, 112)
    assert cropped['imgs'][0].shape == (112, 112, 1)
    assert cropped['imgs'][0].dtype == read['imgs'][0].dtype == np.int16
    same = inferencer.pipeline.cropped(read, box, 56)['imgs'][3]
    assert np.array_equal(same, read['imgs'][3][40:96, 150:206])
    beyond = inferencer.pipeline.cropped(read, (-20, 0, 36, 56), 56)['imgs'][3]
    assert not beyond[:, :20].any()
    assert np.array_equal(beyond[:, 20:], read['imgs'][3][:56, :36])


def test_motion_shrinks_with_the_picture(model_of, two_faces):
    cfg = Config.fromfile(model_of['config'])
    cfg.test_pipeline[2].update(motion=True, channels='bgr')
    pipeline = ClipPipeline(cfg.test_pipeline)
    with CompressedVideo(two_faces[0]) as video:
        read = pipeline.read(video, 0, 50)
    half = pipeline.cropped(read, (0, 0, 192, 192), 96)['imgs'][5]
    full = read['imgs'][5][:192, :192]
    assert full.shape[2] == half.shape[2] == 5
    mean = full[..., 3:].reshape(96, 2, 96, 2, 2).mean((1, 3)) / 2
    assert np.abs(half[..., 3:] - mean).max() <= 1
    assert np.abs(full[..., 3:]).max() > 8


def test_small_square_pictures_are_taken_as_they_are(model_of, clips,
                                                     two_faces):
    def never(picture):
        raise AssertionError('nobody is looked for')

    assert FERInferencer(**model_of, detector=never)(clips[0])[0].label
    assert FERInferencer(**model_of, detector=never, crop='none')(
        two_faces[0])[0].label
    asked, = FERInferencer(**model_of, detector=never, crop='face')(clips[0])
    assert asked.error == f'{clips[0]}: AssertionError: nobody is looked for'


# -- what cannot be answered -------------------------------------------------


def test_other_files_go_on(inferencer, clips, tmp_path):
    text = tmp_path / 'notes.mp4'
    text.write_text('not a video')
    intra = write_video(tmp_path / 'intra.mp4', face_like(6), 'mpeg4',
                        stream_options={'g': '1'})
    wide = write_video(tmp_path / 'wide.mp4', flat(8, (160, 96)), 'mpeg4')
    short = write_video(tmp_path / 'short.mp4', face_like(1), 'mpeg4')
    cut = tmp_path / 'cut.mp4'
    data = Path(clips[0]).read_bytes()
    cut.write_bytes(data[:len(data) // 2])
    files = [str(text), str(intra), 'gone.mp4', clips[0], str(wide), str(short),
             str(cut), clips[1]]
    answers = inferencer(files)
    assert [a.path for a in answers] == files
    for at, word in ((0, 'not a readable video'), (1, 'predicted'),
                     (2, 'no such file'), (4, 'no face was found on the 1 I'),
                     (5, 'pictures, but at least 2')):
        error = answers[at].error
        assert word in (error or ''), answers[at]
        assert '\n' not in error and not answers[at].faces
        assert files[at] in error
    assert answers[6].error and '\n' not in answers[6].error
    good = [answers[3], answers[7]]
    assert all(answer.error is None for answer in good)
    assert np.allclose([g.scores for g in good],
                       [c.scores for c in inferencer(clips[:2])], atol=1e-6)


def test_what_nobody_expects_costs_one_clip(model_of, clips, caplog):
    calls = []

    def fails_once(picture):
        calls.append(1)
        if len(calls) == 1:
            raise KeyError('a bug\nof two lines')
        return np.array([[10., 10, 90, 90]])

    inferencer = FERInferencer(**model_of, crop='face', detector=fails_once)
    with caplog.at_level('DEBUG', 'mmfer.apis.inferencer'):
        first, second = inferencer(clips[:2])
    assert first.error.startswith(f'{clips[0]}: KeyError: ')
    assert '\n' not in first.error and 'Traceback' in caplog.text
    assert second.error is None and second.faces

    def interrupted(picture):
        raise MemoryError

    with pytest.raises(MemoryError):
        FERInferencer(**model_of, crop='face', detector=interrupted)(clips[0])


def test_a_file_that_ends_early_costs_the_windows_behind(model_of, tmp_path):
    whole = write_video(tmp_path / 'whole.mp4', face_like(60), 'mpeg4',
                        container_options={'movflags': 'faststart'})
    data = Path(whole).read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[:len(data) * 6 // 10])
    clip, = FERInferencer(**model_of, window=.8)(tmp_path / 'cut.mp4')
    full, = FERInferencer(**model_of, window=.8)(whole)
    assert clip.error is None and len(clip.faces[0].windows) == 1
    assert '2 windows could not be read: pictures 20 to 39' in clip.warnings[0]
    assert np.allclose(clip.faces[0].windows[0].scores,
                       full.faces[0].windows[0].scores, atol=1e-6)


def test_a_file_that_ends_early_keeps_its_faces(model_of, two_faces,
                                                tmp_path):
    path, frames, boxes = two_faces
    whole = write_video(tmp_path / 'whole.mp4', frames, 'mpeg4',
                        container_options={'movflags': 'faststart'})
    data = Path(whole).read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[:len(data) * 6 // 10])
    clip, = FERInferencer(**model_of, window=.8, crop='face',
                          detector=detector_of(boxes, frames))(
                              tmp_path / 'cut.mp4')
    assert clip.error is None
    assert [(f.face, len(f.windows)) for f in clip.faces] == [(0, 1), (1, 1)]
    assert '2 windows could not be read: pictures 20 to 39' in clip.warnings[0]


@pytest.mark.parametrize('crop, mode, zeros', [
    ('face', 'chained', 40), ('none', 'single', 40),
    ('none', 'chained', 9999)])
def test_damaged_pictures_are_told(model_of, two_faces, crop, mode, zeros):
    path, frames, boxes = two_faces
    cfg = Config.fromfile(model_of['config'])
    cfg.test_pipeline[2].mode = mode
    inferencer = FERInferencer(
        cfg, model_of['checkpoint'], window=.8, crop=crop,
        detector=detector_of(boxes, frames))
    assert not inferencer(path)[0].warnings
    with CompressedVideo(path) as video:
        index, order = video.index, video.index.order
    data = bytearray(Path(path).read_bytes())
    read = (20 + (np.arange(8) + .5) * 20 / 8).astype(int).tolist()
    for number in [at for at in read if at % 12][:3]:  # P pictures
        at, size = (int(column[order[number]])
                    for column in (index.position, index.size))
        middle = at + max(0, (size - zeros) // 2)
        data[middle:middle + min(size, zeros)] = bytes(min(size, zeros))
    clip, = inferencer(bytes(data))
    warning, = clip.warnings
    assert warning.startswith(
        '1 window with pictures that are damaged, or in which nothing is '
        'predicted: 3 of pictures 20 to 39')
    assert '\n' not in warning and clip.faces


class TestRefused:

    def test_a_checkpoint_that_holds_code(self, model_of, tmp_path):
        class Code:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / 'done'), )

        torch.save(dict(state_dict={}, meta=Code()), tmp_path / 'evil.pth')
        with pytest.raises(UnsuitableConfig, match='data only'):
            FERInferencer(model_of['config'], tmp_path / 'evil.pth')
        assert not (tmp_path / 'done').exists()

    def test_a_checkpoint_of_another_config(self, model_of, tmp_path):
        cfg = Config.fromfile(model_of['config'])
        cfg.model.backbone.width = .5
        with pytest.raises(UnsuitableConfig, match='weights do not fit'):
            FERInferencer(cfg, model_of['checkpoint'])

    def test_a_checkpoint_that_tells_nothing_of_its_data(self, model_of,
                                                         tmp_path):
        state = torch.load(model_of['checkpoint'], weights_only=True)
        torch.save(dict(state, meta=dict(dataset_meta=None)),
                   tmp_path / 'none.pth')
        names = FERInferencer(model_of['config'],
                              tmp_path / 'none.pth').classes
        assert len(names) == 3

    @pytest.mark.parametrize('content, word', [
        ({0: torch.zeros(1)}, 'holds no weights'), ([1, 2], 'no weights'),
        ({'cls_head.fc_cls.bias': 3}, 'weights do not fit')])
    def test_a_checkpoint_of_something_else(self, model_of, tmp_path, content,
                                            word):
        torch.save(content, tmp_path / 'other.pth')
        with pytest.raises(UnsuitableConfig, match=word) as caught:
            FERInferencer(model_of['config'], tmp_path / 'other.pth')
        assert 'other.pth' in str(caught.value)
        assert '\n' not in str(caught.value)

    def test_missing_files(self, model_of):
        for arguments in (('gone.py', ), (model_of['config'], 'gone.pth')):
            with pytest.raises(UnsuitableConfig, match='gone.*: no such'):
                FERInferencer(*arguments)

    def test_a_pipeline_that_reads_otherwise(self, model_of):
        cfg = Config.fromfile(model_of['config'])
        cfg.test_pipeline[0] = dict(type='DecordInit')
        with pytest.raises(UnsuitableConfig, match='DecordInit'):
            FERInferencer(cfg)

    @pytest.mark.parametrize('wrong, word', [
        (dict(window=0), 'window'), (dict(stride=1), 'stride'),
        (dict(window=float('inf')), 'window'),
        (dict(crop='clip'), 'crop'), (dict(batch_size=0), 'batch_size'),
        (dict(device='tpu9'), 'tpu9'), (dict(clip_size=-1), 'clip_size')])
    def test_settings_out_of_range(self, model_of, wrong, word):
        with pytest.raises(ValueError, match=word):
            FERInferencer(**model_of, **wrong)


def test_parts_of_the_training_are_neither_built_nor_missed(model_of,
                                                            tmp_path):
    cfg = Config.fromfile(model_of['config'])
    state = torch.load(model_of['checkpoint'], weights_only=True)
    state['state_dict']['identity_head.penalty.weight'] = torch.zeros(3)
    torch.save(state, tmp_path / 'trained.pth')
    cfg.model.update(type='mmfer.IdentityAwareRecognizer', identity_head=dict(
        type='mmfer.IdentityMIHead', nobody='builds this'))
    assert FERInferencer(cfg, tmp_path / 'trained.pth').classes[0] == 'happy'
