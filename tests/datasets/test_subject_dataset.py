# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS  # noqa: E402

from mmfer.datasets import AnnotationError, SubjectDataset  # noqa: E402
from mmfer.synthetic.faces import make_person  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _dataset(folder, **kwargs):
    return DATASETS.build(
        dict(type='mmfer.SubjectDataset', ann_file='annotations.json',
             data_root=str(folder), pipeline=[], **kwargs))


def _rows(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(i['label'], i['label_name'], i['expression'], i['path'])
            for i in infos]


def test_subjects_are_the_labels(labelled_folder):
    dataset = _dataset(labelled_folder, split='train')
    assert isinstance(dataset, SubjectDataset)
    assert dataset.metainfo['classes'] == ('s0', 's1')
    assert dataset.metainfo['task_name'] == 'face recognition'
    assert _rows(dataset)[:4] == [
        (0, 's0', 'happy', 'clips/s0_happy.mp4'),
        (0, 's0', 'sad', 'clips/s0_sad.mp4'),
        (0, 's0', 'fear', 'clips/s0_fear.mp4'),
        (1, 's1', 'happy', 'clips/s1_happy.mp4')
    ]
    assert dataset.get_cat_ids(3) == [1]


def test_in_test_there_are_no_classes_to_compare_with_the_head(
        labelled_folder):
    dataset = _dataset(labelled_folder, split='test', test_mode=True)
    assert 'classes' not in dataset.metainfo
    assert {row[1] for row in _rows(dataset)} == {'s3'}


def test_expressions_and_folds_can_be_chosen(labelled_folder):
    dataset = _dataset(labelled_folder, fold=1, classes=('sad', ))
    assert _rows(dataset) == [(0, 's1', 'sad', 'clips/s1_sad.mp4'),
                              (1, 's3', 'sad', 'clips/s3_sad.mp4')]


def test_subjects_are_in_natural_order(labelled_folder, tmp_path):
    content = json.loads((labelled_folder / 'annotations.json').read_text())
    names = dict(s0='s10', s1='s9', s2='s100', s3='x')
    for clip in content['clips']:
        clip['subject'] = names[clip['subject']]
    (tmp_path / 'annotations.json').write_text(json.dumps(content))
    dataset = _dataset(tmp_path, data_prefix=str(labelled_folder))
    assert dataset.metainfo['classes'] == ('s9', 's10', 's100', 'x')
    del content['clips'][1]['subject']
    (tmp_path / 'annotations.json').write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match='1 of 12 clips have no subject, '
                       'the first: clips/s0_sad.mp4'):
        _dataset(tmp_path, data_prefix=str(labelled_folder))


def test_another_seed_means_other_persons():
    """What the face network learned from is never in the expression data."""
    looks = set()
    for seed in (0, 1, 1000):
        for subject in range(40):
            person = make_person(seed, subject)
            looks.add((person.anatomy, person.rest.tobytes()))
    assert len(looks) == 120
