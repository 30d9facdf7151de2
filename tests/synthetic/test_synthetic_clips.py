# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures show what scripts say, and are functions of their names alone."""
import cv2
import numpy as np
import pytest

from mmfer.synthetic import CLASSES, ClipItem, SyntheticFaces, render_clip
from mmfer.synthetic.action_units import both_sides
from mmfer.synthetic.contact_sheet import sheet_of_clips, still
from mmfer.synthetic.expressions import PROTOTYPES
from mmfer.synthetic.faces import (expression_activations, make_person,
                                   make_renderer, write_script)
from mmfer.synthetic.geometry import HALF_VIEW, VIEW_CENTRE, anchors

SMALL = dict(frames=16, size=64)


def forget():
    make_person.cache_clear()
    make_renderer.cache_clear()


def test_same_name_same_bytes_in_any_order():
    faces = SyntheticFaces(2, 1, **SMALL)
    forget()
    forward = [render_clip(item) for item in faces]
    forget()
    for i in np.random.default_rng(0).permutation(len(faces)):
        assert np.array_equal(render_clip(faces[i]), forward[i])


def test_clip_does_not_depend_on_the_catalogue():
    small = SyntheticFaces(2, 1, classes=('fear', 'happy'), **SMALL)
    large = SyntheticFaces(9, 3, **SMALL)
    assert {item.name for item in small} <= {item.name for item in large}
    assert set(small.items) <= set(large.items)


@pytest.mark.parametrize('change', [
    dict(seed=1), dict(subject=1), dict(take=1), dict(label='sad')])
def test_another_name_gives_other_pictures(change):
    names = dict(subject=0, label='happy', take=0, seed=0, **SMALL)
    one = render_clip(ClipItem(**names)).astype(int)
    other = render_clip(ClipItem(**dict(names, **change))).astype(int)
    assert one.shape == other.shape == (16, 64, 64, 3)
    assert np.abs(one - other).mean() > 2


def test_pixels_use_the_range_and_are_not_flat():
    clip = render_clip(ClipItem(0, 'happy', 0, **SMALL))
    assert clip.dtype == np.uint8
    assert clip.std() > 20
    assert (clip == 255).mean() < 0.05


def changed_at(item, units):
    """Mean change at anchor points and far from the face."""
    size = item.size
    rest = still(item, np.zeros_like(both_sides({})))
    face = still(item, both_sides(units))
    change = np.abs(face.astype(float) - rest).mean(-1)
    change = cv2.GaussianBlur(change, (0, 0), 0.03 * size)
    unit = size / (2 * HALF_VIEW)

    def at(point):
        x, y = anchors(make_person(item.seed, item.subject).anatomy)[point]
        column = int((x - VIEW_CENTRE[0]) * unit + size / 2)
        row = int((y - VIEW_CENTRE[1]) * unit + size / 2)
        return change[row, column]
    return at, change


@pytest.mark.parametrize('unit, here, elsewhere', [
    ('AU1', 'brow_inner', 'lip_corner'), ('AU2', 'brow_outer', 'lip_corner'),
    ('AU4', 'brow_inner', 'lip_corner'), ('AU5', 'eye', 'lip_corner'),
    ('AU6', 'eye', 'chin'), ('AU7', 'eye', 'lip_corner'),
    ('AU9', 'nose_wing', 'chin'), ('AU10', 'upper_lip_side', 'brow_outer'),
    ('AU12', 'lip_corner', 'brow_outer'), ('AU15', 'lip_corner', 'brow_outer'),
    ('AU17', 'lower_lip', 'brow_outer'), ('AU20', 'lip_corner', 'brow_outer'),
    ('AU24', 'lower_lip', 'brow_outer'), ('AU25', 'lower_lip', 'brow_outer'),
    ('AU26', 'lower_lip', 'brow_outer'), ('AU27', 'lower_lip', 'brow_outer'),
    ('AU45', 'eye', 'lip_corner')])
def test_pictures_change_where_the_unit_acts(unit, here, elsewhere):
    gains = []
    for subject in range(3):
        at, change = changed_at(ClipItem(subject, 'neutral', 0), {unit: 0.9})
        gains.append((at(here), at(elsewhere)))
        # Nothing happens to the background.
        assert change[:30, :5].max() < 1.0
    inside, outside = np.mean(gains, 0)
    assert inside > 1.5
    assert inside > 4 * outside


