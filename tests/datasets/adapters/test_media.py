# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Clips are found in folders and archives, whatever lies around them."""
import zipfile

import pytest

from mmfer.datasets.adapters import AdapterError
from mmfer.datasets.adapters.layout import locate
from mmfer.datasets.adapters.media import MediaIndex
from mmfer.datasets.adapters.spans import (last_frame, numbered_span,
                                           picture_number)
from mmfer.testing import face_like, write_video


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return root


def test_keys_do_not_depend_on_the_folder_above(tmp_path):
    touch(tmp_path / 'flat', 'Action/Sad/0010/01.jpg')
    touch(tmp_path / 'deep', 'a/b/Action/Sad/0010/01.jpg')
    with zipfile.ZipFile(tmp_path / 'c.zip', 'w') as file:
        file.writestr('x/Action/Sad/0010/01.jpg', b'')
        file.writestr('x/Action/Sad/0010/02.jpg', b'')
        file.writestr('__MACOSX/x/Action/Sad/0010/._01.jpg', b'')
    for place in ('flat', 'deep', 'c.zip'):
        index = MediaIndex([tmp_path / place], depth=3)
        assert [medium.key for medium in index] == ['Action/Sad/0010']
    medium = index.get('Action/Sad/0010')
    assert medium.source == tmp_path / 'c.zip'
    assert medium.member == 'x/Action/Sad/0010'
    assert index.pictures(medium) == ['01.jpg', '02.jpg']


def test_debris_is_not_a_clip(tmp_path):
    touch(tmp_path, 'a.mp4', '._a.mp4', '.DS_Store', '.cache/b.mp4',
          'Thumbs.db', 'readme.txt')
    assert [m.key for m in MediaIndex([tmp_path])] == ['a']


def test_order_of_pictures(tmp_path):
    touch(tmp_path / 'clip', *(f'{i}.jpg' for i in range(1, 13)))
    natural = MediaIndex([tmp_path])
    medium = natural.get('clip')
    assert natural.pictures(medium)[:3] == ['1.jpg', '2.jpg', '3.jpg']
    assert natural.frames(medium) == ()
    assert last_frame(natural, medium) == {'apex': 11}
    shuffled = MediaIndex([tmp_path], frame_order='lexicographic')
    assert shuffled.frames(medium) == (
        '1.jpg', '10.jpg', '11.jpg', '12.jpg', '2.jpg', '3.jpg', '4.jpg',
        '5.jpg', '6.jpg', '7.jpg', '8.jpg', '9.jpg')
    # The last picture in time comes fourth.
    assert last_frame(shuffled, medium) == {'apex': 3}


def test_a_clip_in_two_places(tmp_path):
    touch(tmp_path, 'a/1.mp4', 'b/1.mp4')
    index = MediaIndex([tmp_path])
    assert len(index) == 1 and index.duplicates == ['1']
    assert index.get('1').source == tmp_path / 'a' / '1.mp4'


def test_an_archive_beside_what_it_was_unpacked_to(tmp_path):
    touch(tmp_path, 'a/1.mp4')
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
        file.writestr('1.mp4', b'')
        file.writestr('2.mp4', b'')
    # The same folder twice, once by way of the one above.
    index = MediaIndex([tmp_path / 'a.zip', tmp_path, tmp_path / 'a'])
    assert [m.source.name for m in index] == ['1.mp4', 'a.zip']
    assert index.duplicates == []


def test_places_that_are_kept_apart(tmp_path):
    touch(tmp_path, 'a/x/1.mp4', 'b/x/1.mp4')
    index = MediaIndex([tmp_path / 'a', tmp_path / 'b'], 2, apart=True)
    assert [m.key for m in index] == ['a/x/1', 'b/x/1']
    assert index.duplicates == []


def test_pictures_beside_clips_are_none(tmp_path):
    touch(tmp_path / 'a', 'preview.jpg', 'p1/readme.png', 'p1/x.jpg',
          'p1/happy/1.jpg', 'p1/happy/2.jpg', 'p2/1.mp4', 'p2/cover.jpg')
    with zipfile.ZipFile(tmp_path / 'b.zip', 'w') as file:
        for path in sorted((tmp_path / 'a').rglob('*.*')):
            file.write(path, path.relative_to(tmp_path))
    for place in (tmp_path / 'a', tmp_path / 'b.zip'):
        index = MediaIndex([place])
        assert [m.key for m in index] == ['1', 'happy']
        top = place / 'a' if place.suffix else place
        assert sorted(index.mixed) == [
            f'{top}/p1/readme.png and 1 more', f'{top}/p2/cover.jpg',
            f'{top}/preview.jpg']


