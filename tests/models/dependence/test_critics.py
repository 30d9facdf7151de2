# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The bounds that train a critic, and the adversary."""
import math

import pytest
import torch

from mmfer.models.dependence import (JSD, MINE, NWJ, SMILE, GradientReversal,
                                     InfoNCE)
from mmfer.models.dependence.critics import PairCritic

CORRELATION, CHANNELS = 0.8, 2
SQUARE = CORRELATION**2
INFORMATION = -0.5 * CHANNELS * math.log(1 - SQUARE)  # 1.02 nats


def draw(size):
    x, noise = torch.randn(2, size, CHANNELS)
    return x, CORRELATION * x + math.sqrt(1 - SQUARE) * noise


def log_ratio(x, y):
    """Logarithm of p(x, y) / (p(x) p(y)) of the true distribution."""
    quadratic = SQUARE * (x**2 + y**2) - 2 * CORRELATION * x * y
    return (-0.5 * math.log(1 - SQUARE) - quadratic /
            (2 * (1 - SQUARE))).sum(-1)


def trained(kind, steps=250, **kwargs):
    torch.manual_seed(0)
    penalty = kind(CHANNELS, CHANNELS, hidden_channels=48, **kwargs)
    optimizer = torch.optim.Adam(penalty.parameters(), 3e-3)
    for step in range(steps):
        optimizer.zero_grad()
        penalty.learning_loss(*draw(64)).backward()
        optimizer.step()
    return penalty


def held_out(penalty, size=256, batches=8):
    with torch.no_grad():
        return sum(penalty(*draw(size)).item()
                   for _ in range(batches)) / batches


def test_critic_scores_concatenated_pairs():
    critic = PairCritic(3, 4, hidden_channels=5)
    x, y = torch.randn(6, 3), torch.randn(6, 4)
    pairs = torch.cat(
        [x[:, None].expand(6, 6, 3), y.expand(6, 6, 4)], dim=2)
    expected = critic.rest(critic.first(pairs)).squeeze(2)
    assert torch.allclose(critic(x, y), expected, atol=1e-6)
    assert [layer.out_features for layer in critic.modules()
            if isinstance(layer, torch.nn.Linear)] == [5, 5, 1]


@pytest.mark.parametrize('kind', [MINE, NWJ, InfoNCE])
def test_is_below_the_information_of_gaussians_and_close(kind):
    value = held_out(trained(kind))
    assert 0.8 * INFORMATION < value < INFORMATION + 0.03


def test_jsd_is_below_twice_the_divergence_and_that_below_the_information():
    torch.manual_seed(0)
    x, y = draw(20000)
    joint, product = log_ratio(x, y), log_ratio(x, y.roll(1, 0))
    assert math.isclose(joint.mean(), INFORMATION, rel_tol=0.03)
    divergence = (2 * torch.sigmoid(joint)).log().mean() + \
        (2 * torch.sigmoid(-product)).log().mean()
    assert divergence < INFORMATION
    value = held_out(trained(JSD))
    assert 0.85 * divergence < value < divergence + 0.03
    assert value < 2 * math.log(2)


def test_smile_is_near_the_information():
    value = held_out(trained(SMILE))
    assert math.isclose(value, INFORMATION, rel_tol=0.25)


def test_infonce_cannot_exceed_the_logarithm_of_the_batch():
    penalty = InfoNCE(1, 1, hidden_channels=1, num_layers=1)
    x = torch.randn(8, 1)

    def estimate(scale):
        return penalty._estimate(-scale * (x - x.T)**2).item()

    assert estimate(1) < estimate(1e6) <= math.log(8) + 1e-6
    assert math.isclose(estimate(1e6), math.log(8), rel_tol=1e-4)


@pytest.mark.parametrize('kind', [MINE, NWJ, JSD, InfoNCE])
def test_the_true_density_ratio_gives_the_true_value(kind):
    torch.manual_seed(0)
    x, y = draw(1500)
    scores = log_ratio(x[:, None], y)
    scores = scores + (kind is NWJ)  # Whose best score is log ratio + 1.
    value = kind(2, 2)._estimate(scores).item()
    if kind is JSD:
        assert 0.3 < value < INFORMATION
    else:
        assert math.isclose(value, INFORMATION, rel_tol=0.1)


