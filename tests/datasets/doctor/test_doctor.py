# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A healthy set gives no alarm; of a damaged one every fault is found."""
import importlib.util
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import mmfer
from mmfer.codec import transcode
from mmfer.datasets.doctor import ClipExaminer, examine
from mmfer.datasets.doctor.annotation_checks import check_annotations
from mmfer.datasets.preparation import Settings
from mmfer.datasets.preparation.commands import prepare_custom
from mmfer.synthetic import render_clip
from mmfer.synthetic.faces import ClipItem
from mmfer.testing import face_like, write_video

TOOL = Path(mmfer.__file__).parent.parent / 'tools' / 'data' / 'doctor.py'
CLASSES = ('happy', 'sad', 'surprise', 'fear')
PERSONS = 6
CODING = dict(codec='mpeg4', gop=12, qscale=3, size=[64, 64])


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """CLASS/pN/1.png ... 14.png, as an extraction of frames leaves them."""
    root = tmp_path_factory.mktemp('pictures')
    for label in CLASSES:
        for person in range(PERSONS):
            folder = root / label / f'p{person}'
            folder.mkdir(parents=True)
            clip = render_clip(ClipItem(person, label, 0, frames=14, size=64))
            for number, picture in enumerate(clip, 1):
                cv2.imwrite(str(folder / f'{number}.png'), picture[..., ::-1])
    return root


