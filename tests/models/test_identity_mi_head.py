# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.logging import MessageHub, MMLogger  # noqa: E402

from mmfer.models.heads.identity_mi_head import \
    without_class_means  # noqa: E402
from mmfer.models.heads.pair_memory import PairMemory  # noqa: E402
from mmfer.registry import MODELS  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])


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
    losses = head.loss(x, y, LABELS)
    assert losses['loss_identity'].item() == pytest.approx(
        1.5 * head.penalty(x, y).item())
    losses['loss_identity'].backward()
    assert x.grad.abs().sum() > 0
    assert not losses['identity_penalty'].requires_grad
    assert losses['identity_weight'] == 1.5


def test_no_gradient_reaches_the_identity():
    x = torch.randn(8, 6, requires_grad=True)
    y = torch.randn(8, 3, requires_grad=True)
    _head().loss(x, y, LABELS)['loss_identity'].backward()
    assert y.grad is None or not y.grad.any()


def test_learning_loss_leaves_the_features_alone():
    head = _head('vclub')
    assert head.learns and not _head('dcor').learns
    x = torch.randn(8, 6, requires_grad=True)
    head.learning_loss(x, torch.randn(8, 3), LABELS).backward()
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


def test_memory_is_a_ring_of_the_last_pairs():
    memory = PairMemory(5, 2, 1)
    rows = torch.arange(14.).reshape(7, 2)
    for start, stop in ((0, 3), (3, 6), (6, 7)):
        part = rows[start:stop]
        memory.remember(part, part[:, :1], part[:, 1].long())
    x, y, labels = memory.join(
        torch.zeros(0, 2), torch.zeros(0, 1), torch.zeros(0).long())
    assert {tuple(row) for row in x.tolist()} == {
        tuple(row) for row in rows[2:].tolist()}
    assert torch.equal(x[:, :1], y) and torch.equal(x[:, 1].long(), labels)
    # A batch that is larger than the memory leaves its end.
    memory.remember(rows, rows[:, :1], rows[:, 1].long())
    assert {tuple(r) for r in memory.expression.tolist()} == {
        tuple(r) for r in rows[2:].tolist()}


def test_memory_looks_back_and_scales_the_gradient():
    torch.manual_seed(0)
    head = _head(memory=12).train()
    batches = [(torch.randn(8, 6), torch.randn(8, 3)) for _ in range(3)]
    assert torch.equal(
        head.loss(*batches[0], LABELS)['loss_identity'],
        head.penalty(*batches[0]))
    head.loss(*batches[1], LABELS)
    x = batches[2][0].clone().requires_grad_()
    value = head.loss(x, batches[2][1], LABELS)['loss_identity']
    value.backward()
    # By hand: the last 12 of the 16 earlier pairs, held fixed.
    old = [torch.cat([a, b])[4:] for a, b in zip(*batches[:2])]
    reference = batches[2][0].clone().requires_grad_()
    plain = head.penalty(
        torch.cat([reference, old[0]]), torch.cat([batches[2][1], old[1]]))
    plain.backward()
    assert torch.allclose(value, plain, atol=1e-6)
    assert torch.allclose(x.grad, 20 / 8 * reference.grad, atol=1e-6)


def test_memory_is_saved_and_not_for_estimators():
    head = _head(memory=12).train()
    head.loss(torch.randn(8, 6), torch.randn(8, 3), LABELS)
    again = _head(memory=12)
    again.load_state_dict(head.state_dict())
    assert again.memory.count == 8
    assert torch.equal(again.memory.expression, head.memory.expression)
    with pytest.raises(ValueError, match='without estimator'):
        _head('vclub', memory=12)


def test_memory_reduces_the_noise_of_independent_codes():
    """The spread of the value over batches, with truly independent codes."""
    torch.manual_seed(0)
    spread = {}
    for memory in (0, 96):
        head = _head(**(dict(memory=memory) if memory else {})).train()
        values = [
            head.loss(
                torch.randn(32, 6), torch.randn(32, 3),
                LABELS.repeat(4))['loss_identity'].item() for _ in range(40)
        ]
        spread[memory] = torch.tensor(values[5:]).std()
    assert spread[96] < 0.5 * spread[0]


def test_class_means_are_taken_off():
    codes = torch.randn(8, 6, dtype=torch.float64)
    rest = without_class_means(codes, LABELS)
    for label in range(3):
        chosen = LABELS == label
        assert torch.allclose(
            rest[chosen], codes[chosen] - codes[chosen].mean(dim=0))


def test_given_the_expression_only_what_is_left_within_it_counts():
    """Codes that are the expression and nothing else, and ones that add the
    person: of the former nothing is left, whoever shows what."""
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    persons = torch.randn(60, 3)
    expression = torch.eye(6)[labels]
    head = _head(given_expression=True)
    pure = head.loss(expression, persons, labels)['identity_penalty']
    assert pure.abs() < 1e-5
    person = torch.cat([torch.zeros(60, 3), persons], dim=1)
    leaky = head.loss(5 * expression + person, persons, labels)
    assert leaky['identity_penalty'] > 0.8
    plain = _head().loss(5 * expression + person, persons, labels)
    assert plain['identity_penalty'] < 0.5
