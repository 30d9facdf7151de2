# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a later run makes again, what it leaves, and what it refuses."""
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmfer.codec import CompressedVideo
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import PreparationError, Settings, prepare
from mmfer.datasets.preparation.commands import (prepare_custom,
                                                 prepare_release)
from mmfer.datasets.preparation.source_state import readable, source_state
from mmfer.testing import write_video
from mmfer.testing.releases import write_release

ENCODING = dict(codec='mpeg4', gop=12, qscale=3, size=[48, 48])
META = dict(dataset='mine', classes=['a', 'b'])


def whole(**settings):
    return Settings('none', encoding=ENCODING, **settings)


def run(clips, out, settings=None, **options):
    return prepare(clips, out, META, settings or whole(), workers=0,
                   progress=False, **options)


def lines(path):
    return [json.loads(line)
            for line in Path(path).read_text(encoding='utf-8').splitlines()]


def shown(path):
    """Mean grey level of the first picture."""
    with CompressedVideo(path) as video:
        return float(np.mean(video.frame_at(0)))


def grey(path, level, count=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, np.full((count, 48, 48, 3), level, np.uint8),
                'h264_plain')
    return path


class TestSources:

    @pytest.mark.parametrize('settings', [
        whole(), whole(digest=True), whole(no_face='frame'),
        whole(keep_short=False)])
    def test_what_cannot_be_made_again_stays(self, tmp_path, settings):
        clips = [SourceClip(name, grey(tmp_path / f'{name}.mp4', 90), 'a')
                 for name in 'xy']
        run(clips, tmp_path / 'out', whole(keep_short=True))
        clips[1].source.unlink()
        again = run(clips, tmp_path / 'out', settings)
        assert again.done == 2 and not again.reasons
        assert (tmp_path / 'out/clips/y.mp4').exists()

    def test_another_folder_with_the_same_names(self, tmp_path):
        for root, level in (('v1', 60), ('v2', 180)):
            for name in ('a/x.mp4', 'b/y.mp4'):
                grey(tmp_path / root / name, level)
        options = dict(workers=0, progress=False)
        out = tmp_path / 'out'
        prepare_custom(tmp_path / 'v1', out, whole(), **options)
        again = prepare_custom(tmp_path / 'v2', out, whole(), name='v1',
                               **options)
        assert again.made == 2
        assert abs(shown(out / 'clips/a/x.mp4') - 180) < 9
        assert prepare_custom(tmp_path / 'v2', out, whole(), name='v1',
                              **options).made == 0

    def test_one_file_that_was_replaced(self, tmp_path):
        clips = [SourceClip(name, grey(tmp_path / f'{name}.mp4', 60), 'a')
                 for name in 'xyz']
        run(clips, tmp_path / 'out')
        grey(tmp_path / 'y.mp4', 180)
        assert run(clips, tmp_path / 'out').made == 1
        assert abs(shown(tmp_path / 'out/clips/y.mp4') - 180) < 9
        assert run(clips, tmp_path / 'out').made == 0

    def test_a_picture_more_or_another_one(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 5)
        clip = SourceClip('a', folder, 'a')
        run([clip], tmp_path / 'out')
        assert run([clip], tmp_path / 'out').made == 0
        shutil.copy(folder / '5.png', folder / '6.png')
        assert run([clip], tmp_path / 'out').made == 1
        os.utime(folder / '2.png', ns=(1, 1))
        assert run([clip], tmp_path / 'out').made == 1

    def test_another_span_of_pictures(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 9)
        names = [f'{number}.png' for number in range(1, 10)]
        for frames, made in ((names[:5], 1), (names[:5], 0), (names[2:8], 1)):
            clip = SourceClip('a', folder, 'a', frames=tuple(frames))
            assert run([clip], tmp_path / 'out').made == made

    def test_another_half_of_the_pictures(self, tmp_path):
        path = grey(tmp_path / 'x.mp4', 60)
        for half, made in (('left', 1), ('left', 0), ('right', 1)):
            clip = SourceClip('a', path, 'a', extra={'front_half': half})
            assert run([clip], tmp_path / 'out').made == made

    def test_a_clip_that_was_kept_out_is_tried_again(self, tmp_path):
        good = SourceClip('b', grey(tmp_path / 'y.mp4', 60), 'b')
        (tmp_path / 'x.mp4').write_bytes(b'no video')
        clips = [SourceClip('a', tmp_path / 'x.mp4', 'a'), good]
        assert run(clips, tmp_path / 'out').reasons == {'unreadable': 1}
        grey(tmp_path / 'x.mp4', 60)
        outcome = run(clips, tmp_path / 'out')
        assert (outcome.made, outcome.done) == (1, 2)

    def test_a_source_that_got_bad_leaves_no_old_clip(self, tmp_path):
        good = SourceClip('b', grey(tmp_path / 'y.mp4', 60), 'b')
        clips = [SourceClip('a', grey(tmp_path / 'x.mp4', 60), 'a'), good]
        run(clips, tmp_path / 'out')
        (tmp_path / 'x.mp4').write_bytes(b'no video')
        assert run(clips, tmp_path / 'out').done == 1
        assert not (tmp_path / 'out/clips/a.mp4').exists()

    def test_a_source_that_was_put_away_costs_no_clip(self, tmp_path):
        clip = SourceClip('a', grey(tmp_path / 'x.mp4', 60), 'a')
        run([clip], tmp_path / 'out')
        clip.source.unlink()
        outcome = run([clip], tmp_path / 'out')
        assert (outcome.made, outcome.done) == (0, 1)

    def test_older_journals_are_believed(self, tmp_path):
        clip = SourceClip('a', grey(tmp_path / 'x.mp4', 60), 'a')
        out = tmp_path / 'out'
        run([clip], out, frame_rate=30.)
        record, = lines(out / 'prepare.jsonl')
        del record['origin']
        (out / 'prepare.jsonl').write_text(json.dumps(record) + '\n')
        note = json.loads((out / 'prepare.json').read_text())
        del note['frame_rate']
        (out / 'prepare.json').write_text(json.dumps(note))
        grey(clip.source, 180)
        assert run([clip], out, frame_rate=30.).made == 0

    def test_states_are_plain_and_readable(self, tmp_path):
        path = tmp_path / os.fsdecode(b'f\xfcr.mp4')
        try:
            path.write_bytes(b'x')
        except OSError:
            pytest.skip('this file system takes UTF-8 names only')
        state = source_state(SourceClip('a', path, 'a'))
        assert state == json.loads(json.dumps(state))
        assert state['path'].encode('utf-8').endswith(b'f\\xfcr.mp4')
        assert readable(Path('é/ü')) == str(Path('é/ü'))


