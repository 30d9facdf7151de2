# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

pytest.importorskip('mmaction')

from mmengine.optim import OptimWrapper, build_optim_wrapper  # noqa: E402
from mmengine.registry import OPTIM_WRAPPERS  # noqa: E402

from mmfer.engine import MinMinOptimWrapperDict  # noqa: E402
from mmfer.testing.identity_aware import (random_batch,  # noqa: E402
                                          small_recognizer)

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _config(**kwargs):
    return dict(
        constructor='mmfer.MinMinOptimWrapperConstructor',
        optimizer=dict(type='SGD', lr=0.1),
        estimator=dict(optimizer=dict(type='Adam', lr=0.01)),
        **kwargs)


def _parameters(wrapper):
    groups = wrapper.optimizer.param_groups
    return {id(p) for group in groups for p in group['params']}


@pytest.mark.parametrize('paramwise', [None, dict(custom_keys=dict(
    backbone=dict(lr_mult=0.1)))])
def test_each_parameter_belongs_to_one_optimiser(paramwise):
    model = small_recognizer('vclub')
    built = build_optim_wrapper(model, _config(paramwise_cfg=paramwise))
    assert isinstance(built, MinMinOptimWrapperDict)
    ours, theirs = _parameters(built['model']), _parameters(
        built['estimator'])
    assert not ours & theirs
    assert theirs == {id(p) for p in model.estimator.parameters()}
    assert ours | theirs == {id(p) for p in model.parameters()}
    assert set(built.get_lr()) >= {'model.lr', 'estimator.lr'}


@pytest.mark.parametrize('penalty', ['dcor', None])
def test_a_model_without_estimator_gets_a_plain_optimiser(penalty):
    built = build_optim_wrapper(small_recognizer(penalty), _config())
    assert type(built) is OptimWrapper


def test_an_estimator_without_settings_is_named():
    config = _config()
    del config['estimator']
    with pytest.raises(ValueError, match='estimator=dict'):
        build_optim_wrapper(small_recognizer('vclub'), config)


def test_what_amp_sets_holds_for_both():
    """mmaction2's --amp writes `type` and `loss_scale` at the top."""

    class Recorded(OptimWrapper):

        def __init__(self, loss_scale=None, **kwargs):
            super().__init__(**kwargs)
            self.loss_scale = loss_scale

    OPTIM_WRAPPERS.register_module(name='Recorded', module=Recorded)
    try:
        built = build_optim_wrapper(
            small_recognizer('vclub'),
            _config(type='Recorded', loss_scale='dynamic'))
    finally:
        OPTIM_WRAPPERS.module_dict.pop('Recorded')
    for name in ('model', 'estimator'):
        assert isinstance(built[name], Recorded)
        assert built[name].loss_scale == 'dynamic'


def test_gradient_norms_are_logged_apart():
    config = _config(clip_grad=dict(max_norm=1.))
    config['estimator']['clip_grad'] = dict(max_norm=2.)
    built = build_optim_wrapper(small_recognizer('vclub'), config)
    assert built['model'].grad_name == 'grad_norm'
    assert built['estimator'].grad_name == 'estimator_grad_norm'


def test_accumulation_steps_the_model_rarely_and_the_estimator_always():
    model = small_recognizer('vclub', steps=2)
    built = build_optim_wrapper(model, _config(accumulative_counts=3))
    built.initialize_count_status(model, 0, 5)
    weight = model.backbone.conv1.weight
    estimator = next(model.estimator.parameters())
    moved = []
    for step in range(5):
        before = weight.detach().clone(), estimator.detach().clone()
        model.train_step(random_batch(8, seed=step), built)
        moved.append(not torch.equal(weight, before[0]))
        assert not torch.equal(estimator, before[1])
    # The last, shorter window is not lost.
    assert moved == [False, False, True, False, True]


def test_accumulated_gradient_is_the_mean_of_its_parts():
    batches = [random_batch(8, seed=s) for s in range(2)]
    model = small_recognizer('dcor')
    built = build_optim_wrapper(model, _config(accumulative_counts=2))
    reference = small_recognizer('dcor')
    total = 0
    for batch in batches:
        data = reference.data_preprocessor(batch, True)
        total += 0.5 * reference.parse_losses(
            reference(**data, mode='loss'))[0]
        model.train_step(batch, built)
    total.backward()
    for name, parameter in reference.named_parameters():
        stepped = parameter.detach() - 0.1 * parameter.grad
        assert torch.allclose(
            model.get_parameter(name), stepped, atol=1e-6), name


def test_state_of_both_optimisers_is_saved_and_restored():
    model = small_recognizer('vclub')
    built = build_optim_wrapper(model, _config())
    model.train_step(random_batch(8), built)
    again = build_optim_wrapper(model, _config())
    again.load_state_dict(built.state_dict())
    one, other = (w['estimator'].optimizer.state for w in (built, again))
    for key in one:
        assert torch.equal(one[key]['exp_avg'], other[key]['exp_avg'])
