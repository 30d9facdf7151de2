# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A run makes every clip once, whatever happens to it."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, read_provenance
from mmfer.datasets import FERDataset
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import (ClipWriter, PreparationError, Settings,
                                        prepare)
from mmfer.datasets.preparation.journal import Journal
from mmfer.testing import face_like, write_video

ENCODING = dict(codec='mpeg4', gop=12, qscale=3, size=[48, 48])
WHOLE = Settings(crop='none', encoding=ENCODING)
META = dict(dataset='mine', classes=['a', 'b'])


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Six clips of moving texture; a, b, a, b, ..."""
    folder = tmp_path_factory.mktemp('sources')
    clips = []
    for number in range(6):
        path = folder / f'v{number}.mp4'
        write_video(path, face_like(8, (48, 48), number), 'h264_plain')
        clips.append(SourceClip(f'{"ab"[number % 2]}/v{number}', path,
                                'ab'[number % 2], subject=f's{number}'))
    return clips


def run(clips, out, settings=WHOLE, **options):
    options.setdefault('workers', 0)
    return prepare(clips, out, META, settings, progress=False, **options)


def read(path):
    return json.loads(Path(path).read_text(encoding='utf-8'))


def lines(path):
    return [json.loads(line)
            for line in Path(path).read_text(encoding='utf-8').splitlines()]


def tree(out):
    """Everything that is in a folder but the times in the journal."""
    files = {path.relative_to(out).as_posix(): path.read_bytes()
             for path in Path(out).rglob('*')
             if path.is_file() and path.name not in ('prepare.jsonl',
                                                     '.lock')}
    records = sorted(
        json.dumps({k: v for k, v in record.items() if k != 'seconds'})
        for record in lines(Path(out) / 'prepare.jsonl'))
    return files, records


@pytest.fixture(scope='module')
def out(sources, tmp_path_factory):
    """The six clips, made by a worker process."""
    out = tmp_path_factory.mktemp('out')
    run(sources, out, workers=1)
    return out


class TestOutcome:

    def test_clips_are_read_by_the_data_set(self, out):
        data = FERDataset('annotations.json', [], data_root=str(out))
        assert len(data) == 6
        assert data.get_data_info(1)['label_name'] == 'b'
        with CompressedVideo(data.get_data_info(1)['filename']) as video:
            assert (video.width, video.picture_types) == (48, 'IPPPPPPP')

    def test_how_they_were_made_is_written_down(self, out):
        note = read(out / 'prepare.json')
        assert note['settings']['encoding'] == ENCODING
        assert note['settings']['crop'] == 'none'
        assert {'av', 'libavcodec', 'opencv'} <= set(note['versions'])
        coding = read(out / 'annotations.json')['metainfo']['coding']
        assert coding['encoding'] == ENCODING
        assert read_provenance(out / 'clips/a/v0.mp4')['qscale'] == 3
        record = lines(out / 'prepare.jsonl')[0]
        assert record['pictures'] == 8 and record['predicted'] == 7
        assert record['bytes'] == (out / record['path']).stat().st_size

    def test_nothing_else_is_left(self, out):
        assert sorted(path.name for path in out.iterdir()) == [
            '.lock', 'annotations.json', 'clips', 'prepare.json',
            'prepare.jsonl', 'skipped.jsonl']

    def test_the_same_again_does_nothing(self, out, sources):
        before = tree(out)
        assert run(sources, out).made == 0
        assert tree(out) == before


class TestKeptOut:

    def test_reasons_are_listed_and_the_rest_goes_on(self, tmp_path, sources):
        (tmp_path / 'broken.mp4').write_bytes(b'no video')
        write_video(tmp_path / 'short.mp4', face_like(2, (48, 48)),
                    'h264_plain')
        clips = [SourceClip('a/gone', tmp_path / 'gone.mp4', 'a'),
                 SourceClip('a/broken', tmp_path / 'broken.mp4', 'a'),
                 SourceClip('a/short', tmp_path / 'short.mp4', 'a'),
                 sources[0]]
        outcome = run(clips, tmp_path / 'out')
        assert (outcome.done, outcome.skipped) == (1, 3)
        listed = lines(tmp_path / 'out' / 'skipped.jsonl')
        assert [(r['name'], r['reason']) for r in listed] == [
            ('a/gone', 'missing'), ('a/broken', 'unreadable'),
            ('a/short', 'short')]
        assert 'broken.mp4: not a readable video' in listed[1]['message']
        assert '2 pictures give 1 predicted' in listed[2]['message']
        assert {f.code for f in outcome.findings} == {
            'skipped-missing', 'skipped-unreadable', 'skipped-short'}
        # They are not tried again until asked.
        write_video(tmp_path / 'gone.mp4', face_like(4, (48, 48)),
                    'h264_plain')
        assert run(clips, tmp_path / 'out').made == 0
        outcome = run(clips, tmp_path / 'out', retry=True)
        assert (outcome.made, outcome.done) == (3, 2)

    def test_short_clips_can_be_kept(self, tmp_path):
        write_video(tmp_path / 'a.mp4', face_like(2, (48, 48)), 'h264_plain')
        outcome = run([SourceClip('a', tmp_path / 'a.mp4', 'a')],
                      tmp_path / 'out',
                      Settings('none', keep_short=True, encoding=ENCODING))
        assert outcome.done == 1

    def test_nothing_left(self, tmp_path):
        clips = [SourceClip('a', tmp_path / 'gone.mp4', 'a')]
        with pytest.raises(PreparationError, match='no clip is left: 1 miss'):
            run(clips, tmp_path / 'out')
        assert not (tmp_path / 'out' / 'annotations.json').exists()


class TestFaces:

    def write(self, clip, tmp_path, **settings):
        settings.setdefault('encoding', ENCODING)
        writer = ClipWriter(Settings(**settings), tmp_path)
        return writer.write(clip)

    @pytest.fixture
    def wide(self, faces, tmp_path):
        """The face on the right of a wide, textured picture."""
        rng = np.random.default_rng(0)
        wall = cv2.GaussianBlur(
            rng.integers(60, 200, (160, 256, 3)).astype(np.uint8), (0, 0), 2)
        wall = np.repeat(wall[None], len(faces), 0)
        wall[:, 40:136, 150:246] = faces
        write_video(tmp_path / 'wide.mp4', wall, 'h264_plain')
        return SourceClip('wide', tmp_path / 'wide.mp4', 'a')

    def test_one_box_for_the_clip(self, wide, tmp_path):
        record = self.write(wide, tmp_path, digest=True)
        left, top, right, bottom = record['box']
        assert record['status'] == 'done' and record['faces'] >= 8
        assert right - left == bottom - top <= 110
        assert 145 <= left and right <= 256 and 20 <= top and bottom <= 150
        assert 40 < record['face'] < 80 and len(record['sha256']) == 64
        with CompressedVideo(tmp_path / record['path']) as video:
            assert (len(video), video.width) == (16, 48)

    def test_a_fixed_box_adds_no_motion_where_nothing_moves(self, wide,
                                                            tmp_path):
        changes = {}
        for crop in ('clip', 'frame'):
            (tmp_path / crop).mkdir()
            record = self.write(wide, tmp_path / crop, crop=crop)
            with CompressedVideo(tmp_path / crop / record['path']) as video:
                corner = video.frames_at(range(16))
            corner = np.stack(corner)[:, :6, :6].astype(int)
            changes[crop] = np.abs(np.diff(corner, axis=0)).mean()
        assert changes['clip'] < .5 * changes['frame']

    @pytest.mark.parametrize('no_face, box, done', [
        ('skip', None, False), ('frame', None, True),
        ('centre', [8, 0, 56, 48], True)])
    def test_without_a_face(self, tmp_path, no_face, box, done):
        write_video(tmp_path / 'a.mp4',
                    np.zeros((6, 48, 64, 3), np.uint8) + 90, 'h264_plain')
        record = self.write(SourceClip('a', tmp_path / 'a.mp4', 'a'),
                            tmp_path, no_face=no_face)
        assert (record['status'] == 'done') == done
        assert record.get('reason') == (None if done else 'no-face')

    def test_a_face_decides_how_a_recording_lies(self, faces, tmp_path):
        lying = np.ascontiguousarray(np.rot90(faces, axes=(1, 2)))
        write_video(tmp_path / 'lying.mp4', lying, 'h264_plain')
        write_video(tmp_path / 'upright.mp4', faces, 'h264_plain')
        turned = [self.write(
            SourceClip(name, tmp_path / f'{name}.mp4', 'a',
                       extra={'turn_clockwise': 90}), tmp_path).get('turned')
            for name in ('lying', 'upright')]
        assert turned == [90, None]

    def test_pictures_of_several_sizes_become_one(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 5)
        from PIL import Image
        Image.new('RGB', (20, 24)).save(folder / '6.png')
        record = self.write(SourceClip('a', folder, 'a'), tmp_path,
                            crop='none')
        assert (record['status'], record['pictures']) == ('done', 6)


def test_times_follow_the_pictures(tmp_path, numbered):
    folder = numbered(tmp_path / 'clip', 40)
    clip = SourceClip('a', folder, 'a', onset=0, apex=20, offset=39,
                      extra={'scene': 'x', 'imgs': 'taken', 'turn_clockwise': 0})
    settings = Settings('none', encoding=dict(ENCODING, fps=50))
    outcome = prepare([clip], tmp_path / 'out', META, settings,
                      frame_rate=200., workers=0, progress=False)
    entry, = read(outcome.annotations)['clips']
    assert entry == dict(path='clips/a.mp4', label='a', onset=0, apex=5,
                         offset=9, scene='x')


class TestRefusals:

    def test_other_settings(self, tmp_path, sources):
        run(sources[:2], tmp_path / 'out')
        other = Settings('none', encoding=dict(ENCODING, qscale=9))
        with pytest.raises(PreparationError, match=(
                'made with other settings: settings.encoding.qscale 3, now '
                '9. .* another folder')):
            run(sources[:2], tmp_path / 'out', other)
        run(sources[:1], tmp_path / 'two', variant=dict(light='a'))
        with pytest.raises(PreparationError, match="variant.light 'a', now"):
            run(sources[:1], tmp_path / 'two', variant=dict(light='b'))

    def test_what_has_no_effect_is_not_compared(self, tmp_path, sources):
        run(sources[:1], tmp_path / 'out')
        run(sources[:1], tmp_path / 'out',
            Settings('none', margin=.9, encoding=ENCODING))

    def test_clips_of_somebody_else(self, tmp_path, sources):
        (tmp_path / 'out' / 'clips').mkdir(parents=True)
        with pytest.raises(PreparationError, match='no readable prepare.json'):
            run(sources[:1], tmp_path / 'out')

    @pytest.mark.parametrize('encoding, message', [
        (dict(size=[50, 50]), 'multiples of 16'), (dict(qscale=99), '1..31'),
        (dict(options={'bf': 'many'}), 'cannot be encoded')])
    def test_settings_that_cannot_work(self, tmp_path, sources, encoding,
                                       message):
        with pytest.raises(PreparationError, match=message):
            run(sources[:1], tmp_path / 'out',
                Settings('none', encoding=dict(ENCODING, **encoding)))
        run(sources[:1], tmp_path / 'out')  # such a run binds nobody

    @pytest.mark.parametrize('name', ['../x', '/x', 'a//b', 'a/./b', ''])
    def test_names_that_lead_elsewhere(self, tmp_path, sources, name):
        with pytest.raises(PreparationError, match='cannot name a clip'):
            run([SourceClip(name, sources[0].source, 'a')], tmp_path / 'out')

    def test_a_second_run_on_the_folder(self, tmp_path, sources):
        fcntl = pytest.importorskip('fcntl')
        run(sources[:1], tmp_path / 'out')
        with open(tmp_path / 'out' / '.lock', 'w') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(PreparationError, match='another run'):
                run(sources[:1], tmp_path / 'out')
        run(sources[:1], tmp_path / 'out')


class TestResuming:

    def test_damaged_and_missing_clips_are_made_again(self, tmp_path,
                                                      sources):
        run(sources, tmp_path / 'out')
        before = tree(tmp_path / 'out')
        (tmp_path / 'out/clips/a/v0.mp4').write_bytes(b'cut')
        (tmp_path / 'out/clips/b/v1.mp4').unlink()
        assert run(sources, tmp_path / 'out').made == 2
        assert tree(tmp_path / 'out')[0] == before[0]

    def test_a_journal_that_was_cut_short(self, tmp_path, sources):
        run(sources, tmp_path / 'out')
        before = tree(tmp_path / 'out')
        journal = tmp_path / 'out' / 'prepare.jsonl'
        journal.write_bytes(journal.read_bytes()[:-20])
        assert run(sources, tmp_path / 'out').made == 1
        assert tree(tmp_path / 'out') == before

    def test_a_line_without_its_end_is_dropped(self, tmp_path):
        path = tmp_path / 'j.jsonl'
        with Journal(path) as journal:
            journal.add(dict(name='a', status='done'))
            journal.add(dict(name='b', status='done'))
        path.write_bytes(path.read_bytes()[:-1])
        with Journal(path) as journal:
            assert list(journal.records) == ['a']
            journal.add(dict(name='c', status='done'))
        with Journal(path) as journal:
            assert list(journal.records) == ['a', 'c']

    def test_protocols_share_clips(self, tmp_path, sources):
        run(sources[:4], tmp_path / 'out')
        outcome = run(sources[2:], tmp_path / 'out',
                      annotations='annotations-other.json')
        assert (outcome.made, outcome.done) == (2, 4)
        assert len(read(tmp_path / 'out/annotations.json')['clips']) == 4

    def test_a_run_that_is_killed_loses_and_doubles_nothing(self, tmp_path,
                                                            sources, out):
        script = tmp_path / 'run.py'
        script.write_text(
            'import sys, time, pickle\n'
            'from mmfer.datasets.preparation import clip_writer, prepare\n'
            'replace = clip_writer.os.replace\n'
            'def slow(*names):\n'
            '    replace(*names)\n'
            '    time.sleep(.3)\n'  # killed between the clip and its record
            'clip_writer.os.replace = slow\n'
            'prepare(*pickle.load(open(sys.argv[1], "rb")), workers=0)\n')
        import pickle
        (tmp_path / 'arguments').write_bytes(pickle.dumps(
            (sources, tmp_path / 'out', META, WHOLE)))
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / 'arguments')],
            stderr=subprocess.DEVNULL, env=dict(os.environ))
        journal = tmp_path / 'out' / 'prepare.jsonl'
        _wait(lambda: journal.exists() and len(lines(journal)) >= 2
              and len(list((tmp_path / 'out').rglob('v?.mp4'))) >= 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = len(lines(journal))
        assert 2 <= done < 6
        assert not (tmp_path / 'out' / 'annotations.json').exists()
        assert run(sources, tmp_path / 'out').made == 6 - done
        assert tree(tmp_path / 'out') == tree(out)


def _wait(ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(.01)
