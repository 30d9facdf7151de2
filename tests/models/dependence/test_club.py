# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The bounds that fit a conditional Gaussian."""
import math

import pytest
import torch
from torch.distributions import Normal

from mmfer.models.dependence import VCLUB, CLUBSample, L1Out, VCLUBMean

CORRELATION, CHANNELS = 0.7, 2
SQUARE = CORRELATION**2
# Nats per channel, of the bivariate normal distribution: the truth, and vCLUB
# with the true conditional density.
INFORMATION = -0.5 * math.log(1 - SQUARE)
VCLUB_BOUND = SQUARE / (1 - SQUARE)
DIRECTIONS = ['y_from_x', 'x_from_y']


def draw(size):
    x, noise = torch.randn(2, size, CHANNELS)
    return x, CORRELATION * x + math.sqrt(1 - SQUARE) * noise


def trained(kind, steps=250, **kwargs):
    torch.manual_seed(0)
    penalty = kind(CHANNELS, CHANNELS, hidden_channels=64, **kwargs)
    optimizer = torch.optim.Adam(penalty.parameters(), 3e-3)
    for step in range(steps):
        optimizer.zero_grad()
        penalty.learning_loss(*draw(256)).backward()
        optimizer.step()
    return penalty


def random_penalty(kind, direction):
    torch.manual_seed(0)
    penalty = kind(3, 4, direction, hidden_channels=8).double()
    for parameter in penalty.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return penalty


def all_log_densities(penalty, x, y):
    """(i, j): log q of target j under condition i, by torch's Normal."""
    condition, target = (x, y) if penalty.direction == 'y_from_x' else (y, x)
    mean, log_variance = penalty.conditional(condition)
    normal = Normal(mean[:, None], (0.5 * log_variance).exp()[:, None])
    return normal.log_prob(target).sum(-1), target.shape[1]


@pytest.mark.parametrize('kind', [VCLUB, VCLUBMean])
@pytest.mark.parametrize('direction', DIRECTIONS)
def test_closed_form_equals_all_pairs(kind, direction):
    penalty = random_penalty(kind, direction)
    x, y = torch.randn(9, 3).double(), torch.randn(9, 4).double()
    log_densities, channels = all_log_densities(penalty, x, y)
    expected = (log_densities.diagonal().mean() -
                log_densities.mean()) / channels
    assert torch.isclose(penalty(x, y), expected, rtol=1e-10)


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_learning_loss_is_the_negative_log_likelihood(direction):
    penalty = random_penalty(VCLUB, direction)
    x, y = torch.randn(9, 3).double(), torch.randn(9, 4).double()
    log_densities, channels = all_log_densities(penalty, x, y)
    expected = -log_densities.diagonal().mean() / channels - \
        0.5 * math.log(2 * math.pi)
    assert torch.isclose(penalty.learning_loss(x, y), expected, rtol=1e-10)


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_l1out_is_its_definition(direction):
    penalty = random_penalty(L1Out, direction)
    x, y = torch.randn(9, 3).double(), torch.randn(9, 4).double()
    log_densities, channels = all_log_densities(penalty, x, y)
    expected = 0
    for i in range(9):
        others = torch.stack(
            [log_densities[j, i].exp() for j in range(9) if j != i])
        expected += (log_densities[i, i] - others.mean().log()) / 9 / channels
    assert torch.isclose(penalty(x, y), expected, rtol=1e-10)


def test_sample_is_vclub_on_average():
    sampled = random_penalty(CLUBSample, 'y_from_x')
    exact = random_penalty(VCLUB, 'y_from_x')
    x, y = torch.randn(5, 3).double(), torch.randn(5, 4).double()
    values = torch.stack([sampled(x, y) for _ in range(1500)]).detach()
    error = values.std() / math.sqrt(len(values))
    assert error > 0
    assert abs(values.mean() - exact(x, y)) < 4 * error


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_vclub_is_above_the_information_of_gaussians(direction):
    penalty = trained(VCLUB, direction=direction)
    value = penalty(*draw(4000)).item()
    assert value > INFORMATION
    assert math.isclose(value, VCLUB_BOUND, rel_tol=0.15)


def test_club_sample_is_above_the_information_of_gaussians():
    value = trained(CLUBSample)(*draw(4000)).item()
    assert value > INFORMATION
    assert math.isclose(value, VCLUB_BOUND, rel_tol=0.2)


def test_l1out_is_close_to_the_information_of_gaussians_from_above():
    value = trained(L1Out)(*draw(1000)).item()
    assert INFORMATION - 0.02 < value < INFORMATION + 0.2


def test_unit_variance_gives_the_squared_correlation():
    value = trained(VCLUBMean)(*draw(4000)).item()
    assert math.isclose(value, SQUARE, rel_tol=0.1)


def test_a_prediction_that_ignores_its_condition_gives_zero():
    torch.manual_seed(0)
    penalty = trained(VCLUB)
    x, y = draw(4000)
    for parameter in penalty.conditional.network[-1].parameters():
        torch.nn.init.zeros_(parameter)
    assert abs(penalty(x, y)) < 1e-6


def test_log_variance_keeps_to_its_range():
    penalty = VCLUB(3, 4, log_variance_range=(-3, 1))
    last = penalty.conditional.network[-1]
    torch.nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias[4:] = torch.tensor([-1e3, -1e-3, 1e-3, 1e3])
    _, log_variance = penalty.conditional(torch.randn(2, 3))
    expected = torch.tensor([-3, -1e-3, 1e-3, 1])
    assert torch.allclose(log_variance, expected.expand(2, 4), rtol=1e-4)


def test_the_cost_of_vclub_grows_with_the_batch_not_with_its_square():
    # 20,000 rows: all pairs would need 51 GB.
    x, y = torch.randn(20000, 8), torch.randn(20000, 32)
    assert VCLUB(8, 32, hidden_channels=8)(x, y).isfinite()