@pytest.fixture(scope='module')
def healthy(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp('healthy') / 'set'
    prepare_custom(pictures, out, Settings('none', encoding=CODING),
                   subject_regex=r'p\d', split=[.5, .2, .3], workers=0,
                   progress=False)
    return out


def look(annotations, **options):
    found = examine(annotations, workers=0, progress=False, **options)
    return found, {finding.code: finding for finding in found.findings}


class Damage:
    """A copy of the healthy set that can be spoilt."""

    def __init__(self, healthy, folder):
        shutil.copytree(healthy, folder)
        self.folder = folder
        self.path = folder / 'annotations.json'
        self.content = json.loads(self.path.read_text('utf-8'))

    @property
    def clips(self):
        return self.content['clips']

    def clip(self, label, person):
        return next(clip for clip in self.clips if clip['label'] == label
                    and clip['subject'] == f'p{person}')

    def file(self, label, person):
        return self.folder / self.clip(label, person)['path']

    def look(self, **options):
        self.path.write_text(json.dumps(self.content), 'utf-8')
        return look(self.path, **options)[1]


@pytest.fixture
def damage(healthy, tmp_path):
    return Damage(healthy, tmp_path / 'damaged')


def test_a_healthy_set(healthy):
    found, codes = look(healthy / 'annotations.json')
    assert not codes and found.exit_code == 0
    assert found.summary['clips'] == found.summary['readable'] == 24
    assert found.summary['sizes'] == {'64x64': 24}
    assert found.histogram['split']['train'] == dict.fromkeys(CLASSES, 3)
    assert 'healthy' in found.to_text()


def test_all_faults_at_once(healthy, pictures, tmp_path):
    """One set, many faults, and each is named with its clips."""
    d = Damage(healthy, tmp_path / 'damaged')
    # Persons: p0 is trained on and tested on.
    d.clip('happy', 0)['split'] = 'test'
    # Labels: two clips exchanged.
    a, b = d.clip('sad', 1), d.clip('fear', 1)
    a['label'], b['label'] = 'fear', 'sad'
    # Files: cut off, empty, gone, and one that is no video.
    cut = d.folder / 'clips/surprise/p2.mp4'
    cut.write_bytes(cut.read_bytes()[:cut.stat().st_size // 2])
    (d.folder / 'clips/fear/p2.mp4').unlink()
    # Order: made from pictures sorted as text.
    for name in ('happy/p3', 'sad/p3'):
        files = sorted(os.listdir(pictures / name))
        transcode([cv2.imread(str(pictures / name / f))[..., ::-1]
                   for f in files], d.folder / f'clips/{name}.mp4',
                  overwrite=True, **CODING)
    # Copies: the same file in training, the same recording coded again.
    shutil.copy(d.folder / 'clips/happy/p5.mp4',
                d.folder / 'clips/happy/p1.mp4')
    transcode(d.folder / 'clips/surprise/p4.mp4',
              d.folder / 'clips/surprise/p0.mp4', overwrite=True,
              **dict(CODING, qscale=4))
    # Times: an apex of the whole recording.
    d.clip('surprise', 1)['apex'] = 140
    found = d.look()

    def names(code):
        return ' '.join(found[code].items)

    assert {code: finding.severity for code, finding in found.items()} == {
        'subject-leak': 'error', 'label-contradicts-name': 'error',
        'clip-unreadable': 'error', 'clip-missing': 'error',
        'frame-order': 'error', 'duplicate-leak': 'error',
        'near-duplicate-leak': 'error', 'apex-outside': 'error',
        'mixed-codecs': 'warning'}
    assert names('subject-leak') == 'p0 (train: 3, test: 1)'
    assert set(found['label-contradicts-name'].items) == {
        'clips/sad/p1.mp4: fear', 'clips/fear/p1.mp4: sad'}
    assert 'clips/surprise/p2.mp4' in names('clip-unreadable')
    assert 'clips/fear/p2.mp4' in names('clip-missing')
    assert set(found['frame-order'].items) == {
        'clips/happy/p3.mp4', 'clips/sad/p3.mp4'}
    assert names('duplicate-leak') == \
        'clips/happy/p1.mp4 = clips/happy/p5.mp4'
    assert names('near-duplicate-leak') == \
        'clips/surprise/p0.mp4 = clips/surprise/p4.mp4'
    assert 'apex 140 of 14' in names('apex-outside')
    assert all(finding.advice for finding in found.values())


class TestStreams:

    def test_shuffled_pictures(self, damage, pictures):
        rng = np.random.default_rng(3)
        files = sorted((pictures / 'fear/p4').iterdir())
        order = rng.permutation(len(files))
        transcode([cv2.imread(str(files[n]))[..., ::-1] for n in order],
                  damage.file('fear', 4), overwrite=True, **CODING)
        found = damage.look()
        assert found['frames-shuffled'].items == ('clips/fear/p4.mp4', )

    def test_order_of_a_long_clip(self, tmp_path):
        clip = render_clip(ClipItem(0, 'happy', 0, frames=160, size=64))
        names = sorted(range(1, 161), key=str)
        orders = dict(right=range(160), text=[n - 1 for n in names],
                      none=np.random.default_rng(0).permutation(160))
        for name, order in orders.items():
            transcode(clip[list(order)], tmp_path / f'{name}.mp4', **CODING)
        path = tmp_path / 'annotations.csv'
        path.write_text('path,label\n' + ''.join(
            f'{name}.mp4,happy\n' for name in orders))
        _, codes = look(path, detector='')
        assert codes['frame-order'].items == ('text.mp4', )
        assert codes['frames-shuffled'].items == ('none.mp4', )

    def test_a_single_picture_of_the_same_coding(self, damage, pictures):
        transcode([cv2.imread(str(pictures / 'fear/p4/1.png'))[..., ::-1]],
                  damage.file('fear', 4), overwrite=True, **CODING)
        found = damage.look()
        assert '1 I' in found['no-residual'].items[0]
        assert 'mixed-codecs' not in found

    def test_a_copy_that_takes_no_part(self, damage):
        for clip in damage.clips:
            del clip['split']
            clip['fold'] = int(clip['subject'][1:]) // 2 + 1
        shutil.copy(damage.file('fear', 4), damage.folder / 'clips/x.mp4')
        damage.clips.append(dict(path='clips/x.mp4', label='fear',
                                 subject='p4'))
        found = damage.look(detector='')
        assert found['duplicate'].severity == 'warning'
        assert 'duplicate-leak' not in found
        damage.clips[-1]['fold'] = 1
        assert 'duplicate-leak' in damage.look(detector='')

    def test_text_order_that_is_meant(self, pictures, tmp_path):
        settings = Settings('none', frame_order='lexicographic',
                            encoding=CODING)
        outcome = prepare_custom(pictures, tmp_path / 'out', settings,
                                 workers=0, progress=False)
        found, codes = look(outcome.annotations, detector='')
        assert codes['frame-order'].severity == 'info'
        assert len(codes['frame-order'].items) > 20
        assert found.exit_code == 0

    def test_a_file_that_ends_too_early(self, damage):
        path = damage.file('fear', 4)
        pictures = face_like(40, (64, 64))
        write_video(path, pictures, 'mpeg4')
        data = path.read_bytes()
        at = data.index(b'mdat')
        # The table of samples comes first in files that are streamed.
        moov = data.index(b'moov') - 4
        assert moov > at
        path.write_bytes(data[:at + 3000] + bytes(10) + data[moov:])
        found = damage.look()
        broken = {'clip-truncated', 'clip-damaged', 'clip-unreadable'}
        assert broken & set(found)

    def test_empty_residuals(self, damage):
        path = damage.file('fear', 4)
        with pytest.warns(UserWarning, match='nearly empty'):
            transcode(np.full((14, 64, 64, 3), 99, np.uint8), path,
                      overwrite=True, **CODING)
        found = damage.look()
        assert 'clips/fear/p4.mp4' in found['empty-residual'].items[0]
        assert found['empty-residual'].severity == 'warning'

    def test_pictures_without_residuals(self, damage):
        path = damage.file('fear', 4)
        transcode(face_like(6, (64, 64)), path, overwrite=True,
                  **dict(CODING, gop=1))
        assert '6 I' in damage.look()['no-residual'].items[0]

    def test_streams_that_have_no_exact_residual(self, damage):
        write_video(str(damage.file('fear', 4)), face_like(6, (64, 64)),
                    'vp9')
        found = damage.look()
        assert 'clips/fear/p4.mp4' in found['clip-unsupported'].items[0]

    def test_few_predicted_pictures_and_mixed_sizes(self, damage):
        transcode(face_like(30, (96, 96)), damage.file('fear', 4), 'h264',
                  overwrite=True, profile='stock')
        found = damage.look()
        assert {'few-predicted', 'mixed-sizes', 'mixed-codecs'} <= set(found)
        assert '96x96 (1: clips/fear/p4.mp4)' in found['mixed-sizes'].items


class TestFaces:

    @pytest.mark.filterwarnings('ignore:.*nearly empty')
    def test_uncut_pictures(self, tmp_path):
        clips = []
        for person in range(3):
            wall = np.full((12, 240, 320, 3), 100, np.uint8)
            wall[:, 20:84, 30:94] = render_clip(
                ClipItem(person, 'happy', 0, frames=12, size=64))
            transcode(wall, tmp_path / f'{person}.mp4')
            clips.append(dict(path=f'{person}.mp4', label='happy'))
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(dict(clips=clips)))
        _, codes = look(path)
        assert 'small-face' in codes
        assert '--crop clip' in codes['small-face'].advice

    def test_no_faces(self, tmp_path):
        for n in range(3):
            transcode(np.random.default_rng(n).integers(
                0, 255, (12, 64, 64, 3), np.uint8), tmp_path / f'{n}.mp4')
        path = tmp_path / 'annotations.csv'
        path.write_text('path,label\n' + ''.join(
            f'{n}.mp4,happy\n' for n in range(3)))
        found, codes = look(path)
        assert 'no-face' in codes and found.exit_code == 1
        _, codes = look(path, detector='')
        assert 'no-face' not in codes

    def test_side_of_the_face(self, tmp_path):
        clip = render_clip(ClipItem(0, 'happy', 0, frames=12, size=64))
        transcode(clip, tmp_path / 'a.mp4')
        facts = ClipExaminer().examine('a', tmp_path / 'a.mp4')
        assert .5 < facts.face <= 1


class TestAnnotations:

    def write(self, tmp_path, clips, classes=None):
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(dict(
            metainfo=dict(classes=classes) if classes else {}, clips=clips)))
        return look(path, detector='')[1]

    def test_classes(self, tmp_path):
        found = self.write(tmp_path, [dict(path='a', label='x')],
                           ['happy', 'sad'])
        assert found['unknown-class'].severity == 'error'
        assert found['empty-class'].items == ('happy', 'sad')

    def test_repeated_paths(self, tmp_path):
        found = self.write(tmp_path, [dict(path='a', label='x'),
                                      dict(path='a', label='y')])
        assert 'with different labels' in found['repeated-path'].message

    def test_persons_in_several_folds(self, tmp_path):
        found = self.write(tmp_path, [
            dict(path='a', label='x', subject='s', fold=1),
            dict(path='b', label='x', subject='s', fold=2),
            dict(path='c', label='x', fold=4)])
        assert found['subject-leak'].items == ('s (1: 1, 2: 1)', )
        assert found['unknown-subjects'].items == ('c', )
        assert '1, 2, 4' in found['fold-numbers'].message

    def test_person_0_is_known(self, tmp_path):
        found = self.write(tmp_path, [
            dict(path='a', label='x', subject=0, split='train'),
            dict(path='b', label='x', subject=0, split='test'),
            dict(path='c', label='x', subject=1, split='train')])
        assert found['subject-leak'].items == ('0 (train: 1, test: 1)', )
        assert 'unknown-subjects' not in found

    @pytest.mark.parametrize('folds, odd', [
        ((0, 1, 2), False), ((1, 2, 3), False), ((0, 2, 3), True),
        ((2, 3, 4), True), ((-1, 0, 1), True), ((None, 1, 2), False)])
    def test_fold_0_is_like_any_other(self, tmp_path, folds, odd):
        found = self.write(tmp_path, [
            dict(path=f'{n}{label}', label=label, subject=f's{n}', fold=fold)
            for n, fold in enumerate(folds)
            for label in ('x', 'y')[:1 if fold == 0 else 2]])
        assert ('fold-numbers' in found) == odd
        if 0 in folds:
            assert found['class-missing-in-part'].items == ('0: y', )
        if None in folds:
            assert found['no-fold'].items == ('0x', '0y')

    def test_splits_without_a_class_or_without_training(self, tmp_path):
        found = self.write(tmp_path, [
            dict(path='a', label='x', split='val'),
            dict(path='b', label='y', split='test')])
        assert found['class-missing-in-part'].severity == 'warning'
        assert found['class-missing-in-part'].items == ('test: x', 'val: y')
        assert 'no-train' in found

    def test_times(self, tmp_path):
        found = self.write(tmp_path, [
            dict(path='a', label='x', onset=9, apex=5, offset=20),
            dict(path='b', label='x', onset=1, apex=5, offset=5)])
        assert found['onset-apex-offset'].items == ('a', )

    def test_counts_of_a_complete_copy(self, tmp_path):
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(dict(
            metainfo=dict(dataset='ckplus', classes=['sad', 'happy']),
            clips=[dict(path='a', label='sad')])))
        _, codes = look(path, detector='')
        assert 'a complete copy has 327' in codes['count-clips'].message

    def test_files_that_nobody_names(self, damage):
        removed = damage.clips.pop()
        assert damage.look(detector='')['stray-files'].items == (
            removed['path'], )