def test_smile_clips():
    penalty = SMILE(2, 2, tau=2.)
    scores = torch.full((4, 4), 50.)
    # The mean of the joint is not clipped, the partition function is.
    assert math.isclose(penalty._estimate(scores), 50 - 2, rel_tol=1e-6)
    loose = SMILE(2, 2, tau=1e6)
    scores = torch.randn(6, 6)
    assert torch.isclose(
        loose._estimate(scores), MINE(2, 2)._estimate(scores))


def test_nwj_stays_finite():
    x, y = 1e6 * torch.randn(2, 16, 2)
    assert NWJ(2, 2)(x, y).isfinite()


def test_mine_corrects_the_gradient_by_the_moving_average():
    torch.manual_seed(0)
    penalty = MINE(2, 2, hidden_channels=8, momentum=0.2)
    average = None
    for step in range(3):
        x, y = draw(6)
        scores = penalty.critic(x, y)
        joint = scores.diagonal().mean()
        product = (scores.exp().sum() - scores.diagonal().exp().sum()) / 30
        average = product.detach() if average is None else \
            0.8 * average + 0.2 * product.detach()
        expected = torch.autograd.grad(product / average - joint,
                                       list(penalty.parameters()))
        loss = penalty.learning_loss(x, y)
        assert torch.isclose(loss, product.log() - joint, atol=1e-6)
        assert torch.isclose(penalty.log_average.exp(), average, rtol=1e-5)
        loss.backward()
        for parameter, gradient in zip(penalty.parameters(), expected):
            assert torch.allclose(parameter.grad, gradient, atol=1e-6)
            parameter.data -= 0.5 * parameter.grad
            parameter.grad = None
    before = penalty.log_average.clone()
    penalty(*draw(6))  # The model's half leaves the average alone.
    assert penalty.log_average == before
    resumed = MINE(2, 2, hidden_channels=8)
    resumed.load_state_dict(penalty.state_dict())
    assert resumed.log_average == before


def test_mine_without_correction():
    penalty = MINE(2, 2, hidden_channels=8, momentum=1.)
    x, y = draw(6)
    penalty.learning_loss(x, y).backward()
    gradients = [parameter.grad.clone() for parameter in penalty.parameters()]
    penalty.zero_grad()
    (-penalty(x, y)).backward()
    for parameter, gradient in zip(penalty.parameters(), gradients):
        assert torch.allclose(parameter.grad, gradient, atol=1e-7)


def test_gradient_reversal_is_minus_the_error_of_the_regression():
    penalty = trained(GradientReversal)
    x, y = draw(4000)
    assert penalty(x, y) == -penalty.learning_loss(x, y)
    # One minus the error is the share of unit variance that x explains.
    assert math.isclose(1 + penalty(x, y).item(), SQUARE, rel_tol=0.05)


@pytest.mark.parametrize('kind', [InfoNCE, MINE, SMILE, JSD, NWJ])
def test_an_estimate_in_blocks_is_the_value(kind, monkeypatch):
    from mmfer.models.dependence import critics
    torch.manual_seed(0)
    penalty = kind(5, 4, hidden_channels=16)
    x, y = torch.randn(37, 5), torch.randn(37, 4)
    rows = []
    penalty.critic.register_forward_hook(
        lambda _, given, __: rows.append(len(given[0])))
    with torch.no_grad():
        expected = penalty(x, y)
    assert torch.equal(penalty.estimate(x, y), expected)
    monkeypatch.setattr(critics, 'BLOCK', 37 * 16 * 10)
    found = penalty.estimate(x, y)
    assert rows == [37, 37, 10, 10, 10, 7]
    assert torch.allclose(found, expected, atol=1e-6)
    assert not found.requires_grad
    assert penalty.estimate(x[:1], y[:1]) == 0
