# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math
from itertools import permutations

import numpy as np
import pytest

pytest.importorskip('sklearn')

from sklearn.metrics import average_precision_score  # noqa: E402

from mmfer.evaluation.leakage import (average_precision,  # noqa: E402
                                      cosine_similarities, reidentify)
from mmfer.testing.planted_identity import (balanced_design,  # noqa: E402
                                            plant_identity)

DESIGN = balanced_design(6, 4, 3)


def similarity(writing, **kwargs):
    return cosine_similarities(plant_identity(*DESIGN, writing, **kwargs))


@pytest.mark.parametrize('gallery, chance', [
    ('different_expression', 1 / 6),
    ('same_expression', 2 / 17),
])
def test_chance_is_the_share_of_the_person(gallery, chance):
    result = reidentify(similarity('constant'), *DESIGN, gallery)
    assert result.rank1 == pytest.approx(chance)
    assert result.chance_rank1 == pytest.approx(chance)
    assert result.mean_average_precision == pytest.approx(
        result.chance_mean_average_precision)
    assert result.num_probes == 72


def test_a_person_is_found_across_expressions():
    person = np.eye(6)[DESIGN[1]]
    result = reidentify(cosine_similarities(person), *DESIGN)
    assert result.rank1 == result.mean_average_precision == 1
    assert result.standard_error == 0


def test_the_expression_does_not_help():
    codes = np.eye(4)[DESIGN[0]]
    result = reidentify(cosine_similarities(codes), *DESIGN)
    assert result.rank1 == pytest.approx(1 / 6)
    values = [reidentify(similarity('absent', seed=seed), *DESIGN).rank1
              for seed in range(8)]
    # The standard error of the mean is about 0.016.
    assert np.mean(values) == pytest.approx(1 / 6, abs=0.05)


def test_a_personal_way_of_showing_an_expression_is_found_within_it():
    cell = DESIGN[0] * 6 + DESIGN[1]
    codes = np.random.default_rng(0).standard_normal((24, 64))[cell]
    found = cosine_similarities(codes)
    assert reidentify(found, *DESIGN, 'same_expression').rank1 == 1
    assert reidentify(found, *DESIGN).rank1 < 0.4


def test_precision_without_ties_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    for _ in range(20):
        scores = generator.standard_normal(17)
        relevant = generator.random(17) < 0.3
        relevant[0] = True
        assert average_precision(scores, relevant) == pytest.approx(
            average_precision_score(relevant, scores))


def test_precision_with_ties_is_the_mean_over_all_orders():
    scores = np.array([3, 1, 1, 1, 1, 0, 0])
    relevant = np.array([0, 1, 0, 1, 0, 1, 0], dtype=bool)
    values = []
    for order in permutations(range(7)):
        order = np.array(order)
        if (np.diff(scores[order]) > 0).any():
            continue
        hits = relevant[order]
        values.append((np.cumsum(hits) / np.arange(1, 8))[hits].mean())
    assert len(values) == 48
    assert average_precision(scores, relevant) == pytest.approx(
        np.mean(values))


def test_nobody_to_be_found_gives_no_number():
    result = reidentify(np.ones((3, 3)), [0, 1, 2], ['a', 'b', 'c'])
    assert math.isnan(result.rank1) and result.num_probes == 0
    with pytest.raises(ValueError, match="got 'all'"):
        reidentify(np.ones((3, 3)), [0, 1, 2], ['a', 'b', 'c'], 'all')
