# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.models.backbones import ResNet  # noqa: E402

from mmfer.models import ResidualResNet  # noqa: E402
from mmfer.models.backbones.imagenet_weights import (  # noqa: E402
    adapt_first_conv, rename_to_torchvision)
from mmfer.models.backbones.temporal_shift import TemporalShift  # noqa: E402

SMALL = dict(depth=10, width=0.25, stem='patch')


@pytest.mark.parametrize('kwargs, channels, size', [
    (dict(depth=18), 512, 4),
    (dict(depth=10, width=0.5), 256, 4),
    (dict(depth=10, width=0.25, num_stages=3, stem='patch'), 64, 7),
    (dict(depth=10, width=0.25, num_stages=2, stem='small'), 32, 28),
])
def test_shapes(kwargs, channels, size):
    model = ResidualResNet(**kwargs)
    assert model.out_channels == channels
    assert model(torch.randn(2, 3, 112, 112)).shape == (2, channels, size,
                                                        size)


@pytest.mark.parametrize('in_channels', [1, 2, 3, 4, 5])
def test_channels(in_channels):
    model = ResidualResNet(in_channels=in_channels, **SMALL)
    model(torch.randn(2, in_channels, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with pytest.raises(ValueError, match=f'in_channels={in_channels} but'):
        model(torch.randn(2, in_channels + 1, 64, 64))


def test_resnet18_has_the_size_of_torchvisions():
    model = ResidualResNet(18, input_norm=False)
    # 11,689,512 parameters, less the classifier's 512 * 1000 + 1000.
    assert sum(p.numel() for p in model.parameters()) == 11176512


def test_input_norm_takes_the_scale_out():
    torch.manual_seed(0)
    model = ResidualResNet(**SMALL).train()
    x = torch.randn(4, 3, 64, 64)
    scale = torch.tensor([1., 20., 300.]).view(1, 3, 1, 1)
    assert torch.allclose(model(x), model(x * scale), atol=1e-3)


def test_a_block_starts_as_its_shortcut():
    model = ResidualResNet(**SMALL)
    model.init_weights()
    block = model.layer1[0]
    x = torch.rand(2, 16, 8, 8)
    assert torch.equal(block.eval()(x), x)


def test_temporal_shift():
    x = torch.arange(2 * 3 * 8.).view(6, 8, 1, 1)  # two clips of three
    shifted = TemporalShift(3, shift_div=4)(x).flatten(1)
    x = x.flatten(1)
    for clip in (0, 3):
        first, second, third = range(clip, clip + 3)
        # Channels 0-1 come from the next picture, 2-3 from the last one.
        assert torch.equal(shifted[first, :2], x[second, :2])
        assert torch.equal(shifted[second, :2], x[third, :2])
        assert not shifted[third, :2].any()
        assert not shifted[first, 2:4].any()
        assert torch.equal(shifted[second, 2:4], x[first, 2:4])
        assert torch.equal(shifted[third, 2:4], x[second, 2:4])
    assert torch.equal(shifted[:, 4:], x[:, 4:])
    with pytest.raises(ValueError, match='not a multiple of num_segments=4'):
        TemporalShift(4)(x)


@pytest.mark.parametrize('num_segments', [None, 4])
def test_only_the_shift_mixes_pictures(num_segments):
    torch.manual_seed(0)
    model = ResidualResNet(num_segments=num_segments, **SMALL).eval()
    x = torch.randn(8, 3, 64, 64)
    changed = x.clone()
    changed[1] += 1
    differs = (model(x) != model(changed)).flatten(1).any(1).tolist()
    # Four blocks: the change reaches all of its clip, never the other.
    assert differs == ([False, True] + 6 * [False] if num_segments is None
                       else 4 * [True] + 4 * [False])


def test_channels_last_gives_the_same():
    torch.manual_seed(0)
    model = ResidualResNet(**SMALL)
    model.init_weights()
    last = ResidualResNet(channels_last=True, **SMALL)
    last.init_weights()
    last.load_state_dict(model.state_dict())
    x = torch.randn(2, 3, 64, 64)
    out = last.eval()(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out, model.eval()(x), atol=1e-4)


def test_first_conv_of_a_grey_picture_is_unchanged():
    weight = torch.randn(4, 3, 7, 7)
    grey = torch.randn(1, 1, 16, 16)
    expected = torch.conv2d(grey.repeat(1, 3, 1, 1), weight)
    for channels in (1, 2, 5):
        adapted = adapt_first_conv(weight, channels)
        out = torch.conv2d(grey.repeat(1, channels, 1, 1), adapted)
        assert torch.allclose(out, expected, atol=1e-4)
    assert adapt_first_conv(weight, 3) is weight


@pytest.fixture(scope='module')
def mmaction_weights(tmp_path_factory):
    """mmaction2's ResNet-18 with random weights, and its checkpoint."""
    torch.manual_seed(0)
    model = ResNet(18, pretrained=None, norm_eval=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    path = tmp_path_factory.mktemp('weights') / 'resnet18.pth'
    torch.save(
        dict(state_dict={f'backbone.{k}': v
                         for k, v in model.state_dict().items()}), path)
    model.eval()  # mmaction2's returns None
    return model, str(path)


def test_imagenet_weights_of_mmaction2_give_its_features(mmaction_weights):
    reference, path = mmaction_weights
    model = ResidualResNet(18, input_norm=False, pretrained=path)
    model.init_weights()
    x = torch.randn(2, 3, 64, 64)
    assert torch.allclose(model.eval()(x), reference(x), atol=1e-4)


@pytest.mark.parametrize('depth, in_channels', [(18, 5), (10, 1)])
def test_imagenet_weights_torchvision_names(mmaction_weights, tmp_path,
                                            depth, in_channels):
    reference, _ = mmaction_weights
    state = rename_to_torchvision(reference.state_dict())
    state['fc.weight'] = torch.randn(1000, 512)
    path = tmp_path / 'torchvision.pth'
    torch.save(state, path)
    model = ResidualResNet(
        depth, in_channels=in_channels, pretrained=str(path))
    model.init_weights()
    assert torch.equal(model.layer4[0].conv2.weight,
                       reference.layer4[0].conv2.conv.weight)
    assert torch.allclose(model.conv1.weight.sum(1),
                          reference.conv1.conv.weight.sum(1), atol=1e-5)


def test_wrong_weights_are_refused(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'conv1.weight': torch.zeros(64, 3, 7, 7)}, path)
    model = ResidualResNet(18, pretrained=str(path))
    with pytest.raises(ValueError, match='not the weights of a ResNet'):
        model.init_weights()
    model = ResidualResNet(18, pretrained=str(tmp_path / 'none.pth'))
    with pytest.raises(FileNotFoundError, match='none.pth'):
        model.init_weights()


def test_no_code_is_run_from_weights(tmp_path):
    class Evil:

        def __reduce__(self):
            return (open, (str(tmp_path / 'written'), 'w'))

    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=Evil()), path)
    model = ResidualResNet(18, pretrained=str(path))
    with pytest.raises(Exception, match='[Ww]eights'):
        model.init_weights()
    assert not (tmp_path / 'written').exists()


@pytest.mark.parametrize('kwargs, word', [
    (dict(depth=50), 'depth'), (dict(stem='big'), 'stem'),
    (dict(num_stages=5), 'num_stages'),
    (dict(width=0.5, pretrained='x'), 'width=1.0')
])
def test_arguments_are_checked(kwargs, word):
    with pytest.raises(ValueError, match=word):
        ResidualResNet(**kwargs)
