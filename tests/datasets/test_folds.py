# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folds are made of persons, and of nothing else."""
import random

import pytest

from mmfer.datasets.annotations import AnnotationError
from mmfer.datasets.folds import (fold_sizes, natural_key, order_subjects,
                                  protocol_folds, read_folds, split_subjects,
                                  subject_folds, write_folds)


def test_natural_order_reads_numbers_as_numbers():
    names = ['sub10', 'sub2', 'sub1', '1010', '1002', 'S001-010', 'S001-002']
    assert sorted(names, key=natural_key) == [
        '1002', '1010', 'S001-002', 'S001-010', 'sub1', 'sub2', 'sub10'
    ]
    # A total order, also of names that differ in zeros or case.
    assert sorted(['s1', 'S1', 's01'], key=natural_key) == \
        sorted(['s01', 's1', 'S1'], key=natural_key)


@pytest.mark.parametrize('rule', ['stride', 'contiguous'])
@pytest.mark.parametrize('count, num_folds', [(118, 10), (91, 5), (7, 7)])
def test_every_person_is_tested_once(count, num_folds, rule):
    names = [f's{i}' for i in range(1, count + 1)]
    folds = subject_folds(names, num_folds, rule)
    assert list(folds) == names
    sizes = fold_sizes(folds)
    assert list(sizes) == list(range(1, num_folds + 1))
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_order_and_number_of_clips_do_not_matter():
    names = [f's{i}' for i in range(1, 24)]
    clips = [name for name in names for _ in range(3)]
    random.Random(0).shuffle(clips)
    for protocol in ('loso', '5-fold', '5-fold-contiguous'):
        assert protocol_folds(clips, protocol) == \
            protocol_folds(names, protocol)


def test_sizes_that_published_lists_have():
    # CREMA-D: 18/18/18/18/19 actors. RAVDESS: actors 1-4, 5-8, ...
    sizes = fold_sizes(subject_folds(map(str, range(1001, 1092)), 5,
                                     'contiguous'))
    assert list(sizes.values()) == [18, 18, 18, 18, 19]
    folds = subject_folds([f'{i:02d}' for i in range(1, 25)], 6, 'contiguous')
    assert [n for n, fold in folds.items() if fold == 2] == \
        ['05', '06', '07', '08']
    # CK+: ids ascending, step 10.
    folds = subject_folds([f'S{i:03d}' for i in range(118)], 10)
    assert [n for n, fold in folds.items() if fold == 3][:3] == \
        ['S002', 'S012', 'S022']


def test_loso_counts_persons_from_one():
    assert subject_folds(['sub10', 'sub2', 'sub2']) == {'sub2': 1, 'sub10': 2}


def test_split_of_persons():
    names = [f's{i}' for i in range(10)]
    split = split_subjects(names, dict(train=7, val=1, test=2))
    assert [*split.values()] == ['train'] * 7 + ['val'] + ['test'] * 2
    # Nobody is left without a person, however small the share.
    small = split_subjects(names[:3], dict(train=.98, val=.01, test=.01))
    assert sorted(small.values()) == ['test', 'train', 'val']


@pytest.mark.parametrize('call, said', [
    (lambda: subject_folds(['a', 'b'], 3), 'between 2 and the number'),
    (lambda: subject_folds(['a', 'b'], 2, 'random'), 'contiguous'),
    (lambda: order_subjects(['a', None]), '1 of 2 clips have no subject'),
    (lambda: protocol_folds(['a', 'b'], 'five'), "'loso'"),
    (lambda: split_subjects(['a'], dict(train=1, test=1)), 'cannot fill'),
    (lambda: split_subjects(['a'], dict(train=0)), 'positive'),
])
def test_what_cannot_be_divided_is_said(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_fold_file_comes_back(tmp_path):
    folds = subject_folds(['s2', 's10', 's1', 'a, b'], 2)
    path = tmp_path / 'deep' / 'folds.csv'
    write_folds(path, folds)
    assert read_folds(path) == folds
    assert path.read_text().splitlines()[:2] == ['subject,fold', '"a, b",1']
    assert [p.name for p in path.parent.iterdir()] == ['folds.csv']


@pytest.mark.parametrize('text, said', [
    ('who,fold\na,1\n', 'name the columns subject,fold'),
    ('subject,fold\na,one\n', 'line 2'),
    ('subject,fold\na,1\na,2\n', 'folds 1 and 2'),
])
def test_a_wrong_fold_file_is_explained(tmp_path, text, said):
    path = tmp_path / 'folds.csv'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=said):
        read_folds(path)
    with pytest.raises(FileNotFoundError, match='no such fold file'):
        read_folds(tmp_path / 'none.csv')
