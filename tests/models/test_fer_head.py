# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402

from mmfer.models import FERHead  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
LABELS = [2, 0, 1]


def _samples(labels=LABELS):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def _head(**kwargs):
    torch.manual_seed(0)
    kwargs.setdefault('dropout_ratio', 0.)
    head = FERHead(4, 6, num_segments=5, **kwargs)
    head.init_weights()
    torch.nn.init.normal_(head.fc_cls.weight)
    return head


@pytest.mark.parametrize('consensus', ['mean', 'attention', 'conv'])
@pytest.mark.parametrize('pool_size', [1, 3])
def test_every_parameter_learns(consensus, pool_size):
    head = _head(consensus=consensus, pool_size=pool_size)
    losses = head.loss(torch.randn(15, 6, 4, 4), _samples(), num_segs=5)
    losses['loss_cls'].backward()
    assert all(p.grad.any() for p in head.parameters())
    assert 'top1_acc' in losses and 'top5_acc' not in losses


def test_mean_consensus_is_the_mean():
    head = _head()
    x = torch.randn(10, 6, 4, 4)
    expected = head.fc_cls(x.mean((2, 3)).view(2, 5, 6).mean(1))
    assert torch.allclose(head(x, num_segs=5), expected, atol=1e-6)


def test_attention_starts_as_the_mean_and_can_choose():
    head, mean = _head(consensus='attention'), _head()
    mean.load_state_dict(head.state_dict(), strict=False)
    x = torch.randn(10, 6, 4, 4)
    assert torch.allclose(head(x), mean(x), atol=1e-6)
    with torch.no_grad():
        head.consensus.score.weight[0, 3] = 1e4
    features = x.mean((2, 3)).view(2, 5, 6)
    chosen = features[[0, 1], features[..., 3].argmax(1)]
    assert torch.allclose(head(x), head.fc_cls(chosen), atol=1e-5)


def test_only_conv_knows_the_order():
    x = torch.randn(5, 6, 4, 4)
    for consensus in ('mean', 'attention', 'conv'):
        head = _head(consensus=consensus).eval()
        same = torch.allclose(head(x), head(x.flip(0)), atol=1e-6)
        assert same == (consensus != 'conv')


def test_pooled_map_keeps_places_apart():
    x = torch.zeros(5, 6, 6, 6)
    x[:, 0, :2] = 1  # at the top
    for pool_size, same in ((1, True), (3, False)):
        head = _head(pool_size=pool_size).eval()
        assert torch.allclose(head(x), head(x.flip(2))) == same


def test_scores_are_averaged_over_clips():
    head = _head().eval()
    x = torch.randn(30, 6, 4, 4)  # three samples of two clips
    scores = head(x, num_segs=10)
    assert scores.shape == (6, 4)
    samples = head.predict(x, _samples(), num_segs=10)
    expected = scores.softmax(1).view(3, 2, 4).mean(1)
    for sample, row in zip(samples, expected):
        assert torch.allclose(sample.pred_score, row, atol=1e-6)
        assert sample.pred_label.item() == row.argmax().item()
    with pytest.raises(ValueError, match='not a multiple of num_segments=5'):
        head(x, num_segs=6)


def test_label_smoothing_is_torchs():
    head = _head(label_smooth_eps=0.2)
    x = torch.randn(15, 6, 4, 4)
    expected = F.cross_entropy(
        head(x), torch.tensor(LABELS), label_smoothing=0.2)
    assert torch.allclose(
        head.loss(x, _samples(), num_segs=5)['loss_cls'], expected)


def test_class_weights_are_torchs():
    weight = [1., 2., 5., 0.5]
    head = _head(loss_cls=dict(type='CrossEntropyLoss', class_weight=weight))
    x = torch.randn(15, 6, 4, 4)
    expected = F.cross_entropy(
        head(x), torch.tensor(LABELS), weight=torch.tensor(weight))
    assert torch.allclose(
        head.loss(x, _samples(), num_segs=5)['loss_cls'], expected)


def test_a_batch_of_one():
    head = _head(label_smooth_eps=0.1)
    losses = head.loss(torch.randn(5, 6, 4, 4), _samples([3]), num_segs=5)
    assert torch.isfinite(losses['loss_cls'])


def test_unknown_consensus():
    with pytest.raises(ValueError, match='`consensus`'):
        _head(consensus='max')
