# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folders and tables of one's own: what is a clip, who is in it, who tests."""
import csv
import json
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import mmfer
from mmfer.datasets import AnnotationError, FERDataset
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import PreparationError, Settings
from mmfer.datasets.preparation.commands import prepare_custom
from mmfer.datasets.preparation.custom import (CustomSetError, count_classes,
                                               scan_csv, scan_folder,
                                               with_subjects)
from mmfer.datasets.preparation.partition import add_partition
from mmfer.testing import face_like, write_video

TOOL = Path(mmfer.__file__).parent.parent / 'tools' / 'data' / 'prepare.py'
WHOLE = Settings('none', encoding=dict(codec='mpeg4', size=[32, 32]))


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def found(root, **options):
    clips, findings = scan_folder(root, **options)
    return {clip.name: clip for clip in clips}, [f.code for f in findings]


class TestFolders:

    def test_videos_pictures_and_archives_at_any_depth(self, tmp_path):
        touch(tmp_path, 'happy/a b.mp4', 'happy/deep/er/ü#1.AVI',
              'sad/seq/1.jpg', 'sad/seq/2.jpg', 'sad/z.zip',
              'sad/.hidden/x.mp4', 'sad/._z.mp4', 'sad/notes.txt',
              '__MACOSX/happy/a.mp4')
        clips, codes = found(tmp_path)
        assert {n: c.label for n, c in clips.items()} == {
            'happy/a b': 'happy', 'happy/deep/er/ü#1': 'happy',
            'sad/seq': 'sad', 'sad/z': 'sad'}
        assert clips['sad/seq'].source == tmp_path / 'sad/seq'
        assert not codes

    def test_folders_of_splits(self, tmp_path):
        touch(tmp_path, 'Train/happy/a.mp4', 'validation/happy/b.mp4',
              'test/sad/c.mp4')
        clips, _ = found(tmp_path)
        assert {n: (c.split, c.label) for n, c in clips.items()} == {
            'Train/happy/a': ('train', 'happy'),
            'validation/happy/b': ('val', 'happy'),
            'test/sad/c': ('test', 'sad')}

    def test_a_class_may_be_called_test(self, tmp_path):
        touch(tmp_path, 'test/a.mp4', 'other/b.mp4')
        clips, _ = found(tmp_path)
        assert {c.label: c.split for c in clips.values()} == {
            'test': None, 'other': None}

    def test_names_that_would_be_one_are_told_apart(self, tmp_path):
        touch(tmp_path, 'x/a.mp4', 'x/a.avi', 'x/A.mov', 'x/b.mp4')
        assert set(found(tmp_path)[0]) == {
            'x/a_mp4', 'x/a_avi', 'x/A_mov', 'x/b'}

    def test_pictures_without_a_folder_of_their_own(self, tmp_path):
        touch(tmp_path, 'x/1.jpg', 'x/2.jpg', 'y/a.mp4', 'loose.mp4')
        clips, codes = found(tmp_path)
        assert set(clips) == {'y/a'} and codes == ['loose-files']

    def test_classes_that_are_numbers_need_names(self, tmp_path):
        touch(tmp_path, '0/a.mp4', '1/b.mp4')
        with pytest.raises(CustomSetError, match='0, 1 are numbers'):
            scan_folder(tmp_path)
        clips, _ = found(tmp_path, names={'0': 'happy', '1': 'sad'})
        assert clips['0/a'].label == 'happy'

    def test_nothing(self, tmp_path):
        with pytest.raises(CustomSetError, match='no video and no folder'):
            scan_folder(tmp_path)
        with pytest.raises(CustomSetError, match='no such folder'):
            scan_folder(tmp_path / 'x')

    def test_an_archive_of_class_folders(self, tmp_path):
        path = tmp_path / 'set.zip'
        with zipfile.ZipFile(path, 'w') as file:
            for name in ('set/happy/a.mp4', 'set/sad/s/1.png',
                         'set/sad/s/2.png'):
                file.writestr(name, b'')
        clips, _ = found(path)
        assert {n: (c.label, c.member) for n, c in clips.items()} == {
            'happy/a': ('happy', 'set/happy/a.mp4'),
            'sad/s': ('sad', 'set/sad/s')}


