# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import MODELS  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402

from mmfer.registry import DEPENDENCE  # noqa: E402
from mmfer.testing.identity_aware import (EXPRESSION,  # noqa: E402
                                          random_batch, small_recognizer)

pytestmark = pytest.mark.usefixtures('mmaction_scope')

OPTIMISER = dict(
    constructor='mmfer.MinMinOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.05),
    estimator=dict(optimizer=dict(type='SGD', lr=0.05)))


def _optimiser(model):
    return build_optim_wrapper(model, copy.deepcopy(OPTIMISER))


def _state(module):
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


def _changed(module, before):
    return {k for k, v in module.state_dict().items()
            if not torch.equal(v, before[k])}


def _penalties():
    DEPENDENCE.get('dcor')  # imports them
    return sorted(DEPENDENCE.module_dict)


@pytest.mark.parametrize('penalty', _penalties())
def test_every_penalty_takes_a_step_and_leaves_nothing_frozen(penalty):
    model = small_recognizer(penalty)
    before = _state(model)
    log = model.train_step(random_batch(12), _optimiser(model))
    assert all(torch.isfinite(torch.as_tensor(v)) for v in log.values())
    assert {'loss_cls', 'loss_identity', 'identity_penalty',
            'identity_weight'} <= set(log)
    learns = model.estimator is not None
    assert ('estimator_objective' in log) == learns
    changed = _changed(model, before)
    assert {'backbone.conv1.weight', 'cls_head.fc_cls.weight'} <= changed
    assert any('identity_head' in name for name in changed) == learns
    assert all(p.requires_grad for p in model.parameters())


def test_penalty_reaches_the_encoder_only_through_the_expression_code():
    """Without penalty the gradient is that of the classification alone."""
    batch = random_batch(12)
    gradients = {}
    for name, weight in (('none', None), ('zero', 0.), ('one', 1.)):
        model = small_recognizer(
            None if weight is None else 'dcor', weight=weight or 0.)
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        total, _ = model.parse_losses(model(**data, mode='loss'))
        total.backward()
        gradients[name] = model.backbone.conv1.weight.grad
    assert torch.allclose(gradients['none'], gradients['zero'])
    assert not torch.allclose(gradients['none'], gradients['one'])


def test_min_min_steps_equal_the_game_written_out():
    """K estimator steps, one model step, by hand with plain torch."""
    batch = random_batch(12)
    model = small_recognizer('vclub', steps=3, weight=0.7)
    byhand = small_recognizer('vclub', steps=3, weight=0.7)
    log = model.train_step(copy.deepcopy(batch), _optimiser(model))

    data = byhand.data_preprocessor(copy.deepcopy(batch), True)
    clips, samples = data['inputs'], data['data_samples']
    head, penalty = byhand.cls_head, byhand.identity_head.penalty
    y = torch.stack([sample.identity for sample in samples])
    labels = torch.cat([sample.gt_label for sample in samples])
    maps = byhand.backbone(clips.flatten(0, 1))
    x = head.pool(maps).flatten(1).unflatten(0, (12, -1)).mean(dim=1)
    x = torch.nn.functional.layer_norm(x, (EXPRESSION, ))
    estimator = torch.optim.SGD(penalty.parameters(), lr=0.05)
    for _ in range(3):
        estimator.zero_grad()
        penalty.learning_loss(x, y).backward()
        estimator.step()
    others = [p for n, p in byhand.named_parameters() if 'penalty' not in n]
    loss = torch.nn.functional.cross_entropy(head.fc_cls(x), labels) \
        + 0.7 * penalty(x, y)
    for parameter, gradient in zip(
            others, torch.autograd.grad(loss, others)):
        parameter.data -= 0.05 * gradient
    assert log['loss'].item() == pytest.approx(loss.item(), rel=1e-5)
    for name, value in byhand.state_dict().items():
        assert torch.allclose(model.state_dict()[name], value, atol=1e-6), name


def test_estimator_is_untouched_by_the_models_step():
    """Its gradients are clean when its own next step begins."""
    model = small_recognizer('vclub')
    optimiser = _optimiser(model)
    model.train_step(random_batch(12), optimiser)
    assert not any(
        p.grad is not None and p.grad.any()
        for p in model.estimator.parameters())


def test_apex_decoder_learns_beside():
    model = small_recognizer('dcor', decoder=True)
    before = _state(model)
    log = model.train_step(random_batch(12, decoder=True), _optimiser(model))
    assert log['loss_complementary'] > 0
    assert 'apex_decoder.end.weight' in _changed(model, before)


def test_without_identity_head_it_is_recognizer2d():
    from mmaction.models import Recognizer2D
    model = small_recognizer(None)
    plain = copy.deepcopy(model)
    plain.__class__ = Recognizer2D
    batch = random_batch(6)
    for sample in batch['data_samples']:
        del sample.identity
    losses = [
        m.train_step(copy.deepcopy(batch), _optimiser(m))['loss'].item()
        for m in (model, plain)
    ]
    assert losses[0] == losses[1]
    for name, value in plain.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_test_time_reads_a_plain_tensor_and_no_identity():
    model = small_recognizer('vclub', decoder=True).eval()
    batch = random_batch(4)
    for sample in batch['data_samples']:
        del sample.identity
    plain = small_recognizer(None).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        ours = model.test_step(copy.deepcopy(batch))
        theirs = plain.test_step(copy.deepcopy(batch))
    for one, other in zip(ours, theirs):
        assert torch.equal(one.pred_score, other.pred_score)


