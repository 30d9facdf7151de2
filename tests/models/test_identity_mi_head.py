# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.logging import MessageHub, MMLogger  # noqa: E402

from mmfer.registry import MODELS  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _head(name='dcor', **kwargs):
    return MODELS.build(
        dict(
            type='mmfer.IdentityMIHead',
            penalty=dict(type=name),
            expression_channels=6,
            identity_channels=3,
            **kwargs))


@pytest.fixture
def progress():
    """Set the runner's progress; without it the weight is in full force."""
    hub = MessageHub.get_instance('progress')

    def set_progress(done, total=100):
        hub.update_info('iter', done)
        hub.update_info('max_iters', total)

    yield set_progress
    MessageHub._instance_dict.pop('progress')


def test_weight_warms_up_and_ramps_with_the_runner(progress):
    head = _head(weight=3., warmup=0.1, ramp=0.2)
    expected = {0: 0, 9: 0, 10: 0, 20: 1.5, 25: 2.25, 30: 3, 99: 3}
    for done, weight in expected.items():
        progress(done)
        assert head.current_weight() == pytest.approx(weight)
    # A longer training stretches both.
    progress(200, total=1000)
    assert head.current_weight() == pytest.approx(1.5)


def test_weight_without_a_runner_is_in_full_force():
    assert _head(weight=2.).current_weight() == 2.


def test_loss_is_the_weighted_penalty(progress):
    torch.manual_seed(0)
    progress(20)
    head = _head(weight=3., warmup=0.1, ramp=0.2)
    x, y = torch.randn(8, 6, requires_grad=True), torch.randn(8, 3)
    losses = head.loss(x, y)
    assert losses['loss_identity'].item() == pytest.approx(
        1.5 * head.penalty(x, y).item())
    losses['loss_identity'].backward()
    assert x.grad.abs().sum() > 0
    assert not losses['identity_penalty'].requires_grad
    assert losses['identity_weight'] == 1.5


def test_no_gradient_reaches_the_identity():
    x = torch.randn(8, 6, requires_grad=True)
    y = torch.randn(8, 3, requires_grad=True)
    _head().loss(x, y)['loss_identity'].backward()
    assert y.grad is None or not y.grad.any()


def test_learning_loss_leaves_the_features_alone():
    head = _head('vclub')
    assert head.learns and not _head('dcor').learns
    x = torch.randn(8, 6, requires_grad=True)
    head.learning_loss(x, torch.randn(8, 3)).backward()
    assert x.grad is None
    assert all(p.grad is not None for p in head.penalty.parameters())


def _samples(*identities):
    samples = []
    for identity in identities:
        sample = ActionDataSample()
        if identity is not None:
            sample.identity = identity
        samples.append(sample)
    return samples


def test_identities_are_stacked():
    head = _head()
    first, second = torch.arange(3.), torch.ones(3)
    stacked = head.identities(_samples(first, second))
    assert torch.equal(stacked, torch.stack([first, second]))


def test_missing_or_wrong_identities_say_what_to_do():
    head = _head()
    with pytest.raises(ValueError, match='mmfer.LoadIdentity'):
        head.identities(_samples(torch.ones(3), None))
    with pytest.raises(ValueError, match='identity_channels=3'):
        head.identities(_samples(torch.ones(5)))


def test_unknown_penalty_lists_the_known_ones():
    with pytest.raises(ValueError, match='dcor.*vclub'):
        _head('dcorr')


@pytest.mark.parametrize('kwargs', [
    dict(warmup=-0.1),
    dict(warmup=0.6, ramp=0.6),
    dict(steps=0),
])
def test_settings_out_of_range(kwargs):
    with pytest.raises(ValueError, match='`warmup`|`steps`'):
        _head(**kwargs)


@pytest.mark.parametrize('every, alarms', [(4, 1), (6, 0)])
def test_alarm_once_when_an_upper_bound_stays_negative(every, alarms, capfd):
    head = _head('vclub')
    MMLogger.get_instance('alarm', log_level='WARNING')
    for step in range(500):
        head._watch(torch.tensor(-1. if step % every == 0 else 1.))
    printed = ''.join(capfd.readouterr())
    assert printed.count('no upper bound') == alarms
