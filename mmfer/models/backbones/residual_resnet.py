# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A ResNet for signed residuals of small faces."""
from typing import Optional, Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule, constant_init, kaiming_init
from torch import nn

from mmfer.registry import MODELS
from .imagenet_weights import load_imagenet_weights
from .temporal_shift import TemporalShift

#: Blocks per stage.
DEPTHS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., 2016).

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        stride (int): Stride of the first convolution. Defaults to 1.
        shift (nn.Module, optional): Applied before the first convolution, and
            not on the shortcut, so that the spatial features stay.
            Defaults to None.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int,
                 stride: int = 1,
                 shift: Optional[nn.Module] = None) -> None:
        super().__init__()
        self.shift = shift
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        if self.shift is not None:
            x = self.shift(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return self.relu(x + shortcut)


@MODELS.register_module()
class ResidualResNet(BaseModule):
    """ResNet for residuals, narrow and small enough to train on a CPU.

    Differences from the usual one: a BatchNorm on the input, which learns the
    scale of residuals and motion (it depends on codec and quantiser, CoViAR
    does the same); stems for small pictures; a width multiplier; any number of
    input channels; optionally a temporal shift in every block.

    The names of the parameters are those of torchvision's ResNet.

    Args:
        depth (int): 10, 18 or 34. Defaults to 18.
        in_channels (int): 1 (y), 3 (bgr, yuv), each plus 2 with motion.
            Defaults to 3.
        width (float): Multiplies the channels 64, 128, 256, 512; each is
            rounded to a multiple of 8. Defaults to 1.0.
        num_stages (int): Stages in use, 1 to 4. Defaults to 4.
        stem (str): 'imagenet', 7x7 convolution of stride 2 and pooling of
            stride 2, as the weights from ImageNet need it; 'patch', 5x5
            convolution of stride 4, the cheapest; 'small', 3x3 convolution of
            stride 2. Defaults to 'imagenet'.
        num_segments (int, optional): Pictures per clip, which switches the
            temporal shift on. Defaults to None.
        shift_div (int): One ``shift_div``-th of the channels is shifted each
            way. Defaults to 8.
        input_norm (bool): Whether to normalise the input. Defaults to True.
        channels_last (bool): Whether to keep features in the memory order in
            which CPUs and tensor cores convolve fastest. Defaults to False.
        pretrained (str, optional): File or URL of ImageNet weights of a ResNet
            as torchvision or mmaction2 names them; needs ``width=1.0``.
            Defaults to None.
        init_cfg (dict, optional): mmengine's initialisation.
            Defaults to None.
    """

    def __init__(self,
                 depth: int = 18,
                 in_channels: int = 3,
                 width: float = 1.0,
                 num_stages: int = 4,
                 stem: str = 'imagenet',
                 num_segments: Optional[int] = None,
                 shift_div: int = 8,
                 input_norm: bool = True,
                 channels_last: bool = False,
                 pretrained: Optional[str] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if depth not in DEPTHS:
            raise ValueError(
                f'`depth` is one of {tuple(DEPTHS)}, got {depth}')
        if not 1 <= num_stages <= 4:
            raise ValueError(f'`num_stages` is 1 to 4, got {num_stages}')
        if pretrained is not None and (width != 1 or stem != 'imagenet'):
            raise ValueError(
                'ImageNet weights fit width=1.0 and stem="imagenet" only, got '
                f'width={width} and stem={stem!r}')
        self.depth = depth
        self.in_channels = in_channels
        self.num_segments = num_segments
        self.shift_div = shift_div
        self.channels_last = channels_last
        self.pretrained = pretrained
        channels = [max(8, 8 * round(c * width / 8))
                    for c in (64, 128, 256, 512)][:num_stages]
        #: Channels of the output.
        self.out_channels = channels[-1]

        self.input_norm = \
            nn.BatchNorm2d(in_channels) if input_norm else nn.Identity()
        self._make_stem(stem, channels[0])
        previous = channels[0]
        for number, count in enumerate(DEPTHS[depth][:num_stages]):
            stage = self._make_stage(
                previous, channels[number], count, 1 if number == 0 else 2)
            # torchvision's names
            self.add_module(f'layer{number + 1}', stage)
            previous = channels[number]
        self.num_stages = num_stages

    def _make_stem(self, stem: str, channels: int) -> None:
        kernel, stride = {
            'imagenet': (7, 2), 'patch': (5, 4), 'small': (3, 2)
        }.get(stem, (None, None))
        if kernel is None:
            raise ValueError(
                f"`stem` is 'imagenet', 'patch' or 'small', got {stem!r}")
        self.conv1 = nn.Conv2d(
            self.in_channels, channels, kernel, stride,
            padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) \
            if stem == 'imagenet' else nn.Identity()

    def _make_stage(self, in_channels: int, channels: int, count: int,
                    stride: int) -> nn.Sequential:
        blocks = []
        for number in range(count):
            shift = None if self.num_segments is None else \
                TemporalShift(self.num_segments, self.shift_div)
            blocks.append(
                ResidualBlock(
                    in_channels if number == 0 else channels, channels,
                    stride if number == 0 else 1, shift))
        return nn.Sequential(*blocks)

    def init_weights(self) -> None:
        """Draw the weights, or take them from ImageNet."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                kaiming_init(module)
            elif isinstance(module, nn.BatchNorm2d):
                constant_init(module, 1)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                # A block starts as its shortcut, which trains faster.
                constant_init(module.bn2, 0)
        super().init_weights()
        if self.pretrained is not None:
            loaded = load_imagenet_weights(self, self.pretrained)
            print_log(
                f'{self.pretrained}: {loaded} tensors taken', logger='current')
        if self.channels_last:
            self.to(memory_format=torch.channels_last)

    @property
    def stages(self) -> Sequence[nn.Module]:
        """The stages in order."""
        return [
            getattr(self, f'layer{number + 1}')
            for number in range(self.num_stages)
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Extract features.

        Args:
            x (torch.Tensor): float32, (N, in_channels, H, W); N is a multiple
                of ``num_segments`` if that is set.

        Returns:
            torch.Tensor: (N, out_channels, h, w); h = H / 32 for four stages.
        """
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f'the backbone has in_channels={self.in_channels} but the '
                f'pipeline gives {x.shape[1]} (y is 1, bgr and yuv 3, motion '
                'adds 2)')
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        x = self.input_norm(x)
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            x = stage(x)
        return x
