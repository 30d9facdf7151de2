# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402

from mmfer.models import ArcFaceHead  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
LABELS = [2, 0, 1, 4]


def _samples(labels=LABELS):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def _head(**kwargs):
    torch.manual_seed(0)
    head = ArcFaceHead(5, 6, **kwargs)
    torch.nn.init.normal_(head.weight)
    return head


def _expected(x, weight, labels, scale, margin):
    """Cross-entropy with the margin, by arc cosines in float64."""
    x = x.detach().double().numpy()
    w = weight.detach().double().numpy()
    cosine = x @ w.T / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(
        w, axis=1)
    angle = np.arccos(cosine)
    angle[np.arange(len(x)), labels] += margin
    assert angle.max() < math.pi
    scores = scale * np.cos(angle)
    chosen = scores[np.arange(len(x)), labels]
    return np.mean(np.log(np.exp(scores).sum(1)) - chosen)


@pytest.mark.parametrize('margin', [0., 0.5])
def test_loss_is_that_of_the_paper(margin):
    head = _head(scale=8., margin=margin)
    x = torch.randn(4, 6) * 10
    loss = head.loss(x, _samples(), num_segs=1)['loss_cls']
    assert loss.item() == pytest.approx(
        _expected(x, head.weight, LABELS, 8., margin), rel=1e-5)


def test_the_length_of_embeddings_does_not_count():
    head = _head()
    x = torch.randn(4, 6)
    a, b = (head.loss(y, _samples())['loss_cls'] for y in (x, 100 * x))
    assert a.item() == pytest.approx(b.item(), rel=1e-5)


def test_a_worse_angle_never_scores_better():
    head = _head(margin=0.5)
    cosine = torch.linspace(1, -1, 2001)[:, None]
    scores = head._harder(cosine)
    assert (scores.diff(dim=0) < 0).all()
    assert (scores <= cosine).all()
    # No step where the angle with the margin passes 180 degrees.
    assert scores.diff(dim=0).abs().max() < 0.03


def test_gradients_are_finite_at_the_class_itself():
    head = _head()
    x = head.weight[LABELS].detach().clone().requires_grad_()
    head.loss(x, _samples())['loss_cls'].backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(head.weight.grad).all() and head.weight.grad.any()


def test_autocast_changes_nothing():
    head = _head()
    x = torch.randn(4, 6)
    plain = head.loss(x, _samples())['loss_cls']
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(head.loss(x, _samples())['loss_cls'], plain)


def test_several_pictures_of_a_sample_share_its_label():
    head = _head()
    x = torch.randn(8, 6)
    both = head.loss(x, _samples(), num_segs=2)
    single = head.loss(x, _samples([2, 2, 0, 0, 1, 1, 4, 4]))
    assert torch.equal(both['loss_cls'], single['loss_cls'])


def test_prediction_is_a_unit_embedding():
    head = _head()
    x = torch.randn(8, 6) * 5
    samples = head.predict(x, _samples(), num_segs=2)
    units = x / x.norm(dim=1, keepdim=True)
    for number, sample in enumerate(samples):
        mean = units[2 * number] + units[2 * number + 1]
        assert torch.allclose(sample.pred_embedding, mean / mean.norm(),
                              atol=1e-6)


def test_impossible_margins_are_refused():
    with pytest.raises(ValueError, match='margin'):
        ArcFaceHead(5, 6, margin=2.)
