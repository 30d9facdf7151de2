# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measures without estimator: dCor, HSIC, CKA, cross-covariance."""
import itertools
import math

import numpy as np
import pytest
import torch

from mmfer.models.dependence import (CKA, HSIC, CrossCovariance,
                                     DistanceCorrelation,
                                     squared_distance_correlation)

MEASURES = [DistanceCorrelation, HSIC, CKA, CrossCovariance]
SCALE_FREE = [
    kind(3, 4, unbiased=unbiased) for kind in MEASURES
    for unbiased in (True, False)
]


def codes(size=7, seed=0):
    random = np.random.default_rng(seed)
    y = random.normal(size=(size, 4))
    x = y[:, :3]**2 + 0.3 * random.normal(size=(size, 3))
    return x, y


def distances(code):
    return np.sqrt(((code[:, None] - code)**2).sum(-1))


def gaussian_kernel(code, bandwidth=1.):
    square = ((code[:, None] - code)**2).sum(-1)
    # The lower median, as torch has it.
    others = np.sort(square[~np.eye(len(code), dtype=bool)])
    return np.exp(-square / (2 * bandwidth**2 * others[(len(others) - 1) // 2])
                  )


def over_quadruples(a, b):
    """U-statistic of the definition, over all four different indices."""
    return np.mean([
        a[i, j] * b[i, j] + a[i, j] * b[k, m] - 2 * a[i, j] * b[i, k]
        for i, j, k, m in itertools.permutations(range(len(a)), 4)
    ])


def over_all(a, b):
    """V-statistic of the definition, over all indices."""
    return (a * b).mean() + a.mean() * b.mean() - \
        2 * (a.mean(1) * b.mean(1)).mean()


def value(penalty, x, y):
    return penalty(torch.as_tensor(x), torch.as_tensor(y)).item()


@pytest.mark.parametrize('unbiased', [True, False])
def test_distance_correlation_is_its_definition(unbiased):
    covariance = over_quadruples if unbiased else over_all
    x, y = codes()
    a, b = distances(x), distances(y)
    expected = covariance(a, b) / math.sqrt(
        covariance(a, a) * covariance(b, b))
    assert math.isclose(
        value(DistanceCorrelation(3, 4, unbiased), x, y),
        expected,
        rel_tol=1e-9)


@pytest.mark.parametrize('correlation', [0., 0.5, -0.9])
def test_distance_correlation_of_the_normal_distribution(correlation):
    # Székely, Rizzo and Bakirov 2007, theorem 7.
    r = abs(correlation)
    expected = (r * math.asin(r) + math.sqrt(1 - r**2) -
                r * math.asin(r / 2) - math.sqrt(4 - r**2) + 1) / \
        (1 + math.pi / 3 - math.sqrt(3))
    random = np.random.default_rng(0)
    x, noise = torch.as_tensor(random.normal(size=(2, 2000, 1)))
    y = correlation * x + math.sqrt(1 - r**2) * noise
    measured = squared_distance_correlation(x, y).item()
    assert abs(measured - expected) < 0.03


@pytest.mark.parametrize('bandwidth', [1., 0.5])
def test_hsic_is_its_definition(bandwidth):
    x, y = codes()
    k, m = (gaussian_kernel(code, bandwidth) for code in (x, y))
    h = np.eye(7) - 1 / 7
    biased = HSIC(3, 4, unbiased=False, bandwidth=bandwidth)
    assert math.isclose(
        value(biased, x, y), np.trace(k @ h @ m @ h) / 49, rel_tol=1e-9)
    unbiased = HSIC(3, 4, bandwidth=bandwidth)
    assert math.isclose(
        value(unbiased, x, y), over_quadruples(k, m), rel_tol=1e-9)


@pytest.mark.parametrize('unbiased', [True, False])
def test_cka_is_hsic_as_a_correlation(unbiased):
    x, y = codes()
    covariance = over_quadruples if unbiased else over_all
    k, m = gaussian_kernel(x), gaussian_kernel(y)
    expected = covariance(k, m) / math.sqrt(
        covariance(k, k) * covariance(m, m))
    assert math.isclose(
        value(CKA(3, 4, unbiased), x, y), expected, rel_tol=1e-9)


def test_cross_covariance_is_its_definition():
    x, y = codes()
    covariance = np.cov(x.T, y.T, bias=True)
    expected = (covariance[:3, 3:]**2).sum() / np.trace(
        covariance[:3, :3]) / np.trace(covariance[3:, 3:]) * 4
    assert math.isclose(
        value(CrossCovariance(3, 4, unbiased=False), x, y),
        expected,
        rel_tol=1e-9)
    expected = over_quadruples(x @ x.T, y @ y.T) / x.var(
        0, ddof=1).sum() / y.var(
            0, ddof=1).sum() * 4
    assert math.isclose(
        value(CrossCovariance(3, 4), x, y), expected, rel_tol=1e-9)


def test_cross_covariance_is_the_explained_share_for_whitened_y():
    x, y = codes(200)
    y = y - y.mean(0)
    y = y @ np.linalg.inv(np.linalg.cholesky(np.cov(y.T, bias=True))).T
    x = x - x.mean(0)
    fitted = y @ np.linalg.lstsq(y, x, rcond=None)[0]
    assert math.isclose(
        value(CrossCovariance(3, 4, unbiased=False), x, y),
        (fitted**2).sum() / (x**2).sum(),
        rel_tol=1e-9)


@pytest.mark.parametrize('kind', MEASURES)
def test_unbiased_is_zero_on_average_for_independent_codes(kind):
    random = np.random.default_rng(0)
    draws = [random.normal(size=(2, 8, 16)) for _ in range(300)]
    means, errors = [], []
    for unbiased in (True, False):
        penalty = kind(16, 16, unbiased=unbiased)
        values = [value(penalty, x, y) for x, y in draws]
        means.append(np.mean(values))
        errors.append(np.std(values) / math.sqrt(len(values)))
    assert abs(means[0]) < 4 * errors[0]
    assert means[1] > 20 * errors[1]


@pytest.mark.parametrize('kind', MEASURES)
def test_dependence_lies_in_the_pairing(kind):
    x, y = codes(200)
    x = x if kind is not CrossCovariance else y[:, :3]
    penalty = kind(3, 4)
    shuffled = value(penalty, x, np.random.default_rng(0).permutation(y))
    assert value(penalty, x, y) > 10 * abs(shuffled)


def test_only_the_linear_one_misses_a_square():
    random = np.random.default_rng(0)
    y = random.normal(size=(400, 1))
    x = y**2 - 1
    assert value(DistanceCorrelation(1, 1), x, y) > 0.2
    assert value(CKA(1, 1), x, y) > 0.2
    assert abs(value(CrossCovariance(1, 1), x, y)) < 0.05


@pytest.mark.parametrize('penalty', SCALE_FREE, ids=repr)
@pytest.mark.parametrize('scale', [1e-6, 3., 1e6])
def test_shift_scale_and_rotation_change_nothing(penalty, scale):
    x, y = (torch.as_tensor(code).float() for code in codes(20))
    rotation = torch.linalg.qr(torch.randn(3, 3))[0]
    moved = scale * (x @ rotation + 2)
    assert torch.isclose(penalty(x, y), penalty(moved, y), rtol=1e-3)
    # The model cannot gain by a smaller code.
    x.requires_grad_()
    penalty(x, y).backward()
    assert abs((x.grad * (x - x.mean(0))).sum()) < 1e-5
    assert x.grad.abs().max() > 1e-4


@pytest.mark.parametrize('kind', [DistanceCorrelation, CKA])
@pytest.mark.parametrize('unbiased', [True, False])
def test_a_code_depends_fully_on_itself_turned(kind, unbiased):
    x, _ = codes(20)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    penalty = kind(3, 3, unbiased=unbiased)
    assert math.isclose(value(penalty, x, 5 * x @ rotation), 1, rel_tol=1e-9)
    swapped = [value(penalty, *pair) for pair in ((x, x**2), (x**2, x))]
    assert math.isclose(*swapped, rel_tol=1e-9)


def test_float32_is_exact_for_close_rows_far_from_the_origin():
    x, y = codes(30)
    x[1] = x[0] + 1e-4
    exact = squared_distance_correlation(
        torch.as_tensor(x), torch.as_tensor(y))
    single = squared_distance_correlation(
        torch.as_tensor(x + 10).float(),
        torch.as_tensor(y - 10).float())
    assert abs(exact - single) < 1e-5


def test_clamp():
    torch.manual_seed(0)
    x = torch.randn(8, 5, requires_grad=True)
    y = torch.randn(8, 5)
    plain, clamped = (DistanceCorrelation(5, 5, clamp=c) for c in (False, True))
    below = [y for y in torch.randn(20, 8, 5) if plain(x, y) < 0]
    assert below
    for y in below:
        clamped(x, y).backward()
        assert clamped(x, y) == 0 and not x.grad.any()


@pytest.mark.parametrize('kind', MEASURES)
def test_descent_makes_a_code_forget(kind):
    torch.manual_seed(0)
    wanted, identity = torch.randn(2, 512, 2)
    mixed = torch.cat([wanted + identity, wanted - identity], dim=1)
    penalty = kind(2, 2)
    project = torch.nn.Linear(4, 2, bias=False)
    optimizer = torch.optim.Adam(project.parameters(), 0.03)
    for step in range(150):
        rows = torch.randint(400, (32, ))
        optimizer.zero_grad()
        penalty(project(mixed[rows]), identity[rows]).backward()
        optimizer.step()
    code = project(mixed).detach()
    left = CrossCovariance(2, 2)(code[400:], identity[400:])
    kept = CrossCovariance(2, 2)(code[400:], wanted[400:])
    assert left < 0.05 and kept > 0.8