@pytest.mark.parametrize('decoder, spoil, message', [
    (False, lambda b: b['data_samples'][0].pop('identity'), 'LoadIdentity'),
    (True, lambda b: b['inputs'].pop('apex'), 'mmfer.ReadApex'),
    (True, lambda b: [s.pop('apex_valid') for s in b['data_samples']],
     'apex_valid'),
])
def test_what_the_pipeline_forgot_is_named(decoder, spoil, message):
    model = small_recognizer('dcor', decoder=decoder)
    batch = random_batch(4, decoder=decoder)
    spoil(batch)
    with pytest.raises(ValueError, match=message):
        model.train_step(batch, _optimiser(model))


def test_one_optimiser_for_an_estimator_is_refused():
    model = small_recognizer('vclub')
    optimiser = build_optim_wrapper(
        model, dict(optimizer=dict(type='SGD', lr=0.1)))
    with pytest.raises(ValueError, match='MinMinOptimWrapperConstructor'):
        model.train_step(random_batch(4), optimiser)


def test_decoder_without_identity_head_is_refused():
    from mmaction.registry import MODELS
    with pytest.raises(ValueError, match='needs an `identity_head`'):
        MODELS.build(
            dict(
                type='mmfer.IdentityAwareRecognizer',
                backbone=dict(type='mmfer.ResidualResNet', depth=10),
                cls_head=dict(
                    type='mmfer.FERHead', num_classes=2, in_channels=512,
                    num_segments=2),
                apex_decoder=dict(
                    type='mmfer.ApexDecoder', expression_channels=512,
                    identity_channels=4)))


@pytest.mark.parametrize('penalty', _penalties())
def test_half_precision_takes_steps_of_every_penalty(penalty):
    model = small_recognizer(penalty)
    if model.estimator is None:
        model = small_recognizer(penalty, memory=16)
    optimiser = _optimiser(model)
    for _ in range(2):
        with torch.autocast('cpu', torch.bfloat16):
            log = model.train_step(random_batch(12), optimiser)
        assert all(torch.isfinite(torch.as_tensor(v)) for v in log.values())
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        sample = model.test_step(random_batch(2))[0]
    assert sample.pred_score.dtype == torch.float32


def _config(**kwargs):
    return dict(
        type='mmfer.IdentityAwareRecognizer',
        backbone=dict(
            type='mmfer.ResidualResNet', depth=10, in_channels=1,
            width=0.125, num_stages=1, stem='patch'),
        cls_head=dict(
            type='mmfer.FERHead', num_classes=3, in_channels=EXPRESSION,
            num_segments=2),
        identity_head=dict(
            type='mmfer.IdentityMIHead', penalty=dict(type='dcor'),
            expression_channels=EXPRESSION, identity_channels=6),
        **kwargs)


def test_blending_beside_an_identity_head_is_refused():
    blending = dict(
        type='mmfer.FERDataPreprocessor',
        blending=dict(type='MixupBlending', num_classes=3, alpha=1.))
    cfg = _config(data_preprocessor=blending)
    with pytest.raises(ValueError, match='an identity cannot be mixed'):
        MODELS.build(copy.deepcopy(cfg))
    MODELS.build(dict(copy.deepcopy(cfg), identity_head=None))


def test_only_training_needs_the_weights_of_the_face_network():
    model = MODELS.build(
        _config(
            data_preprocessor=dict(
                type='mmfer.FERDataPreprocessor',
                streams=dict(keyframe=dict(mean=[0.], std=[1.]))),
            identity_encoder=dict(
                type='mmfer.IResNet', depth=18, width=0.125,
                embedding_channels=6, input_size=32,
                checkpoint='/nowhere/backbone.pth')))
    with torch.no_grad():
        model.eval().test_step(random_batch(2))
    batch = random_batch(4)
    batch['inputs'] = dict(
        imgs=batch['inputs'], keyframe=[torch.zeros(3, 32, 32)] * 4)
    missing = '/nowhere/backbone.pth: no such file of weights'
    with pytest.raises(FileNotFoundError, match=missing):
        model.train().train_step(batch, _optimiser(model))
    # A runner draws the weights before it trains, and is told then.
    with pytest.raises(FileNotFoundError, match=missing):
        model.init_weights()


def test_the_face_network_draws_no_number_of_the_model():
    cfg = _config()
    encoder = dict(
        type='mmfer.IResNet', depth=18, width=0.125, embedding_channels=6,
        input_size=32, checkpoint=None)
    after = []
    for extra in ({}, dict(identity_encoder=encoder)):
        torch.manual_seed(0)
        MODELS.build(dict(copy.deepcopy(cfg), **extra)).init_weights()
        after.append(torch.rand(1))
    assert after[0] == after[1]


def test_losses_of_a_neck_are_added():
    class Neck(torch.nn.Module):

        def forward(self, x, data_samples=None):
            return x[0].mean(2, keepdim=True), dict(loss_aux=x[0].mean())

    for penalty in ('dcor', 'vclub', None):
        model = small_recognizer(penalty)
        model.cls_head.num_segments = 1
        model.neck = Neck()
        # A neck reads the maps of several stages.
        model.backbone.register_forward_hook(lambda _, __, maps: (maps, ))
        log = model.train_step(random_batch(6), _optimiser(model))
        assert 'loss_aux' in log, penalty
