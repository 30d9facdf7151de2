# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')

from mmfer.evaluation.leakage import distance_correlation_test  # noqa: E402
from mmfer.models.dependence import \
    squared_distance_correlation  # noqa: E402


def by_definition(x, y):
    """Bias-corrected distance correlation with loops."""
    n = len(x)

    def centred(codes):
        d = [[math.dist(a, b) for b in codes] for a in codes]
        row = [sum(line) / (n - 2) for line in d]
        total = sum(map(sum, d)) / ((n - 1) * (n - 2))
        return [[0 if i == j else d[i][j] - row[i] - row[j] + total
                 for j in range(n)] for i in range(n)]

    a, b = centred(x), centred(y)

    def inner(a, b):
        return sum(a[i][j] * b[i][j] for i in range(n) for j in range(n))

    return inner(a, b) / math.sqrt(inner(a, a) * inner(b, b))


@pytest.mark.parametrize('seed', range(3))
def test_the_value_is_that_of_the_definition_and_of_the_penalty(seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((9, 3))
    y = generator.standard_normal((9, 2)) + x[:, :2]
    value = distance_correlation_test(x, y).distance_correlation
    assert value == pytest.approx(by_definition(x, y))
    penalty = squared_distance_correlation(
        torch.from_numpy(x), torch.from_numpy(y))
    assert value == pytest.approx(float(penalty), abs=1e-6)


def test_shift_rotation_and_scale_keep_everything():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((40, 5))
    rotation = np.linalg.qr(generator.standard_normal((5, 5)))[0]
    result = distance_correlation_test(x, 3 * x @ rotation + 2)
    assert result.distance_correlation == pytest.approx(1)
    assert result.p_value == pytest.approx(1 / 201)


def test_independent_codes_are_at_zero_on_average():
    generator = np.random.default_rng(0)
    results = [
        distance_correlation_test(
            generator.standard_normal((30, 20)),
            generator.standard_normal((30, 10)), num_permutations=99)
        for _ in range(60)
    ]
    # In a biased form the mean would be about 0.7.
    assert abs(np.mean([r.distance_correlation for r in results])) < 0.02
    # p-values of a true hypothesis are spread evenly.
    p = np.array([r.p_value for r in results])
    assert 0.35 < p.mean() < 0.65 and (p < 0.1).mean() < 0.25


def test_a_common_expression_is_not_taken_for_identity():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 20)
    code = generator.standard_normal((4, 6))[labels]
    x = code + 0.3 * generator.standard_normal(code.shape)
    y = code + 0.3 * generator.standard_normal(code.shape)
    result = distance_correlation_test(x, y, labels)
    assert result.p_value < 0.01
    assert result.p_value_within_expression > 0.05
    assert result.expected == pytest.approx(
        result.distance_correlation, abs=0.02)
    y += 0.3 * x  # something of its own
    result = distance_correlation_test(x, y, labels)
    assert result.p_value_within_expression < 0.01
    assert result.distance_correlation > result.expected


def test_codes_that_do_not_vary_tell_nothing():
    y = np.random.default_rng(0).standard_normal((10, 3))
    result = distance_correlation_test(np.full((10, 4), 0.3), y, np.arange(10))
    assert (result.distance_correlation, result.p_value) == (0, 1)
    assert result.p_value_within_expression == 1
    with pytest.raises(ValueError, match='at least 4; got 3 and 3'):
        distance_correlation_test(y[:3], y[:3])


def test_without_labels_there_is_no_value_within_expressions():
    y = np.random.default_rng(0).standard_normal((10, 3))
    result = distance_correlation_test(y, y)
    assert math.isnan(result.expected)
    assert math.isnan(result.p_value_within_expression)
