# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Lists and sheets as releases and repositories write them.

The rows below are excerpts of published files: format facts, not made up.
"""
import pytest

from mmfer.datasets.adapters import AdapterError
from mmfer.datasets.adapters.lists import (find_lists, name_labels,
                                           read_class_index, read_lists)
from mmfer.datasets.adapters.tables import (clip_key, decode, label_base,
                                            read_label_list, read_sheet)
from mmfer.datasets.adapters.words import expression_name

DFEW = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize('data, rows', [
    # DFEW, comma, header, zeros in front.
    ('video_name,label\n00001,1\n00002,2\n',
     [('00001', '1'), ('00002', '2')]),
    # FERV39k as released: a space, no header.
    ('Action/Sad/0010 Sad\r\nCrime/Angry/0063 Angry\r\n',
     [('Action/Sad/0010', 'Sad'), ('Crime/Angry/0063', 'Angry')]),
    # FERV39k as a repository copies it.
    ('path,id\r\nInterview/Happy/0118,3\r\n', [('Interview/Happy/0118', '3')]),
    # MAFW without captions, CRLF.
    ('03747.mp4 anger\r\n03785.mp4 anger\r\n',
     [('03747', 'anger'), ('03785', 'anger')]),
    # MAFW with captions: tabs, GBK, Chinese and English.
    ('00025.mp4\tanger\t一个男人大声讲话。\tA man talks loudly.\r\n'.encode(
        'gbk'), [('00025', 'anger')]),
    # A byte order mark and spreadsheet separators.
    ('\ufeffvideo_name;label\r\n00001;7\r\n', [('00001', '7')]),
])
def test_read_label_list(tmp_path, data, rows):
    assert read_label_list(write(tmp_path / 'list.csv', data)) == rows


def test_a_line_without_label_is_named(tmp_path):
    path = write(tmp_path / 'a.csv', 'video_name,label\n00001,1\n00002\n')
    with pytest.raises(AdapterError, match=r"a\.csv: line 3 is '00002'"):
        read_label_list(path)
    with pytest.raises(AdapterError, match='empty list'):
        read_label_list(write(tmp_path / 'b.csv', 'video_name,label\n'))


def test_decode():
    text = '愤怒 anger'
    for encoding in ('utf-8', 'utf-8-sig', 'utf-16', 'gbk', 'gb18030'):
        assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize('name, key', [
    ('00025.mp4', '00025'), ('Action\\Sad\\0010', 'Action/Sad/0010'),
    ('a/b.c/', 'a/b.c'), ('000046280.AVI', '000046280')])
def test_clip_key(name, key):
    assert clip_key(name) == key


def test_label_base_is_detected_over_all_lists():
    assert label_base([1, 7, 3], 7, 'x') == 1
    assert label_base([0, 5, 6], 7, 'x') == 0
    with pytest.raises(AdapterError, match=r'\[5, 6\] fit both 0..6 and 1..7'):
        label_base([6, 5, 6], 7, 'x')
    with pytest.raises(AdapterError, match='fit neither'):
        label_base([0, 7], 7, 'x')


def test_one_list_may_lack_classes(tmp_path):
    # The first rows of the training list alone cannot tell the base.
    for fold, rows in ((1, '02522,5\n02578,6\n'), (2, '00018,0\n00011,4\n')):
        write(tmp_path / f'test/set_{fold}.csv', 'video_name,label\n' + rows)
    lists = find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'], ['test'], 2)
    rows, findings = read_lists(tmp_path, 'X', lists, DFEW)
    assert rows == {('test', 1): [('02522', 'disgust'), ('02578', 'fear')],
                    ('test', 2): [('00018', 'happy'), ('00011', 'surprise')]}
    assert findings == []


def test_lists_that_contradict_each_other(tmp_path):
    # Training lists of a copy that counts otherwise, both seemingly whole.
    write(tmp_path / 'test/set_1.csv', 'a,1\nb,7\nc,2\n')
    write(tmp_path / 'train/set_1.csv', 'a,2\nb,7\nc,1\n')
    lists = find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'],
                       ['test', 'train'], 1)
    rows, findings = read_lists(tmp_path, 'X', lists, DFEW)
    assert rows['test', 1] == [('a', 'happy'), ('b', 'fear'), ('c', 'sad')]
    assert [f.code for f in findings] == ['label-conflict']
    assert findings[0].items == ('a (happy and sad)', 'c (sad and happy)')


def test_a_clip_with_two_labels_in_lists_of_one_kind(tmp_path):
    write(tmp_path / 'test/set_1.csv', 'a,1\nb,7\nb,2\nc,2\n')
    # What the test list says settles it for d; nothing does for b and e.
    write(tmp_path / 'test/set_2.csv', 'd,3\n')
    write(tmp_path / 'train/set_1.csv', 'd,3\nd,4\ne,1\ne,6\ne,1\n')
    write(tmp_path / 'train/set_2.csv', 'a,1\nb,7\nc,2\nc,2\n')
    lists = find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'],
                       ['test', 'train'], 2)
    rows, findings = read_lists(tmp_path, 'X', lists, DFEW, 1)
    assert rows == {
        ('test', 1): [('a', 'happy'), ('c', 'sad')],
        ('test', 2): [('d', 'neutral')],
        ('train', 1): [('d', 'neutral'), ('d', 'neutral')],
        ('train', 2): [('a', 'happy'), ('c', 'sad'), ('c', 'sad')]}
    assert [(f.severity, f.code, f.items) for f in findings] == [
        ('error', 'label-conflict', ('b (fear and sad)', 'e (happy and disgust'
                                     ')')),
        ('error', 'label-conflict', ('d (neutral and angry)', ))]


def test_words_that_are_no_expression():
    rows, unknown = name_labels([('a', 'Happy'), ('b', 'bored')], 'x')
    assert rows == [('a', 'happy')] and unknown == ['b (bored)']


def test_numbers_without_order_are_refused():
    with pytest.raises(AdapterError, match='label_order'):
        name_labels([('a', '3')], 'list')


def test_missing_lists_are_named(tmp_path):
    with pytest.raises(AdapterError, match=r'no X lists; looked for '
                       r'test/set_1.csv there and up to two'):
        find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'], ['test'], 2)
    write(tmp_path / 'test/set_1.csv', 'a,1\n')
    with pytest.raises(AdapterError, match='list test/set_2.csv is missing'):
        find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'], ['test'], 2)


@pytest.mark.parametrize('text, names', [
    ('Angry 0\r\nDisgust 1\r\nFear 2\r\n', ['angry', 'disgust', 'fear']),
    ("0: 'Anger',\n1: 'Anxiety',\n2: 'contempt',\n",
     ['angry', 'anxiety', 'contempt']),
])
def test_read_class_index(tmp_path, text, names):
    index = read_class_index(write(tmp_path / 'index.txt', text))
    assert [index[i] for i in range(3)] == names


def test_a_number_with_two_names(tmp_path):
    path = write(tmp_path / 'index.txt', 'Angry 0\nSad 1\nFear 1\n')
    with pytest.raises(AdapterError, match='index.txt: 1 is sad and fear'):
        read_class_index(path)


def test_numbers_as_data_frames_write_them(tmp_path):
    for fold, rows in ((1, '02522,6.0\n02578,7.0\n'), (2, '00018,1.0\n')):
        write(tmp_path / f'test/set_{fold}.csv', 'video_name,label\n' + rows)
    lists = find_lists(tmp_path, 'X', ['{role}/set_{fold}.csv'], ['test'], 2)
    rows, findings = read_lists(tmp_path, 'X', lists, DFEW)
    assert rows == {('test', 1): [('02522', 'disgust'), ('02578', 'fear')],
                    ('test', 2): [('00018', 'happy')]}
    assert findings == []


@pytest.mark.parametrize('word, name', [
    ('Happiness', 'happy'), ('HAP', 'happy'), ('sa', 'sad'),
    ('fearful', 'fear'), ('Angry', 'angry'), ('Other', 'others'),
    ('anger_disgust_contempt', 'angry_disgust_contempt'), ('bored', None),
    ('happiness_bored', None), ('', None)])
def test_expression_name(word, name):
    assert expression_name(word) == name


COLUMNS = {'clip': ('Filename', ), 'apex': ('ApexFrame', 'Apex Frame')}


def test_sheet_header_below_explanations(tmp_path):
    openpyxl = pytest.importorskip('openpyxl')
    book = openpyxl.Workbook()
    for number in range(13):
        book.active.append([f'note {number}'])
    for row in (['Subject', 'Filename', 'Apex Frame'], [6, '006_1_2', 5562.0],
                [None, None, None], ['007', '007_3_1', '/']):
        book.active.append(row)
    book.save(tmp_path / 'codes.xlsx')
    assert read_sheet(tmp_path / 'codes.xlsx', COLUMNS) == [
        {'clip': '006_1_2', 'apex': '5562'}, {'clip': '007_3_1', 'apex': '/'}]


def test_sheet_saved_as_csv(tmp_path):
    path = write(tmp_path / 'c.csv', '\ufeffSubject;file name;APEX_FRAME\r\n'
                                     '1;EP02_01f;59\r\n')
    assert read_sheet(path, COLUMNS) == [{'clip': 'EP02_01f', 'apex': '59'}]
    with pytest.raises(AdapterError, match='names the columns Filename, Apex'):
        read_sheet(write(tmp_path / 'd.csv', 'a,b\n1,2\n'), COLUMNS)


def test_a_sheet_that_is_none(tmp_path):
    pytest.importorskip('openpyxl')
    path = write(tmp_path / 'x.xlsx', b'not a zip')
    with pytest.raises(AdapterError, match=r'x\.xlsx: not a readable'):
        read_sheet(path, COLUMNS)
