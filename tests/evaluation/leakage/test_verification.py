# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('sklearn')

from scipy.stats import norm  # noqa: E402
from sklearn.metrics import roc_curve  # noqa: E402

from mmfer.evaluation.leakage import (cosine_similarities,  # noqa: E402
                                      equal_error_rate, operating_curve,
                                      true_accepts_at, verify)
from mmfer.testing.planted_identity import balanced_design  # noqa: E402

DESIGN = balanced_design(5, 3, 2)


def test_rates_of_two_gaussians_are_those_of_the_closed_form():
    generator = np.random.default_rng(0)
    genuine = np.repeat([True, False], 100000)
    scores = generator.standard_normal(200000) + 1.5 * genuine
    curve = operating_curve(scores, genuine)
    assert equal_error_rate(*curve) == pytest.approx(
        norm.cdf(-0.75), abs=0.005)
    for rate in (0.1, 0.01):
        assert true_accepts_at(rate, *curve) == pytest.approx(
            norm.cdf(1.5 + norm.ppf(rate)), abs=0.01)


def test_the_curve_with_ties_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 6, 80)
    genuine = generator.random(80) < 0.4
    expected = roc_curve(genuine, scores, drop_intermediate=False)[:2]
    for ours, theirs in zip(operating_curve(scores, genuine), expected):
        np.testing.assert_allclose(ours, theirs)


def test_equal_scores_verify_nothing():
    result = verify(np.ones((30, 30)), *DESIGN)
    assert result.equal_error_rate == 0.5
    assert result.true_accepts_at_1e_1 == pytest.approx(0.1)
    assert result.true_accepts_at_1e_2 == pytest.approx(0.01)


def test_perfect_scores_verify_everything():
    person = cosine_similarities(np.eye(5)[DESIGN[1]])
    for pairs, genuine in (('all', 5 * 15), ('same_expression', 5 * 3),
                           ('different_expression', 5 * 12)):
        result = verify(person, *DESIGN, pairs)
        assert result.equal_error_rate == 0
        assert result.true_accepts_at_1e_2 == 1
        assert result.num_genuine == genuine
    assert verify(person, *DESIGN).num_impostor == 30 * 29 // 2 - 75


def test_the_expression_misleads_unless_it_is_the_same():
    labels, subjects = DESIGN
    codes = np.c_[3 * np.eye(3)[labels], np.eye(5)[subjects]]
    scores = cosine_similarities(codes)
    assert verify(scores, *DESIGN).equal_error_rate > 0.25
    same = verify(scores, *DESIGN, 'same_expression')
    assert same.equal_error_rate == 0


def test_missing_pairs_give_no_number():
    result = verify(np.ones((3, 3)), [0, 1, 2], ['a', 'b', 'c'])
    assert math.isnan(result.equal_error_rate)
    assert (result.num_genuine, result.num_impostor) == (0, 3)
    with pytest.raises(ValueError, match="got 'some'"):
        verify(np.ones((2, 2)), [0, 1], [0, 1], 'some')
