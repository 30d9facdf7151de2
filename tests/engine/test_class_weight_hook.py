# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

pytest.importorskip('mmaction')

from mmaction.registry import HOOKS  # noqa: E402
from mmaction.structures import ActionDataSample  # noqa: E402
from sklearn.utils.class_weight import compute_class_weight  # noqa: E402

from mmfer.engine.hooks.class_weight_hook import class_weights  # noqa: E402
from mmfer.models.heads import FERHead  # noqa: E402

LABELS = [0] * 6 + [1] * 3 + [2]

pytestmark = pytest.mark.usefixtures('mmaction_scope')


class Clips:
    """Labels of clips, and nothing else."""

    def __len__(self):
        return len(LABELS)

    def get_data_info(self, index):
        return dict(label=LABELS[index])


def _runner(loss='CrossEntropyLoss', **kwargs):
    torch.manual_seed(0)
    head = FERHead(3, 4, num_segments=1, dropout_ratio=0.,
                   loss_cls=dict(type=loss, **kwargs))
    head.init_weights()
    return SimpleNamespace(
        model=SimpleNamespace(cls_head=head),
        train_dataloader=SimpleNamespace(dataset=Clips(), sampler=None))


def _hook(**kwargs):
    return HOOKS.build(dict(type='mmfer.ClassWeightHook', **kwargs))


def test_weights_agree_with_scikit_learn():
    expected = compute_class_weight(
        'balanced', classes=np.arange(3), y=np.array(LABELS))
    assert class_weights([6, 3, 1]) == pytest.approx(expected)


@pytest.mark.parametrize('power', [0, .5, 1])
def test_the_loss_keeps_its_size(power):
    counts = np.array([6, 3, 0, 1])
    weights = class_weights(counts, power)
    assert weights @ counts == pytest.approx(10)
    assert weights[2] == 1
    assert weights[3] / weights[0] == pytest.approx(6**power)


def test_the_loss_of_the_head_is_weighted():
    runner = _runner()
    _hook(power=.5).before_train(runner)
    head = runner.model.cls_head
    features = torch.randn(5, 4, 2, 2)
    samples = [ActionDataSample().set_gt_label(i % 3) for i in range(5)]
    got = head.loss(features, samples, num_segs=1)['loss_cls']
    logits = features.mean((2, 3)) @ head.fc_cls.weight.T + head.fc_cls.bias
    expected = functional.cross_entropy(
        logits, torch.arange(5) % 3,
        weight=torch.tensor(class_weights([6, 3, 1], .5)).float())
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)
    # Not a part of the checkpoint.
    assert not any('weight' in key for key in head.loss_cls.state_dict())


@pytest.mark.parametrize('runner, said', [
    (dict(class_weight=[1., 2., 3.]), 'given twice'),
    (dict(loss='BCELossWithLogits', class_weight=[1., 1., 1.]), 'twice'),
    (dict(loss='CBFocalLoss', samples_per_cls=[6, 3, 1]), 'CBFocalLoss'),
])
def test_what_cannot_be_weighted_is_said(runner, said):
    with pytest.raises(ValueError, match=said):
        _hook().before_train(_runner(**runner))
    with pytest.raises(ValueError, match='between 0 and 1'):
        _hook(power=2)
