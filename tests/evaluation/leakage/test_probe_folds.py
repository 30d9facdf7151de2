# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmfer.evaluation.leakage import make_folds
from mmfer.testing.planted_identity import balanced_design, confounded_design


def test_persons_give_the_same_expressions_to_each_fold():
    labels, subjects = balanced_design(6, 7, 2)
    folds = make_folds('clip_disjoint', labels, subjects, 5)
    for fold in range(5):
        given = [sorted(labels[(folds == fold) & (subjects == person)])
                 for person in range(6)]
        assert given[0] and all(one == given[0] for one in given)


def test_clips_of_a_person_and_expression_are_spread_over_folds():
    labels, subjects = confounded_design(4, 5, often=10, seldom=5)
    folds = make_folds('clip_disjoint', labels, subjects, 5)
    for person in range(4):
        for label in range(5):
            cell = folds[(subjects == person) & (labels == label)]
            counts = np.bincount(cell, minlength=5)
            assert counts.max() - counts.min() <= 1


def test_an_expression_lies_in_one_fold():
    labels, subjects = balanced_design(3, 7, 2)
    folds = make_folds('expression_disjoint', labels, subjects, 5)
    assert set(folds) == set(range(5))
    assert all(len(set(folds[labels == label])) == 1 for label in range(7))
    few = make_folds('expression_disjoint', labels % 2, subjects, 5)
    assert set(few) == {0, 1}


@pytest.mark.parametrize('protocol', ['clip_disjoint', 'expression_disjoint'])
def test_the_seed_decides_and_names_do_not(protocol):
    labels, subjects = balanced_design(5, 4, 3)
    folds = make_folds(protocol, labels, subjects, 3, seed=1)
    names = np.array(['d', 'e', 'f', 'g'])[labels]
    again = make_folds(protocol, names, subjects, 3, seed=1)
    np.testing.assert_array_equal(folds, again)
    others = [make_folds(protocol, labels, subjects, 3, seed=seed)
              for seed in range(2, 6)]
    assert any((folds != other).any() for other in others)


def test_no_fold_is_empty():
    folds = make_folds('clip_disjoint', [0, 0, 3], ['a', 'b', 'a'], 10)
    assert sorted(set(folds)) == list(range(len(set(folds))))


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match="got 'random'"):
        make_folds('random', [0, 1], [0, 1])