class TestSettings:

    def test_another_rate_of_pictures(self, tmp_path, numbered):
        clip = SourceClip('a', numbered(tmp_path / 'clip', 5), 'a')
        run([clip], tmp_path / 'out', frame_rate=25.)
        run([clip], tmp_path / 'out', frame_rate=25)
        for other in (200., None):
            with pytest.raises(PreparationError, match='frame_rate 25.0, now'):
                run([clip], tmp_path / 'out', frame_rate=other)

    def test_short_clips_are_kept_on_second_thoughts(self, tmp_path):
        clips = [SourceClip('a', grey(tmp_path / 'x.mp4', 60, 2), 'a'),
                 SourceClip('b', grey(tmp_path / 'y.mp4', 60), 'b')]
        out = tmp_path / 'out'
        advice = run(clips, out).findings[0].advice
        assert 'the same command with --keep-short' in advice
        outcome = run(clips, out, whole(keep_short=True))
        assert (outcome.made, outcome.done) == (1, 2)
        note = json.loads((out / 'prepare.json').read_text())
        assert note['settings']['keep_short'] is True
        assert run(clips, out, whole(keep_short=True)).made == 0
        outcome = run(clips, out)
        assert (outcome.made, outcome.done, outcome.skipped) == (1, 1, 1)
        assert not (out / 'clips/a.mp4').exists()

    def test_clips_without_a_face_on_second_thoughts(self, tmp_path, video):
        clips = [SourceClip('a', grey(tmp_path / 'x.mp4', 90), 'a'),
                 SourceClip('b', video, 'b')]
        out = tmp_path / 'out'

        def again(no_face, **options):
            return run(clips, out, Settings(no_face=no_face, samples=3,
                                            encoding=ENCODING), **options)

        first = again('skip')
        assert first.reasons == {'no-face': 1}
        assert any('the same command with --no-face frame' in finding.advice
                   for finding in first.findings)
        for no_face, made, done in (('frame', 1, 2), ('frame', 0, 2),
                                    ('centre', 1, 2), ('skip', 1, 1)):
            outcome = again(no_face)
            assert (outcome.made, outcome.done) == (made, done), no_face
        assert again('frame', retry=True).done == 2
        coding = json.loads(
            (out / 'annotations.json').read_text())['metainfo']['coding']
        assert coding['no_face'] == 'frame'

    def test_sums_of_sources_on_second_thoughts(self, tmp_path):
        clip = SourceClip('a', grey(tmp_path / 'x.mp4', 60), 'a')
        run([clip], tmp_path / 'out')
        before = (tmp_path / 'out/clips/a.mp4').read_bytes()
        run([clip], tmp_path / 'out', whole(digest=True))
        assert len(lines(tmp_path / 'out/prepare.jsonl')[-1]['sha256']) == 64
        assert (tmp_path / 'out/clips/a.mp4').read_bytes() == before
        assert run([clip], tmp_path / 'out').made == 0

    def test_how_labels_are_numbered_changes_no_clip(self, tmp_path):
        write_release('dfew', tmp_path / 'release', frames=6, size=48)
        options = dict(settings=whole(), workers=0, progress=False)
        first = prepare_release('dfew', tmp_path / 'release',
                                tmp_path / 'out', **options)
        assert first.made == 35
        again = prepare_release('dfew', tmp_path / 'release',
                                tmp_path / 'out',
                                variant=dict(label_base='1'), **options)
        assert (again.made, again.done) == (0, 35)
        note = json.loads((tmp_path / 'out/prepare.json').read_text())
        assert note['variant']['label_base'] == 1

    def test_an_interrupted_change_goes_on(self, tmp_path, monkeypatch):
        clips = [SourceClip(name, grey(tmp_path / f'{name}.mp4', 90), 'a')
                 for name in 'xy']
        frame, centre = (
            Settings(no_face=no_face, samples=3, encoding=ENCODING)
            for no_face in ('frame', 'centre'))
        out = tmp_path / 'out'
        run(clips, out, frame)
        # Records of older versions do not say how they were made.
        older = [{k: v for k, v in record.items() if k != 'no_face'}
                 for record in lines(out / 'prepare.jsonl')]
        (out / 'prepare.jsonl').write_text(
            ''.join(json.dumps(record) + '\n' for record in older))
        from mmfer.datasets.preparation.clip_writer import ClipWriter
        write = ClipWriter.write

        def interrupted(self, clip, rate=None):
            if clip.name == 'y':
                raise KeyboardInterrupt
            return write(self, clip, rate)

        monkeypatch.setattr(ClipWriter, 'write', interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(clips, out, centre)
        monkeypatch.undo()
        assert run(clips, out, centre).made == 1
