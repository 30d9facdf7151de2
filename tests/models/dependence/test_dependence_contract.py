# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What holds for every penalty of the registry."""
import pytest
import torch
from torch.autograd import gradcheck

from mmfer.models.dependence import DependencePenalty
from mmfer.registry import DEPENDENCE

NAMES = ('vclub', 'vclub_mean', 'club_sample', 'l1out', 'mine', 'jsd', 'nwj',
         'infonce', 'smile', 'dcor', 'hsic', 'cka', 'crosscov',
         'gradient_reversal')
CRITIC_FREE = {'dcor', 'hsic', 'cka', 'crosscov'}
BOUNDS = dict(
    vclub='upper',
    club_sample='upper',
    l1out='upper',
    mine='lower',
    jsd='lower',
    nwj='lower',
    infonce='lower')
# Every option that changes the formula.
CONFIGS = [dict(type=name) for name in NAMES] + [
    dict(type='dcor', unbiased=False),
    dict(type='dcor', clamp=True),
    dict(type='hsic', unbiased=False, bandwidth=0.5),
    dict(type='cka', unbiased=False),
    dict(type='crosscov', unbiased=False),
    dict(type='vclub', direction='x_from_y'),
    dict(type='l1out', direction='x_from_y'),
]


def each(configs):
    return pytest.mark.parametrize(
        'cfg', configs, ids=lambda c: '-'.join(map(str, c.values())))


every_config = each(CONFIGS)


def build(cfg, x_channels=3, y_channels=4):
    torch.manual_seed(0)
    penalty = DEPENDENCE.build(
        cfg, default_args=dict(x_channels=x_channels, y_channels=y_channels))
    if penalty.learns:  # At the start nearly constant, which hides errors.
        for parameter in penalty.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return penalty


def codes(size=8, x_channels=3, y_channels=4, dtype=torch.float32):
    """Draw two codes that depend on each other."""
    torch.manual_seed(1)
    y = torch.randn(size, y_channels, dtype=dtype)
    x = torch.tanh(y[:, :x_channels]) + 0.5 * torch.randn(
        size, x_channels, dtype=dtype)
    return x.requires_grad_(), y


def test_the_registry_holds_these_names(mmaction_scope):
    DEPENDENCE.import_from_location()
    assert set(DEPENDENCE.module_dict) == set(NAMES)
    for name in NAMES:
        penalty = build(dict(type=name))
        assert isinstance(penalty, DependencePenalty)
        assert type(build(dict(type=f'mmfer.{name}'))) is type(penalty)
        assert penalty.learns == (name not in CRITIC_FREE)
        assert penalty.bound == BOUNDS.get(name)


@every_config
def test_gradients_are_those_of_finite_differences(cfg):
    penalty = build(cfg).double()

    def value(x):
        torch.manual_seed(2)  # For the permutation of club_sample.
        return penalty(x, y)

    x, y = codes(dtype=torch.float64)
    assert gradcheck(value, (x, ))
    assert torch.autograd.grad(value(x), x)[0].abs().max() > 1e-4


@every_config
def test_the_estimator_learns_and_the_codes_do_not(cfg):
    penalty = build(cfg)
    x, y = codes()
    y.requires_grad_()
    if not penalty.learns:
        assert not list(penalty.parameters()) and not penalty.state_dict()
        with pytest.raises(RuntimeError, match='no estimator to train'):
            penalty.learning_loss(x, y)
    else:
        penalty.learning_loss(x, y).backward()
        assert x.grad is None and y.grad is None
        assert all(p.grad is not None for p in penalty.parameters())
        assert any(p.grad.any() for p in penalty.parameters())
    penalty(x, y).backward()
    assert x.grad.any() and y.grad is None


@each([c for c in CONFIGS if c['type'] not in CRITIC_FREE])
def test_one_step_of_the_estimator_lowers_its_loss(cfg):
    penalty = build(cfg)
    x, y = codes(64)
    before = penalty.learning_loss(x, y)
    optimizer = torch.optim.SGD(penalty.parameters(), lr=1e-3)
    before.backward()
    optimizer.step()
    assert penalty.learning_loss(x, y) < before