def test_links_that_lead_upwards(tmp_path):
    touch(tmp_path / 'a', 'b/1.mp4')
    (tmp_path / 'a/b/up').symlink_to(tmp_path / 'a')
    (tmp_path / 'a/b/here').symlink_to('.')
    (tmp_path / 'a/self').symlink_to('self')
    index = MediaIndex([tmp_path / 'a'])
    assert [m.key for m in index] == ['1'] and index.duplicates == []
    # A link to elsewhere is followed.
    touch(tmp_path / 'disk', '2.mp4')
    (tmp_path / 'a/more').symlink_to(tmp_path / 'disk')
    assert [m.key for m in MediaIndex([tmp_path / 'a'])] == ['1', '2']


@pytest.mark.parametrize('form', ['./{}', '/{}'])
def test_names_in_an_archive(tmp_path, form):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
        for name in ('d/v.avi', 'd/v.xml', 'c/1.jpg', '.cache/w.avi'):
            file.writestr(form.format(name), name)
    index = MediaIndex([tmp_path / 'a.zip'])
    assert [(m.key, m.member) for m in index] == [('c', 'c'), ('v', 'd/v.avi')]
    assert index.beside(index.get('v'), '.xml') == b'd/v.xml'
    assert index.pictures(index.get('c')) == ['1.jpg']
    assert index.count_frames(index.get('v')) == 0


def test_not_an_archive(tmp_path):
    (tmp_path / 'x.zip').write_bytes(b'PK but no more')
    with pytest.raises(AdapterError, match=r'x\.zip: cannot be read as a zip'):
        MediaIndex([tmp_path / 'x.zip'])


def test_files_beside_a_video_and_its_length(tmp_path):
    (tmp_path / 'd').mkdir()
    write_video(tmp_path / 'd/v.avi', face_like(9, (64, 64)))
    (tmp_path / 'd/v.xml').write_text('<a/>')
    (tmp_path / 'd/session.xml').write_text('<b/>')
    with zipfile.ZipFile(tmp_path / 'd.zip', 'w') as file:
        for path in (tmp_path / 'd').iterdir():
            file.write(path, f'd/{path.name}')
    for place in ('d', 'd.zip'):
        index = MediaIndex([tmp_path / place])
        medium = index.get('v')
        assert index.beside(medium, '.xml') == b'<a/>'
        assert index.beside(medium, 'session.xml', True) == b'<b/>'
        assert index.beside(medium, '-oao_aucs.xml') is None
        assert index.count_frames(medium) == 9
    (tmp_path / 'd/w.avi').write_bytes(b'no video')
    index = MediaIndex([tmp_path / 'd'])
    assert index.count_frames(index.get('w')) == 0


def test_locate_prefers_the_first_pattern_then_the_least_depth(tmp_path):
    touch(tmp_path, 'x/y/best/f', 'second/f', 'x/second/f')
    assert locate(tmp_path, ['best', 'second']) == [tmp_path / 'x/y/best']
    assert locate(tmp_path, ['second']) == [tmp_path / 'second']
    assert locate(tmp_path, ['none'], required=False) == []
    with pytest.raises(AdapterError) as error:
        locate(tmp_path, ['none', 'nor*'], what='lists', title='X')
    assert str(error.value) == (
        f'{tmp_path}: no X lists; looked for none, nor* there and up to two '
        'folders deeper')


@pytest.mark.parametrize('name, number', [
    ('img46.jpg', 46), ('reg_img046.jpg', 46), ('006_05562.jpg', 5562),
    ('S005_001_00000011.png', 11), ('cover.jpg', None)])
def test_picture_number(name, number):
    assert picture_number(name) == number


def test_span_of_numbered_pictures(tmp_path):
    touch(tmp_path / 'c', *(f'img{i}.jpg' for i in range(98, 106)))
    index = MediaIndex([tmp_path])
    medium = index.get('c')
    assert numbered_span(index, medium, 99, 101, 103) == dict(
        frames=tuple(f'img{i}.jpg' for i in range(99, 104)), onset=0, apex=2,
        offset=4)
    assert numbered_span(index, medium, 99, 101, 103, whole=True) == dict(
        onset=1, apex=3, offset=5)
    # Nothing is named where all pictures are taken in natural order.
    assert numbered_span(index, medium, 98, None, 105) == dict(
        onset=0, offset=7)
    for wrong in ((99, 104, 103), (90, 99, 103), (None, 99, 103)):
        assert list(numbered_span(index, medium, *wrong)) == ['problem']