class TestTables:

    def test_columns_are_carried_through(self, tmp_path):
        (tmp_path / 't.csv').write_text(
            'path,label,subject,split,apex,light\n'
            'a/ü 1.mp4,happy,anna,train,7,dark\n../b.avi,sad,,,,\n',
            encoding='utf-8-sig')
        first, second = scan_csv(tmp_path / 't.csv')
        assert (first.name, first.apex, first.split, first.extra) == (
            'a/ü 1', 7, 'train', {'light': 'dark'})
        assert first.source == tmp_path / 'a/ü 1.mp4'
        assert (second.name, second.subject, second.apex) == ('b', None, None)
        assert scan_csv(tmp_path / 't.csv', '/data')[0].source == Path(
            '/data/a/ü 1.mp4')

    @pytest.mark.parametrize('text, message', [
        ('path,label\n', 'names no clip'),
        ('path,label\na.mp4,x\n./a.mp4,y\n', 'named twice'),
        ('path,label\na.mp4,3\n', 'not a number'),
        ('file;label\n', 'column label, path is missing')])
    def test_what_cannot_be_understood(self, tmp_path, text, message):
        (tmp_path / 't.csv').write_text(text)
        with pytest.raises(AnnotationError, match=message):
            scan_csv(tmp_path / 't.csv')

    def test_another_encoding(self, tmp_path):
        (tmp_path / 't.csv').write_bytes(
            'path,label\nä.mp4,x\n'.encode('latin-1'))
        with pytest.raises(AnnotationError, match='not written in UTF-8'):
            scan_csv(tmp_path / 't.csv')


def clips_of(*names):
    return [SourceClip(name, Path('x'), name.split('/')[0]) for name in names]


class TestSubjects:

    @pytest.mark.parametrize('regex, expected', [
        (r'_(s\d+)_', 's1'), (r's\d+', 's1'),
        (r'(\w+)_(?P<subject>s\d)', 's1')])
    def test_groups(self, regex, expected):
        clips, findings = with_subjects(clips_of('happy/x_s1_2'), regex)
        assert clips[0].subject == expected and not findings

    def test_some_do_not_match(self):
        clips, findings = with_subjects(clips_of('a/s1', 'a/nobody7'), r's\d')
        assert [clip.subject for clip in clips] == ['s1', None]
        assert findings[0].items == ('a/nobody7', )

    @pytest.mark.parametrize('regex, message', [
        ('(', 'not a regular expression'), ('zz', 'matches none')])
    def test_useless(self, regex, message):
        with pytest.raises(CustomSetError, match=message):
            with_subjects(clips_of('a/s1'), regex)


def population(persons=10, classes='abc', takes=2):
    return [SourceClip(f'{label}/s{p}_{take}', Path('x'), label,
                       subject=f's{p}')
            for label in classes for p in range(persons)
            for take in range(takes)]


