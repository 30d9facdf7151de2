# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Labels that contradict names or counts, and those that only seem to."""
import numpy as np
import pytest

from mmfer.datasets.adapters import get_adapter
from mmfer.datasets.doctor.label_checks import (check_label_meaning,
                                                find_permutation)
from mmfer.datasets.label_orders import LABEL_ORDERS

SEVEN = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


def check(paths_and_labels, classes=SEVEN, subjects=None, **metainfo):
    clips = [dict(path=path, label=label) for path, label in paths_and_labels]
    for clip, subject in zip(clips, subjects or ()):
        clip['subject'] = subject
    return {finding.code: finding for finding in check_label_meaning(
        dict(metainfo, classes=list(classes)), clips)}


def named(form, wrong=()):
    """Twenty clips per class, named by it; some labels are exchanged."""
    exchanged = dict(zip(SEVEN, SEVEN))
    exchanged.update(wrong)
    return [(form.format(label, n), exchanged[label])
            for label in SEVEN for n in range(20)]


@pytest.mark.parametrize('form', [
    'clips/{}/{}.mp4', 'clips/s{1}_{0}_x.mp4', 'Action/{}/{:04d}.mp4'])
def test_labels_that_agree_with_names(form):
    assert not check(named(form))


def test_other_spellings_of_the_same():
    assert not check([(f'clips/Happiness/{n}.mp4', 'happy')
                      for n in range(5)])


def test_two_classes_exchanged():
    found = check(named('clips/{}/{}.mp4', dict(happy='sad', sad='happy')))
    assert set(found) == {'label-contradicts-name'}
    assert len(found['label-contradicts-name'].items) == 40


def test_one_clip_mislabelled():
    rows = named('clips/{}/{}.mp4')
    rows[0] = (rows[0][0], 'fear')
    assert check(rows)['label-contradicts-name'].items == (
        f'{rows[0][0]}: fear', )


def test_a_wrong_order_of_all():
    shifted = dict(zip(SEVEN, SEVEN[1:] + SEVEN[:1]))
    found = check(named('clips/{}/{}.mp4', shifted))
    assert set(found) == {'label-order'}
    assert 'happy is labelled sad' in found['label-order'].items


def test_names_that_are_no_labels():
    """A person called Joy, a scene called fear."""
    rng = np.random.default_rng(0)
    rows = [(f'clips/{person}/{n}.mp4', str(rng.choice(SEVEN)))
            for n in range(40) for person in ('joy', 'fear', 'anna')]
    assert not check(rows)


def test_two_letters_are_a_person_rather_than_a_class():
    rows = [('clips/su_0.mp4', 'happy'), ('clips/an_1.mp4', 'sad'),
            ('clips/su/2.mp4', 'happy'), ('clips/an/3.mp4', 'sad')]
    assert not check(rows)
    # Even if there is a person for every class.
    rows += [('clips/ha/4.mp4', 'surprise'), ('clips/sa/5.mp4', 'angry'),
             ('clips/di/6.mp4', 'fear'), ('clips/fe/7.mp4', 'disgust'),
             ('clips/ne/8.mp4', 'sad'), ('clips/ha/9.mp4', 'fear')]
    assert not check(rows, subjects=[
        path.split('/', 1)[1].split('.')[0].split('_')[0].split('/')[0]
        for path, _ in rows])


def test_a_person_with_the_name_of_an_expression():
    rows = [(f'clips/{who}/{n}.mp4', label) for n in range(5)
            for who, label in (('Joy', 'sad'), ('Sur', 'fear'),
                               ('con', 'angry'))]
    assert not check(rows, subjects=['joy', 'sur', 'con'] * 5)


def test_two_letters_in_every_name():
    """As eNTERFACE05 writes them: a label that contradicts is found."""
    codes = dict(ha='happy', sa='sad', ne='neutral', an='angry',
                 su='surprise', di='disgust', fe='fear')
    rows = [(f'clips/s{n}/s{n}_{code}_1.mp4', label) for n in range(4)
            for code, label in codes.items()]
    assert not check(rows)
    rows[0] = (rows[0][0], 'fear')
    assert check(rows)['label-contradicts-name'].items == (
        'clips/s0/s0_ha_1.mp4: fear', )


def test_a_scene_beside_the_label():
    assert not check([(f'clips/fear/{label}/{n}.mp4', label)
                      for label in SEVEN for n in range(5)])


class TestCounts:

    def test_the_order_of_another_program(self):
        """FERV39k's counts under DFEW's order, and under its own."""
        adapter = get_adapter('ferv39k')
        counts = adapter.expected[next(iter(adapter.expected))].classes
        native = LABEL_ORDERS['ferv39k']['s2d'].classes
        foreign = LABEL_ORDERS['ferv39k']['mae-dfer'].classes
        wrong = {a: b for a, b in zip(native, foreign)}
        there = {wrong[name]: count // 10 for name, count in counts.items()}
        order = find_permutation(there, counts)
        assert all(order[wrong[name]] == name for name in counts
                   if wrong[name] != name)
        assert find_permutation(counts, counts) is None

    def test_it_is_said(self):
        adapter = get_adapter('ferv39k')
        counts = adapter.expected[next(iter(adapter.expected))].classes
        names = sorted(counts)
        wrong = dict(zip(names, names[1:] + names[:1]))
        rows = [(f'{n}.mp4', wrong[name]) for name in names
                for n in range(counts[name] // 20)]
        found = check(rows, names, dataset='ferv39k')
        assert 'label-order' in found
        assert 'angry should be surprise' in found['label-order'].items

    @pytest.mark.parametrize('seed', range(20))
    def test_samples_of_the_right_counts(self, seed):
        rng = np.random.default_rng(seed)
        shares = rng.dirichlet(np.ones(7))
        expected = dict(zip(SEVEN, (10000 * shares).astype(int) + 1))
        drawn = rng.choice(7, p=shares, size=int(rng.integers(25, 300)))
        there = {name: int((drawn == k).sum())
                 for k, name in enumerate(SEVEN)}
        assert find_permutation(there, expected) is None

    def test_even_counts_say_nothing(self):
        assert find_permutation({name: 50 for name in SEVEN},
                                dict(zip(SEVEN, range(10, 80, 10)))) is None

    def test_splits_of_different_orders(self):
        sizes = dict(zip(SEVEN, (700, 50, 300, 20, 150, 80, 10)))
        other = dict(zip(SEVEN, SEVEN[::-1]))
        clips = [dict(path=f'{split}{n}{name}.x', split=split,
                      label=name if split == 'train' else other[name])
                 for split, share in (('train', 1), ('test', 4))
                 for name, size in sizes.items()
                 for n in range(size // share)]
        # Names would tell; here only the counts do.
        for clip in clips:
            clip['path'] = str(abs(hash(clip['path'])))
        found = {f.code for f in check_label_meaning(
            dict(classes=list(SEVEN)), clips)}
        assert found == {'label-order-of-split'}
