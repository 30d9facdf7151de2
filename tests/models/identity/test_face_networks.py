# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Published weights fit: same names, same shapes, same outputs."""
import pytest
import torch

pytest.importorskip('mmaction')

from mmfer.models import InceptionResnetV1, IResNet  # noqa: E402
from mmfer.testing.face_weights import (DIGESTS, digest,  # noqa: E402
                                        draw_weights, inception_forward,
                                        inception_shapes, iresnet_forward,
                                        iresnet_shapes)


def _shapes(network):
    return [(name, tuple(tensor.shape))
            for name, tensor in network.state_dict().items()]


@pytest.mark.parametrize('depth', [18, 34, 50, 100])
def test_iresnet_has_the_names_and_shapes_of_insightface(depth):
    with torch.device('meta'):
        network = IResNet(depth)
    count, known = DIGESTS[f'iresnet{depth}']
    shapes = iresnet_shapes(depth)
    assert len(shapes) == count and digest(shapes) == known
    assert _shapes(network) == shapes


def test_inception_has_the_names_and_shapes_of_facenet_pytorch():
    with torch.device('meta'):
        network = InceptionResnetV1()
    count, known = DIGESTS['inception_resnet_v1']
    shapes = inception_shapes()
    assert len(shapes) == count and digest(shapes) == known
    assert _shapes(network) == shapes


@pytest.mark.parametrize('channels_last', [False, True])
def test_iresnet_computes_what_its_weights_mean(channels_last):
    network = IResNet(18, width=0.25, channels_last=channels_last).eval()
    draw_weights(network)
    x = torch.randn(1, 3, 112, 112)
    with torch.no_grad():
        expected = iresnet_forward(x, network.state_dict())
        found = network(x)
    assert found.shape == (1, 512)
    assert torch.allclose(found, expected, rtol=1e-3,
                          atol=1e-5 * expected.abs().max())


def test_inception_computes_what_its_weights_mean():
    network = InceptionResnetV1().eval()
    draw_weights(network)
    x = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        expected = inception_forward(x, network.state_dict())
        found = network(x)
    assert found.shape == (1, 512)
    assert torch.allclose(found, expected, rtol=1e-3,
                          atol=1e-5 * expected.abs().max())


def test_a_narrow_one_learns_with_every_parameter_but_the_scale():
    torch.manual_seed(0)
    network = IResNet(18, embedding_channels=32, width=0.125, stem_stride=2,
                      input_size=40)
    network.init_weights()
    network(torch.randn(4, 3, 40, 40)).square().sum().backward()
    without = [name for name, parameter in network.named_parameters()
               if parameter.grad is None]
    assert without == ['features.weight']
    assert network.out_channels == 32
    assert network.preprocess['size'] == 40


@pytest.mark.parametrize('option', [dict(depth=20), dict(stem_stride=4)])
def test_options_that_do_not_exist(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        IResNet(**option)


def test_another_size_is_told():
    network = IResNet(18, width=0.125, input_size=32)
    with pytest.raises(ValueError, match=r'\(3, 32, 32\), got \(3, 48, 32\)'):
        network(torch.zeros(1, 3, 48, 32))


@pytest.mark.parametrize('network, size', [
    (IResNet(18, embedding_channels=8, width=0.125, input_size=32), 32),
    (InceptionResnetV1(dropout_ratio=0.), 160)
], ids=['iresnet', 'inception'])
def test_a_batch_of_one_picture_trains(network, size):
    network.train()
    last = [m for m in network.modules()
            if isinstance(m, torch.nn.BatchNorm1d)][-1]
    before = last.running_var.clone()
    found = network(torch.randn(1, 3, size, size))
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert torch.equal(last.running_var, before)
    # More than one are normalised as ever.
    plain = torch.nn.BatchNorm1d(found.shape[1], eps=last.eps).train()
    x = torch.randn(5, found.shape[1])
    plain.load_state_dict(last.state_dict())
    assert torch.equal(last(x), plain(x))
    assert torch.equal(last.running_var, plain.running_var)
