# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folders and tables as people have them: links, odd names, strays."""
import json
import os

import pytest

from mmfer.codec.source_pictures import image_files
from mmfer.datasets import AnnotationError
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import PreparationError, Settings, prepare
from mmfer.datasets.preparation.commands import prepare_custom
from mmfer.datasets.preparation.custom import (CustomSetError, scan_csv,
                                               scan_folder)
from mmfer.testing import face_like, write_video

WHOLE = Settings('none', encoding=dict(codec='mpeg4', size=[32, 32]))


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def names_in(root):
    return [clip.name for clip in scan_folder(root)[0]]


class TestSplits:

    @pytest.mark.parametrize('stray', ['old takes/a.mp4', 'old takes/x/a.mp4'])
    def test_a_folder_beside_the_splits(self, tmp_path, stray):
        touch(tmp_path, 'train/happy/a.mp4', 'val/sad/b.mp4', stray)
        with pytest.raises(CustomSetError, match=(
                'train, val are names of splits, but not old takes; move')):
            scan_folder(tmp_path)

    def test_folders_without_clips_do_not_matter(self, tmp_path):
        touch(tmp_path, 'train/happy/a.mp4', 'notes/read me.txt')
        clip, = scan_folder(tmp_path)[0]
        assert (clip.split, clip.label) == ('train', 'happy')

    def test_a_clip_in_no_class_of_a_split(self, tmp_path):
        touch(tmp_path, 'train/happy/a.mp4', 'train/b.mp4')
        clips, findings = scan_folder(tmp_path)
        assert [clip.label for clip in clips] == ['happy']
        assert findings[0].items == ('train/b.mp4', )


class TestLinks:

    @pytest.mark.parametrize('target', ['.', '..', '../..'])
    def test_a_link_that_leads_upwards(self, tmp_path, target):
        touch(tmp_path, 'set/happy/a.mp4', 'set/sad/b.mp4')
        try:
            (tmp_path / 'set/happy/link').symlink_to(
                target, target_is_directory=True)
        except OSError:
            pytest.skip('no links here')
        assert names_in(tmp_path / 'set') == ['happy/a', 'sad/b']

    def test_other_links_are_followed(self, tmp_path):
        touch(tmp_path, 'elsewhere/a.mp4', 'set/sad/b.mp4')
        try:
            (tmp_path / 'set/happy').symlink_to(
                tmp_path / 'elsewhere', target_is_directory=True)
        except OSError:
            pytest.skip('no links here')
        assert names_in(tmp_path / 'set') == ['happy/a', 'sad/b']


class TestNames:

    def odd(self, tmp_path):
        path = tmp_path / 'happy' / os.fsdecode(b'f\xfcr.mp4')
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(b'')
        except OSError:
            pytest.skip('this file system takes UTF-8 names only')
        return path

    def test_names_that_are_not_utf_8_are_left_out(self, tmp_path):
        self.odd(tmp_path)
        touch(tmp_path, 'happy/a.mp4')
        clips, findings = scan_folder(tmp_path)
        assert [clip.name for clip in clips] == ['happy/a']
        assert findings[0].code == 'names-not-utf-8'
        assert findings[0].items == ('happy/f\\xfcr.mp4', )

    def test_they_are_refused_where_others_name_the_clips(self, tmp_path):
        path = self.odd(tmp_path)
        clip = SourceClip(path.stem, path, 'a')
        with pytest.raises(PreparationError, match=r'f\\xfcr: the name is not'):
            prepare([clip], tmp_path / 'out', dict(dataset='x', classes=['a']),
                    WHOLE, workers=0, progress=False)

    def test_a_root_with_such_a_name(self, tmp_path):
        root = tmp_path / os.fsdecode(b'\xe9t\xe9')
        try:
            (root / 'a').mkdir(parents=True)
        except OSError:
            pytest.skip('this file system takes UTF-8 names only')
        (tmp_path / 'x.mp4').write_bytes(b'no video')
        write_video(tmp_path / 'y.mp4', face_like(6, (32, 32), 0),
                    'h264_plain')
        for name in ('x.mp4', 'y.mp4'):
            os.rename(tmp_path / name, root / 'a' / name)
        outcome = prepare_custom(root, tmp_path / 'out', WHOLE, workers=0,
                                 progress=False)
        assert (outcome.done, outcome.reasons) == (1, {'unreadable': 1})
        content = json.loads(outcome.annotations.read_text('utf-8'))
        assert content['metainfo']['dataset'] == '\\xe9t\\xe9'

    def test_names_are_made_different_whatever_it_takes(self, tmp_path):
        touch(tmp_path, 'h/x.mp4', 'h/X.mp4', 'h/x_mp4.mp4', 'h/y.mp4')
        names = names_in(tmp_path)
        assert len({name.lower() for name in names}) == 4
        assert {'h/x_mp4', 'h/y'} <= set(names)
        assert names == names_in(tmp_path)

    def test_a_folder_that_is_called_like_a_picture(self, tmp_path):
        touch(tmp_path, 'clip/2.png', 'clip/1.png', 'clip/13.png/1.png')
        assert [file.name for file in image_files(tmp_path / 'clip')] == [
            '1.png', '2.png']


class TestTables:

    def test_a_table_from_windows(self, tmp_path):
        touch(tmp_path, 'happy/s01_a.mp4')
        (tmp_path / 't.csv').write_text('path,label\nhappy\\s01_a.mp4,happy\n')
        clip, = scan_csv(tmp_path / 't.csv')
        assert clip.name == 'happy/s01_a'
        assert clip.source == tmp_path / 'happy/s01_a.mp4'

    def test_paths_that_differ_only_in_where_they_start(self, tmp_path):
        (tmp_path / 't.csv').write_text(
            'path,label\n../v1/a.mp4,happy\nv1/a.mp4,happy\n')
        first, second = scan_csv(tmp_path / 't.csv')
        assert first.name != second.name
        assert first.source == tmp_path / '../v1/a.mp4'
        assert second.source == tmp_path / 'v1/a.mp4'

    def test_one_file_under_two_paths(self, tmp_path):
        (tmp_path / 't.csv').write_text(
            'path,label\nv1/a.mp4,happy\nv2/../v1/a.mp4,happy\n')
        with pytest.raises(AnnotationError, match=(
                r'named twice, the first is .*v1.a\.mp4; leave one')):
            scan_csv(tmp_path / 't.csv')


def test_who_is_where_is_not_told_of_an_earlier_run(tmp_path):
    (tmp_path / 'in/a').mkdir(parents=True)
    for number in range(2):
        write_video(tmp_path / f'in/a/s{number}.mp4',
                    face_like(6, (32, 32), number), 'h264_plain')

    def again(**options):
        prepare_custom(tmp_path / 'in', tmp_path / 'out', WHOLE, workers=0,
                       subject_regex=r's\d', progress=False, **options)
        return (tmp_path / 'out/partition.csv').exists()

    assert again(folds=2)
    assert not again()
    assert again(split=[.5, .5])
