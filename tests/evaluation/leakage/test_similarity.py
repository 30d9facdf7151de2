# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('sklearn')

from sklearn.discriminant_analysis import \
    LinearDiscriminantAnalysis  # noqa: E402

from mmfer.evaluation.leakage import (cosine_similarities,  # noqa: E402
                                      project, verify)
from mmfer.testing.planted_identity import balanced_design  # noqa: E402


def hidden(subjects, seed):
    """Identity in four weak channels below eight strong ones of expression."""
    labels, people = balanced_design(subjects, 5, 4)
    generator = np.random.default_rng(seed)
    expression = 10 * np.random.default_rng(99).standard_normal((5, 8))
    identity = generator.standard_normal((subjects, 4))
    codes = np.c_[expression[labels], identity[people]]
    return codes + 0.2 * generator.standard_normal(codes.shape), labels, people


def test_whitening_and_discriminant_find_what_the_raw_cosine_hides():
    codes, labels, people = hidden(12, 1)
    others, _, other_people = hidden(30, 2)
    errors = {
        space: verify(cosine_similarities(projected), labels,
                      people).equal_error_rate
        for space, projected in project(codes, others, other_people).items()
    }
    assert set(errors) == {'raw', 'whitened', 'lda'}
    assert errors['raw'] > 0.4
    assert errors['whitened'] < 0.35
    assert errors['lda'] < 0.2


def test_whitened_codes_have_unit_covariance():
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal((6, 6))
    codes = generator.standard_normal((20000, 6)) @ mixing + 5
    white = project(codes)['whitened']
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(white.T), np.eye(6), atol=0.02)


def test_the_discriminant_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(8), 2000)
    codes = generator.standard_normal((8, 10))[people] + \
        generator.standard_normal((16000, 10)) @ generator.standard_normal(
            (10, 10))
    tested = generator.standard_normal((50, 10))
    ours = project(tested, codes, people)['lda']
    model = LinearDiscriminantAnalysis('eigen').fit(codes, people)
    theirs = (tested - codes.mean(axis=0)) @ model.scalings_[:, :7]
    np.testing.assert_allclose(
        cosine_similarities(ours), cosine_similarities(theirs), atol=0.02)


def test_codes_that_do_not_vary_are_all_alike():
    codes = np.full((12, 5), 0.1)
    for projected in project(codes, codes + 1, np.arange(12) % 3).values():
        assert len(np.unique(cosine_similarities(projected))) == 1


def test_persons_without_any_spread_are_told_apart():
    people = np.repeat(np.arange(4), 3)
    codes = np.eye(4)[people]
    others = np.repeat(np.arange(4), 5)
    lda = project(codes, np.eye(4)[others], others)['lda']
    np.testing.assert_array_equal(
        cosine_similarities(lda) > 0.9, people[:, None] == people)


def test_without_other_persons_there_is_no_discriminant():
    codes = np.random.default_rng(0).standard_normal((20, 4))
    assert set(project(codes)) == {'raw', 'whitened'}
    assert set(project(codes, codes)) == {'raw', 'whitened'}
    assert set(project(codes, codes, np.zeros(20))) == {'raw', 'whitened'}
