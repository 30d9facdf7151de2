# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('sklearn')

from mmfer.evaluation.leakage import probe_identity  # noqa: E402
from mmfer.evaluation.leakage.probes import KINDS  # noqa: E402
from mmfer.evaluation.leakage.folds import PROTOCOLS  # noqa: E402
from mmfer.evaluation.leakage.uncertainty import \
    clustered_standard_error  # noqa: E402
from mmfer.testing.planted_identity import (balanced_design,  # noqa: E402
                                            confounded_design, plant_identity)

# A probe that did not converge says nothing.
pytestmark = pytest.mark.filterwarnings('error')
DESIGN = balanced_design(8, 5, 4)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_a_person_who_is_written_openly_is_read(kind, protocol):
    features = plant_identity(*DESIGN, 'perfect', channels=32)
    result = probe_identity(features, *DESIGN, kind, protocol)
    assert result.accuracy > 0.97
    assert result.chance == pytest.approx(1 / 8)
    assert result.excess == pytest.approx(result.accuracy - 1 / 8)
    assert result.num_clips == 160


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_only_the_mlp_reads_what_is_written_by_exclusive_or(protocol):
    features = plant_identity(*DESIGN, 'nonlinear', channels=12, noise=0.2)
    linear = probe_identity(features, *DESIGN, 'linear', protocol)
    mlp = probe_identity(features, *DESIGN, 'mlp', protocol)
    assert abs(linear.excess) < 0.15
    assert mlp.accuracy > 0.85


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_codes_of_the_expression_alone_are_read_at_chance(kind, protocol):
    # Two takes: with random folds this would be clearly below chance.
    labels, subjects = balanced_design(10, 5, 2)
    excess = [
        probe_identity(
            plant_identity(labels, subjects, 'absent', 8, seed=seed), labels,
            subjects, kind, protocol, seed=seed).excess
        for seed in range(4 if kind == 'linear' else 2)
    ]
    # A standard deviation of one run is about 0.03.
    assert abs(np.mean(excess)) < 0.06


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_constant_codes_are_read_exactly_at_chance(kind, protocol):
    features = plant_identity(*DESIGN, 'constant')
    result = probe_identity(features, *DESIGN, kind, protocol)
    assert result.excess == 0


def test_where_persons_prefer_expressions_the_bare_label_reads_as_much():
    # Whoever knows the expression guesses the person who prefers it.
    labels, subjects = confounded_design(6, 3, often=8, seldom=2)
    codes = plant_identity(labels, subjects, 'absent', noise=0.1)
    result = probe_identity(codes, labels, subjects)
    control = probe_identity(np.eye(3)[labels], labels, subjects)
    assert result.excess > 0.05
    assert result.excess == pytest.approx(control.excess, abs=0.1)


def test_persons_who_cannot_be_learned_are_not_asked_for():
    labels, subjects = balanced_design(4, 3, 2)
    labels, subjects = np.r_[labels, 0], np.r_[subjects, 99]
    features = plant_identity(labels, subjects, 'perfect')
    result = probe_identity(features, labels, subjects)
    assert result.num_clips == 24
    # One expression each: nobody is seen with another one.
    alone = probe_identity(features[:6], np.arange(6) // 2, np.arange(6) // 2,
                           protocol='expression_disjoint')
    assert math.isnan(alone.accuracy) and alone.num_clips == 0


def test_equal_seeds_give_equal_results():
    labels, subjects = balanced_design(5, 3, 3)
    features = plant_identity(labels, subjects, 'nonlinear', noise=0.5)
    first, again = (probe_identity(features, labels, subjects, 'mlp', seed=3)
                    for _ in range(2))
    assert first == again


def test_the_probe_is_blind_to_shift_and_scale_of_a_channel():
    features = plant_identity(*DESIGN, 'perfect', noise=2.)
    scale = np.random.default_rng(0).uniform(.01, 100, features.shape[1])
    first = probe_identity(features, *DESIGN)
    moved = probe_identity(features * scale + 7, *DESIGN)
    assert moved.accuracy == pytest.approx(first.accuracy, abs=0.02)
    assert 0.3 < first.accuracy < 0.95


def test_standard_error_of_single_clips_is_the_usual_one():
    values = np.random.default_rng(0).standard_normal(30)
    assert clustered_standard_error(values, np.arange(30)) == pytest.approx(
        values.std(ddof=1) / math.sqrt(30))


def test_standard_error_does_not_shrink_by_repeating_clips():
    values = np.random.default_rng(0).standard_normal(30)
    assert clustered_standard_error(
        np.tile(values, 4), np.tile(np.arange(30), 4)) == pytest.approx(
            clustered_standard_error(values, np.arange(30)))
    assert math.isnan(clustered_standard_error([1., 2.], ['a', 'a']))


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="got 'tree'"):
        probe_identity(np.zeros((2, 1)), [0, 1], [0, 1], 'tree')