class TestCommand:

    @pytest.fixture
    def main(self, capsys):
        spec = importlib.util.spec_from_file_location('doctor_tool', TOOL)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def run(*arguments):
            with pytest.raises(SystemExit) as end:
                module.main([*map(str, arguments), '--workers', '0',
                             '--quiet'])
            return (end.value.code, *capsys.readouterr())
        return run

    def test_codes_text_and_json(self, main, damage, tmp_path):
        damage.clip('happy', 0)['split'] = 'test'
        damage.path.write_text(json.dumps(damage.content))
        code, out, _ = main(damage.path, '--detector', '', '--json',
                            tmp_path / 'report.json')
        assert code == 2
        assert 'error: 1 of 6 persons are in more than one split' in out
        assert '-> put all clips of a person into one split' in out
        report = json.loads((tmp_path / 'report.json').read_text())
        assert report['exit_code'] == 2
        assert report['findings'][0]['code'] == 'subject-leak'

    def test_nothing_to_examine(self, main, tmp_path):
        code, _, err = main(tmp_path / 'none.json')
        assert code == 3 and 'no such annotation file' in err
        assert main(tmp_path, '--no-such-option')[0] == 3
        code, _, err = main(tmp_path)
        assert code == 3 and str(tmp_path / 'annotations.json') in err
        assert main(tmp_path, '--sample', '-1')[0] == 3

    def test_a_folder_stands_for_its_annotations(self, main, damage):
        assert main(damage.path.parent, '--detector', '')[:2] == \
            main(damage.path, '--detector', '')[:2]