@every_config
@pytest.mark.parametrize('precision', [torch.bfloat16, torch.float16])
def test_float32_under_autocast(cfg, precision):
    penalty = build(cfg)
    x, y = codes(16)
    half = x.detach().to(precision).requires_grad_()
    values = []
    for enabled in (True, False):
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=enabled):
            torch.manual_seed(2)
            values.append(penalty(half, y))
            if penalty.learns:
                values.append(penalty.learning_loss(half, y))
    assert all(value.dtype == torch.float32 for value in values)
    assert values[:len(values) // 2] == values[len(values) // 2:]
    values[0].backward()
    assert half.grad.dtype == precision and half.grad.isfinite().all()


def degenerate():
    """Yield batches on which formulas divide by zero."""
    x, y = (code.detach() for code in codes(8))
    for size in (1, 2, 3, 4):
        yield f'{size} rows', x[:size], y[:size]
    yield 'equal x', x[:1].expand(8, -1), y
    yield 'equal y', x, y[:1].expand(8, -1)
    yield 'equal both', x[:1].expand(8, -1), y[:1].expand(8, -1)
    yield 'zeros', torch.zeros_like(x), torch.zeros_like(y)
    yield 'equal up to rounding', x[:1] + 1e-7 * x, y[:1] + 1e-7 * y
    yield 'six equal rows', x[[0] * 6 + [1, 2]], y[[0] * 6 + [1, 2]]
    yield 'large', 1e4 * x, y
    yield 'tiny', 1e-20 * x, y


@every_config
@pytest.mark.parametrize('case', [c[0] for c in degenerate()])
def test_no_batch_gives_nan(cfg, case):
    penalty = build(cfg)
    x, y = next((x, y) for name, x, y in degenerate() if name == case)
    x = x.clone().requires_grad_()
    value = penalty(x, y)
    value.backward()
    assert value.isfinite() and x.grad.isfinite().all()
    # Nothing to depend on. The values of the others are not about contrasts
    # of this batch, but about what the critic has learned.
    if case in ('1 rows', 'equal both') and cfg['type'] not in (
            'gradient_reversal', 'nwj', 'jsd', 'smile'):
        assert abs(value) < 1e-6
    if not penalty.learns:
        return
    penalty.zero_grad()
    loss = penalty.learning_loss(x, y)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in penalty.parameters())


@each([c for c in CONFIGS if c['type'] != 'club_sample'])  # Which draws.
def test_the_order_of_the_clips_does_not_matter(cfg):
    penalty = build(cfg).double()
    x, y = codes(12, dtype=torch.float64)
    order = torch.randperm(12)
    assert torch.allclose(penalty(x, y), penalty(x[order], y[order]))


@pytest.mark.parametrize('shapes', [((8, 2), (8, 4)), ((8, 3), (8, 5)),
                                    ((8, 3), (7, 4)), ((8, 3, 1), (8, 4))])
def test_wrong_shapes(shapes):
    x, y = map(torch.zeros, shapes)
    for cfg in (dict(type='dcor'), dict(type='vclub')):
        with pytest.raises(ValueError, match=r'takes x \(N, 3\) and y \(N, 4'):
            build(cfg)(x, y)


@pytest.mark.parametrize('options', [
    dict(type='vclub', direction='both'),
    dict(type='vclub', log_variance_range=(1, 2)),
    dict(type='mine', momentum=0),
    dict(type='nwj', max_score=0),
    dict(type='smile', tau=-1),
    dict(type='jsd', num_layers=0),
    dict(type='cka', bandwidth=0),
    dict(type='dcor', x_channels=0),
])
def test_wrong_options(options):
    name = list(options)[1]
    with pytest.raises(ValueError, match=f'`{name}'):
        build(options)