class TestPartition:

    @pytest.mark.parametrize('options, key', [
        (dict(shares=[.6, .2, .2]), 'split'), (dict(folds=3), 'fold')])
    def test_persons_stay_together(self, options, key):
        clips, findings = add_partition(population(), **options)
        where = defaultdict(set)
        for clip in clips:
            where[clip.subject].add(getattr(clip, key))
        assert all(len(parts) == 1 for parts in where.values())
        assert not findings
        sizes = Counter(next(iter(parts)) for parts in where.values())
        assert sizes == ({'train': 6, 'val': 2, 'test': 2} if key == 'split'
                         else {1: 4, 2: 3, 3: 3})

    def test_the_order_of_the_files_does_not_matter(self):
        clips = population()
        first = {c.name: c.split for c in add_partition(clips, [.5, .5])[0]}
        again = {c.name: c.split
                 for c in add_partition(clips[::-1], [.5, .5])[0]}
        assert first == again and set(first.values()) == {'train', 'test'}

    @pytest.mark.parametrize('options', [
        dict(shares=[.7, .1, .2]), dict(folds=5)])
    def test_without_persons_classes_are_even_and_it_is_said(self, options):
        clips = [SourceClip(f'{label}/{n}', Path('x'), label)
                 for label in 'ab' for n in range(20)]
        parted, findings = add_partition(clips, **options)
        assert [f.code for f in findings] == ['unknown-subjects']
        assert 'too good' in findings[0].message
        key = 'fold' if 'folds' in options else 'split'
        for label in 'ab':
            counts = Counter(getattr(clip, key) for clip in parted
                             if clip.label == label)
            expected = {n: 4 for n in range(1, 6)} if key == 'fold' else {
                'train': 14, 'val': 2, 'test': 4}
            assert counts == expected
        assert add_partition(clips[::-1], **options)[0] == parted[::-1]

    def test_a_zero_share_leaves_a_split_out(self):
        clips, _ = add_partition(population(), [.8, 0, .2])
        assert {clip.split for clip in clips} == {'train', 'test'}

    @pytest.mark.parametrize('options, message', [
        (dict(shares=[1.]), 'takes the shares'),
        (dict(shares=[.5, -.5]), 'takes the shares'),
        (dict(folds=11), '11 folds of 10 persons'),
        (dict(shares=[.5, .5], folds=2), 'not both')])
    def test_what_cannot_be_met(self, options, message):
        with pytest.raises(CustomSetError, match=message):
            add_partition(population(), **options)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Two classes, four persons, odd names."""
    root = tmp_path_factory.mktemp('videos') / 'mes vidéos'
    for label in ('joyeux', 'très triste'):
        (root / label).mkdir(parents=True)
        for person in range(4):
            write_video(root / label / f'p{person} #ü.mp4',
                        face_like(6, (32, 32), person), 'h264_plain')
    return root


class TestWhole:

    def test_folder_to_data_set(self, videos, tmp_path):
        outcome = prepare_custom(
            videos, tmp_path / 'out', WHOLE, subject_regex=r'p\d',
            split=[.5, .25, .25], workers=0, progress=False)
        assert (outcome.done, outcome.findings) == (8, [])
        data = FERDataset('annotations.json', [], split='test',
                          data_root=str(tmp_path / 'out'))
        assert {data.get_data_info(n)['subject']
                for n in range(len(data))} == {'p3'}
        assert data.metainfo['classes'] == ('joyeux', 'très triste')
        assert data.metainfo['protocol'] == 'split'
        with open(tmp_path / 'out' / 'partition.csv') as file:
            rows = list(csv.DictReader(file))
        assert rows[3] == dict(subject='p3', split='test', clips='2')

    def test_folds(self, videos, tmp_path):
        outcome = prepare_custom(
            videos, tmp_path / 'out', WHOLE, subject_regex=r'p\d', folds=2,
            workers=0, progress=False)
        clips = json.loads(outcome.annotations.read_text('utf-8'))['clips']
        assert {(c['subject'], c['fold']) for c in clips} == {
            ('p0', 1), ('p1', 2), ('p2', 1), ('p3', 2)}

    def test_own_splits_are_not_overruled(self, tmp_path):
        touch(tmp_path, 'in/train/a/1.mp4', 'in/test/a/2.mp4')
        with pytest.raises(CustomSetError, match='have a split already'):
            prepare_custom(tmp_path / 'in', tmp_path / 'out', WHOLE, folds=2)

    def test_sources_and_clips_are_kept_apart(self, videos):
        with pytest.raises(PreparationError, match='choose a folder else'):
            prepare_custom(videos, videos / 'out', WHOLE)

    @pytest.mark.parametrize('arguments, said', [
        (['--out', 'file'], 'file'),
        (['--out', 'out', '--crop', 'none', '--option', 'bogus=1'],
         'the encoder mpeg4 has no option bogus'),
        (['--out', 'out', '--folds', '-1'], "'-1' is no whole number"),
    ])
    def test_silly_arguments(self, videos, tmp_path, arguments, said):
        (tmp_path / 'file').write_text('')
        done = subprocess.run(
            [sys.executable, str(TOOL), 'custom', '--root', str(videos),
             '--quiet', '--workers', '0', *arguments], cwd=tmp_path,
            capture_output=True, text=True, encoding='utf-8')
        assert done.returncode in (1, 2)
        assert said in done.stderr.splitlines()[-1]
        assert 'Traceback' not in done.stderr

    def test_command(self, videos, tmp_path):
        done = subprocess.run(
            [sys.executable, str(TOOL), 'custom', '--root', str(videos),
             '--out', str(tmp_path / 'out'), '--crop', 'none', '--size', '32',
             '--codec', 'h264', '--profile', 'stock', '--workers', '0',
             '--subject-regex', r'p\d', '--folds', '2',
             '--option', 'preset=ultrafast'],
            capture_output=True, text=True, encoding='utf-8')
        assert done.returncode == 0, done.stderr
        assert '8 clips, 0 kept out; 8 made now' in done.stdout
        note = json.loads((tmp_path / 'out/prepare.json').read_text())
        assert note['settings']['encoding'] == dict(
            codec='h264', profile='stock', gop=12, crf=18, size=[32, 32],
            options={'preset': 'ultrafast'})


def test_counts_are_in_natural_order():
    assert list(count_classes(clips_of('c10/a', 'c9/a'))) == ['c9', 'c10']
