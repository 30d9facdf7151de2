# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest

pytest.importorskip('mmaction')

from mmfer.datasets import AnnotationError, read_annotations  # noqa: E402


def _write(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding='utf-8')
    return str(path)


def test_json_and_csv_say_the_same(tmp_path):
    clips = [
        dict(path='a.mp4', label='sad', subject='x', split='train', fold=1,
             apex=7),
        dict(path='b c.mp4', label='happy', subject='y', split='test', fold=2)
    ]
    as_json = _write(tmp_path / 'a.json',
                     dict(metainfo=dict(classes=['happy', 'sad']),
                          clips=clips))
    as_csv = _write(
        tmp_path / 'a.csv',
        '\ufeffpath,label,subject,split,fold,apex\n'
        'a.mp4,sad,x,train,1,7\nb c.mp4,happy,y,test,2,\n')
    meta_json, clips_json = read_annotations(as_json)
    meta_csv, clips_csv = read_annotations(as_csv)
    assert clips_json == clips_csv == clips
    assert meta_json['classes'] == meta_csv['classes'] == ['happy', 'sad']


def test_class_order_is_that_of_the_file(tmp_path):
    path = _write(
        tmp_path / 'a.json',
        dict(metainfo=dict(classes=['sad', 'happy']),
             clips=[dict(path='a', label='happy')]))
    assert read_annotations(path)[0]['classes'] == ['sad', 'happy']


@pytest.mark.parametrize('name, content, words', [
    ('a.json', '{', 'not a JSON file'),
    ('a.json', '[]', '"clips"'),
    ('a.json', dict(clips=[dict(path='x')]), 'clip 0 has no label'),
    ('a.json', dict(clips=[dict(path='x', label=3)]), 'not a number'),
    ('a.json', dict(clips=[dict(path='x', label='a', apex='soon')]),
     "apex is 'soon'"),
    ('a.json', dict(clips=[dict(path='x', label='a', fold=1.7)]),
     'fold is 1.7'),
    ('a.json', dict(clips=[dict(path='x', label='a', fold=True)]),
     'fold is True'),
    ('a.json', dict(clips=[dict(path='x', label='3.0')]), 'not a number'),
    ('a.json', dict(clips=[dict(path='x', label='-1')]), 'not a number'),
    ('a.csv', 'file,label\nx,happy\n', 'column path is missing'),
    ('a.txt', 'x 1', '.json or .csv'),
])
def test_a_bad_file_is_refused_with_its_name(tmp_path, name, content, words):
    path = _write(tmp_path / name, content)
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path)
    assert words in str(caught.value) and path in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.json'):
        read_annotations(str(tmp_path / 'nowhere.json'))


def test_columns_are_found_in_spite_of_blanks(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('path, label , subject\na.mp4, sad, ben\n')
    _, clips = read_annotations(str(path))
    assert clips == [dict(path='a.mp4', label='sad', subject='ben')]


@pytest.mark.parametrize('text, said', [
    ('path;label\na.mp4;sad\n', 'path;label'),
    ('Path,label\na.mp4,sad\n', r'Path \| label'),
    ('path,label\na.mp4,3\n', 'not a number'),
])
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, said):
    path = tmp_path / 'a.csv'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=said):
        read_annotations(str(path))


def test_numbers_are_persons_and_whole_floats_are_whole(tmp_path):
    clips = [dict(path='a', label='sad', subject=0, fold=2.0, apex='7.0'),
             dict(path='b', label='sad', subject='', fold=0, onset=None)]
    _, found = read_annotations(_write(tmp_path / 'a.json',
                                       dict(clips=clips)))
    assert found == [
        dict(path='a', label='sad', subject='0', fold=2, apex=7),
        dict(path='b', label='sad', fold=0)
    ]


def test_train_only(tmp_path):
    clips = [dict(path='a', label='sad', train_only=flag)
             for flag in (True, 'False', '1', 1.0, 0.0, None, '')]
    _, found = read_annotations(_write(tmp_path / 'a.json',
                                       dict(clips=clips)))
    assert [clip.get('train_only') for clip in found] == [
        True, False, True, True, False, None, None]
    with pytest.raises(AnnotationError, match="train_only is 'maybe'"):
        read_annotations(_write(tmp_path / 'b.json', dict(
            clips=[dict(path='a', label='sad', train_only='maybe')])))


def test_what_spreadsheets_write(tmp_path):
    table = 'path,label,subject\nä.mp4,sad,ben\n,,\n'
    path = tmp_path / 'a.csv'
    path.write_text(table, encoding='utf-8-sig')
    _, clips = read_annotations(str(path))
    assert clips == [dict(path='ä.mp4', label='sad', subject='ben')]
    (tmp_path / 'b.json').write_text('\ufeff{"clips": []}', encoding='utf-8')
    assert read_annotations(str(tmp_path / 'b.json'))[1] == []
    for encoding in ('cp1252', 'utf-16'):
        path.write_text(table, encoding=encoding)
        with pytest.raises(AnnotationError, match='a.csv: is not written in UTF-8'):
            read_annotations(str(path))
