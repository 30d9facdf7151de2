# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')

from mmfer.evaluation.leakage import estimate_information  # noqa: E402
from mmfer.evaluation.leakage.mutual_information import \
    ESTIMATORS  # noqa: E402
from mmfer.testing.planted_identity import balanced_design  # noqa: E402

DESIGN = balanced_design(10, 5, 6)


def gaussians(correlation, dimensions=3):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, dimensions))
    noise = generator.standard_normal((300, dimensions))
    y = correlation * x + math.sqrt(1 - correlation**2) * noise
    return x, y, -dimensions / 2 * math.log(1 - correlation**2)


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_estimates_of_gaussians_stay_below_the_truth_and_tell_much(estimator):
    x, y, truth = gaussians(0.9)
    assert truth == pytest.approx(2.49, abs=0.01)
    result = estimate_information(
        x, y, *DESIGN, estimator, num_steps=200, batch_size=40,
        hidden_channels=32, learning_rate=2e-3)
    # A mean over 150 clips has a standard error of about 0.1.
    assert 0.5 * truth < result.nats < truth + 0.3
    assert result.bound == ('none' if estimator == 'smile' else 'lower')
    assert result.num_clips == 300


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_independent_codes_share_no_information(estimator):
    # More dimensions than a critic could fail to overfit.
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, 30))
    y = generator.standard_normal((300, 30))
    result = estimate_information(x, y, *DESIGN, estimator, num_steps=60)
    assert abs(result.nats) < 0.1


def test_a_known_person_is_worth_the_logarithm_of_all_persons():
    person = np.eye(10)[DESIGN[1]]
    result = estimate_information(
        person, person, *DESIGN, num_steps=120, batch_size=40,
        hidden_channels=32, learning_rate=3e-3)
    assert result.nats == pytest.approx(math.log(10), abs=0.1)
    assert result.ceiling == pytest.approx(math.log(150), abs=0.1)


def test_constant_codes_share_no_information():
    person = np.eye(10)[DESIGN[1]]
    for estimator in ESTIMATORS:
        result = estimate_information(
            np.full((300, 3), 0.7), person, *DESIGN, estimator, num_steps=30)
        assert result.nats == pytest.approx(0, abs=1e-3)


def test_seeds_repeat_and_the_global_state_is_left_alone():
    x, y, _ = gaussians(0.5)
    state = torch.get_rng_state()
    first, again, other = (
        estimate_information(x, y, *DESIGN, num_steps=20, seed=seed).nats
        for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_estimated_is_named():
    x = np.zeros((10, 2))
    with pytest.raises(ValueError, match='10 clips are too few'):
        estimate_information(x, x, np.zeros(10), np.zeros(10))
    with pytest.raises(ValueError, match="got 'vclub'"):
        estimate_information(x, x, np.zeros(10), np.zeros(10), 'vclub')
