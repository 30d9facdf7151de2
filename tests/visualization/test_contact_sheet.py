# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The contact sheet shows clips of every class, readable or not."""
import json

import cv2
import numpy as np
import pytest

from mmfer.codec import transcode
from mmfer.datasets import AnnotationError
from mmfer.testing import face_like
from mmfer.visualization.contact_sheet import (choose_clips,
                                               draw_contact_sheet, read_cells)


@pytest.fixture(scope='module')
def annotations(tmp_path_factory):
    """Two classes and a broken clip; names with marks of formulas."""
    folder = tmp_path_factory.mktemp('sheet')
    clips = []
    for number in range(3):
        name = f'clip$_{number}$é.mp4'
        transcode(face_like(20, (48, 64), number), folder / name)
        clips.append(dict(path=name, label='ab'[number % 2], split='train'))
    clips[0]['apex'] = 15
    (folder / 'broken.mp4').write_bytes(b'no video')
    clips.append(dict(path='broken.mp4', label='b', split='test'))
    path = folder / 'annotations.json'
    path.write_text(json.dumps(dict(
        metainfo=dict(dataset='x', classes=['a', 'b', 'empty']),
        clips=clips)))
    return path


def clips_of(persons, label='a', takes=3):
    return [dict(path=f'{label}{p}{take}', label=label, subject=p)
            for p in persons for take in range(takes)]


def test_as_many_persons_as_possible():
    chosen = choose_clips(clips_of('xyz') + clips_of('xyz', 'b'), ['a', 'b'],
                          per_class=3)
    for shown in chosen.values():
        assert {clip['subject'] for clip in shown} == set('xyz')
    few = choose_clips(clips_of('x', takes=2), ['a', 'b'], per_class=3)
    assert len(few['a']) == 2 and few['b'] == []


def test_the_choice_depends_on_the_seed_alone():
    clips = clips_of('uvwxyz')
    first = choose_clips(clips, ['a'], 2)
    assert choose_clips(clips[::-1], ['a'], 2) == first
    assert any(choose_clips(clips, ['a'], 2, seed) != first
               for seed in range(1, 5))


def test_cells_are_of_the_asked_picture(annotations):
    clip = annotations.parent / 'clip$_0$é.mp4'
    cells = read_cells(clip, 15)
    assert (cells['index'], cells['pictures']) == (15, 20)
    assert cells['frame'].shape == (64, 48, 3)
    single = read_cells(clip, 15, mode='single')['residual']
    assert not (single.y == cells['residual'].y).all()
    assert read_cells(clip)['index'] == 10
    assert read_cells(clip, 99)['index'] == 19


def test_the_page_has_a_row_per_class_and_three_columns_per_clip(
        annotations, tmp_path):
    sizes = {}
    for per_class in (1, 3):
        out = draw_contact_sheet(annotations, tmp_path / f'{per_class}.png',
                                 per_class=per_class, dpi=60)
        page = cv2.imread(str(out))
        sizes[per_class] = page.shape
        # Residuals are grey in their middle, and there is text.
        assert (np.abs(page.astype(int) - 128).max(2) < 6).sum() > 500
        assert (page.max(2) < 60).sum() > 100
    assert sizes[3][0] == sizes[1][0]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        '1.png', '3.png']


def test_one_split(annotations, tmp_path):
    whole = draw_contact_sheet(annotations, tmp_path / 'a.png', dpi=60)
    part = draw_contact_sheet(annotations, tmp_path / 'b.pdf', split='test')
    assert part.read_bytes().startswith(b'%PDF') and whole.exists()
    with pytest.raises(AnnotationError, match="no clip of split 'dev'"):
        draw_contact_sheet(annotations, tmp_path / 'c.png', split='dev')


def test_wrong_arguments(annotations, tmp_path):
    with pytest.raises(ValueError, match='`mode` is one of chained, single'):
        draw_contact_sheet(annotations, tmp_path / 'a.png', mode='double')


def test_a_name_without_suffix(annotations, tmp_path):
    with pytest.raises(ValueError, match='sheet: .* end it with .png, .pdf'):
        draw_contact_sheet(annotations, tmp_path / 'sheet')
    assert not list(tmp_path.iterdir())


def _changed(annotations, tmp_path, classes, label=None):
    content = json.loads(annotations.read_text())
    content['metainfo']['classes'] = classes
    for clip in content['clips']:
        clip['label'] = label or clip['label']
    path = tmp_path / 'changed.json'
    path.write_text(json.dumps(content))
    return path


def test_classes_with_marks_of_formulas(annotations, tmp_path):
    name = '$a_$ \\frac{'
    path = _changed(annotations, tmp_path, [name], name)
    draw_contact_sheet(path, tmp_path / 'sheet.png', annotations.parent,
                       per_class=1, dpi=40)
    assert cv2.imread(str(tmp_path / 'sheet.png')) is not None


def test_no_clip_of_any_class(annotations, tmp_path):
    path = _changed(annotations, tmp_path, ['other', 'more'])
    with pytest.raises(AnnotationError, match='of the classes other, more; '):
        draw_contact_sheet(path, tmp_path / 'sheet.png', annotations.parent)