def test_remote_clips_are_not_looked_into(damage):
    damage.clips.extend([
        dict(path='s3://bucket/a.mp4', label='happy'),
        dict(path='https://host/b.mp4', label='happy')])
    for sample in (0, 3):
        found = damage.look(sample=sample, detector='')
        assert found['clip-remote'].severity == 'warning'
        assert found['clip-remote'].items == (
            's3://bucket/a.mp4', 'https://host/b.mp4')
        assert 'clip-missing' not in found
    # The same with a remote folder, or with nothing else in the file.
    found = damage.look(folder='s3://bucket', detector='')
    assert len(found['clip-remote'].items) == len(damage.clips)
    assert 'clip-missing' not in found


def test_a_sample_still_looks_for_all_files(damage):
    damage.file('fear', 5).unlink()
    found = damage.look(sample=3, detector='')
    assert found['clip-missing'].items == ('clips/fear/p5.mp4', )


def test_clips_that_only_train_take_part():
    """Beside a tested copy, or another clip of a tested person, they leak."""
    clips = [dict(path=f'{n}.mp4', label=label, subject=subject, fold=fold)
             for n, (label, subject, fold) in enumerate(
                 (('a', 's1', 1), ('b', 's2', 2), ('a', 's3', 1),
                  ('b', 's4', 2)))]
    more = dict(path='x.mp4', label='a', subject='s5', train_only=True)

    def codes(clip):
        return {finding.code: finding for finding in check_annotations(
            dict(classes=['a', 'b']), clips + [clip])}

    assert not {'no-fold', 'subject-leak'} & set(codes(more))
    leak = codes(dict(more, subject='s1'))['subject-leak']
    assert 's1 (1: 1, train_only: 1)' in leak.items[0]
