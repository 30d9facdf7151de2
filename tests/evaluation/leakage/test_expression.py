# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('sklearn')

from mmfer.evaluation.leakage import (effective_rank,  # noqa: E402
                                      measure_expression)
from mmfer.testing.planted_identity import (balanced_design,  # noqa: E402
                                            plant_identity)

DESIGN = balanced_design(8, 4, 3)


def test_useful_codes_are_told_from_collapsed_ones():
    useful = measure_expression(plant_identity(*DESIGN, 'absent'), *DESIGN)
    assert useful.probe_UAR > 0.95 and useful.chance_UAR == 0.25
    dead = measure_expression(plant_identity(*DESIGN, 'constant'), *DESIGN)
    assert dead.probe_UAR == pytest.approx(0.25)
    assert dead.effective_rank == 0


def test_the_probe_is_asked_about_unseen_persons():
    # A random code per person and expression: known for seen persons only.
    cell = DESIGN[0] * 8 + DESIGN[1]
    codes = np.random.default_rng(0).standard_normal((32, 64))[cell]
    assert measure_expression(codes, *DESIGN).probe_UAR < 0.45


def test_the_model_is_judged_by_its_scores():
    labels = np.array([0, 0, 0, 1])
    scores = np.eye(2)[[0, 0, 1, 1]]
    result = measure_expression(
        np.random.default_rng(0).standard_normal((4, 3)), labels,
        np.array(['a', 'b', 'a', 'b']), scores)
    assert result.model_WAR == 0.75
    assert result.model_UAR == pytest.approx((2 / 3 + 1) / 2)
    alone = measure_expression(np.eye(4), labels, np.zeros(4))
    assert math.isnan(alone.probe_UAR) and math.isnan(alone.model_UAR)


@pytest.mark.parametrize('rank', [1, 3, 7])
def test_effective_rank_of_equal_directions_is_their_number(rank):
    codes = np.zeros((2 * rank, 10))
    codes[:rank, :rank] = np.eye(rank)
    codes[rank:, :rank] = -np.eye(rank)
    assert effective_rank(codes + 4) == pytest.approx(rank)
