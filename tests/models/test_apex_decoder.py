# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip('mmaction')

from mmfer.registry import MODELS  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _decoder(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='mmfer.ApexDecoder',
            expression_channels=5,
            identity_channels=3,
            base_channels=8,
            **kwargs))


@pytest.mark.parametrize('size, channels', [(64, 3), (32, 1)])
def test_shape_and_range(size, channels):
    decoder = _decoder(size=size, out_channels=channels)
    faces = decoder(torch.randn(2, 5), torch.randn(2, 3))
    assert faces.shape == (2, channels, size, size)
    assert faces.abs().max() <= 1


def test_loss_counts_clips_with_an_apex_only():
    decoder = _decoder()
    f, i = torch.randn(4, 5), torch.randn(4, 3)
    apex = torch.rand(4, 3, 128, 128) * 2 - 1
    losses = decoder.loss(f, i, apex, torch.tensor([1., 0., 1., 0.]))
    target = F.avg_pool2d(apex, 2)
    errors = (decoder(f, i) - target).abs().mean((1, 2, 3))
    # Clips without apex count as zero in the loss and not at all in the log.
    assert losses['loss_complementary'].item() == pytest.approx(
        (errors[0] + errors[2]).item() / 4, rel=1e-4)
    assert losses['apex_error'].item() == pytest.approx(
        (errors[0] + errors[2]).item() / 2, rel=1e-4)


def test_every_parameter_takes_part_without_any_apex():
    decoder = _decoder()
    losses = decoder.loss(
        torch.randn(2, 5), torch.randn(2, 3), torch.zeros(2, 3, 64, 64),
        torch.zeros(2))
    losses['loss_complementary'].backward()
    assert all(p.grad is not None for p in decoder.parameters())
    assert losses['apex_error'] == 0


def test_it_learns_one_face_from_both_codes():
    decoder = _decoder(size=32)
    f, i = torch.randn(2, 5), torch.randn(2, 3)
    apex = torch.rand(2, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(
        8, 3) * 2 - 1
    optimiser = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    values = []
    for _ in range(60):
        loss = decoder.loss(f, i, apex, torch.ones(2))['loss_complementary']
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert values[-1] < 0.3 * values[0]


@pytest.mark.parametrize('kwargs', [dict(size=60), dict(out_channels=2)])
def test_settings_out_of_range(kwargs):
    with pytest.raises(ValueError):
        _decoder(**kwargs)