def test_expression_is_largest_at_the_annotated_apex():
    for item in SyntheticFaces(4, 2):
        active, labels = expression_activations(item)
        if item.label == 'neutral':
            assert not active.any() and 'apex' not in labels
            continue
        total = np.abs(active).sum(1)
        assert labels['apex'] == total.argmax()
        assert 0 < labels['onset'] < labels['apex'] < item.frames
        assert total[0] < 0.02 * total.max()
        assert 0.3 <= labels['intensity'] <= 1.0
        if 'offset' in labels:
            assert labels['apex'] < labels['offset'] < item.frames
        else:
            assert labels['apex'] >= 0.9 * item.frames


def test_some_clips_end_at_apex_and_some_are_subtle():
    labels = [expression_activations(item)[1]
              for item in SyntheticFaces(12, 2) if item.label != 'neutral']
    ended = np.mean(['offset' not in label for label in labels])
    assert 0.15 < ended < 0.45
    assert min(label['intensity'] for label in labels) < 0.4
    assert max(label['intensity'] for label in labels) > 0.9


def test_core_units_of_the_class_are_active_at_the_apex():
    for item in SyntheticFaces(3, 1):
        active, labels = expression_activations(item)
        for unit in PROTOTYPES[item.label].core:
            reached = active[labels['apex']] @ both_sides({unit: 0.5})
            assert reached > 0.4 * labels['intensity'] * \
                PROTOTYPES[item.label].core[unit]


def test_distractors_occur_in_every_class_and_know_no_class():
    spread = {label: [] for label in CLASSES}
    for item in SyntheticFaces(25, 2):
        script, _ = write_script(item)
        acted, _ = expression_activations(item)
        rest = make_person(item.seed, item.subject).rest
        other = script.activations - acted - rest
        closing = script.activations @ both_sides({'AU45': 0.5})
        spread[item.label].append([
            np.ptp(script.pose, axis=0).sum(), closing.max() > 0.7,
            np.ptp(script.light, axis=0).sum(),
            np.ptp(other @ both_sides({'AU26': 0.5})) > 0.2])
    table = np.array([np.mean(spread[label], 0) for label in CLASSES])
    assert (table > 0).all()
    # Over 50 clips per class the means agree within their scatter.
    assert (table.max(0) < 2.2 * table.min(0)).all(), table


def test_neutral_clips_move():
    clip = render_clip(ClipItem(2, 'neutral', 0)).astype(float)
    later = np.abs(clip[6:] - clip[:-6]).mean()
    noise = np.abs(np.diff(clip[:, :4, :4], axis=0)).mean()
    assert later > 0.5 * noise
    assert later > 1.0


def test_resting_faces_are_as_large_as_expressions():
    faces = [make_person(0, s) for s in range(30)]
    rest = np.stack([p.rest for p in faces])
    acted = np.stack([0.65 * p.style.patterns[label] for p in faces
                      for label in CLASSES if label != 'neutral'])
    scatter = np.linalg.norm(rest - rest.mean(0), axis=1).mean()
    assert scatter > 0.6 * np.linalg.norm(acted, axis=1).mean()


def test_resting_faces_look_like_every_class():
    """Which prototype a resting face is nearest to differs by person."""
    prototypes = np.stack([both_sides(PROTOTYPES[label].core)
                           for label in CLASSES if label != 'neutral'])
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    nearest = [(prototypes @ make_person(0, s).rest).argmax()
               for s in range(60)]
    assert np.bincount(nearest, minlength=6).min() >= 3


@pytest.mark.parametrize('arguments, message', [
    (dict(num_subjects=0), 'num_subjects is 0'),
    (dict(num_subjects=2, size=100), 'size is 100'),
    (dict(num_subjects=2, frames=3), 'frames is 3'),
    (dict(num_subjects=2, classes=('happy', 'bored')), 'bored')])
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SyntheticFaces(**arguments)


@pytest.mark.parametrize('count, shares', [(60, (40, 5, 15)), (6, (3, 1, 2)),
                                           (3, (40, 5, 15)), (1, (1, 1, 1))])
def test_splits(count, shares):
    splits = SyntheticFaces(count, 1).splits(shares)
    counts = [sum(s == name for s, _ in splits)
              for name in ('train', 'val', 'test')]
    assert sum(counts) == count
    if count == 60:
        assert counts == [40, 5, 15]
    if count >= 3:
        assert min(counts) >= 1
    if count >= 5:
        assert {fold for _, fold in splits} == {1, 2, 3, 4, 5}


def test_contact_sheet_has_a_row_per_class():
    page = sheet_of_clips([0], columns=3, **SMALL)
    assert page.shape == (7 * 66 + 2, 78 + 3 * 66 + 2, 3)
