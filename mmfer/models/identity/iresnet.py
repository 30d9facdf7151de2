# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The ResNet of face recognition with ArcFace."""
from typing import Optional

import torch
from mmengine.model import BaseModule, constant_init, normal_init
from torch import nn

from mmfer.registry import MODELS
from .embedding_norm import EmbeddingNorm

#: Blocks per stage, as published with the weights.
DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3)
}


class IResNetBlock(nn.Module):
    """BN, 3x3 convolution, BN, PReLU, 3x3 convolution, BN, beside a shortcut.

    Normalised before the first convolution and linear behind the sum: Deng et
    al., "ArcFace", CVPR 2019, section 3.1, "improved residual unit".

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        stride (int): Stride of the second convolution. Defaults to 1.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int,
                 stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(x)) + shortcut


@MODELS.register_module()
class IResNet(BaseModule):
    """Face recognition network, from a face to an embedding.

    With the defaults the names and shapes of its parameters are those of the
    ``iresnet`` checkpoints of InsightFace's arcface_torch, so that these load
    as they are. A narrow one with a coarse stem trains on a CPU in minutes.

    Args:
        depth (int): 18, 34, 50 or 100. Defaults to 50.
        embedding_channels (int): Length D of the embedding. Defaults to 512.
        width (float): Multiplies the channels 64, 128, 256, 512; each is
            rounded to a multiple of 8. Defaults to 1.0.
        stem_stride (int): Stride of the first convolution; 2 divides the
            cost by four. Defaults to 1.
        input_size (int): Height and width of the faces; the last layer reads
            the whole map. Defaults to 112.
        dropout_ratio (float): Before the last layer. Defaults to 0.
        channels_last (bool): Whether to keep features in the memory order in
            which CPUs and tensor cores convolve fastest. Defaults to False.
        init_cfg (dict, optional): mmengine's initialisation.
            Defaults to None.
    """

    #: How InsightFace presents faces to these networks; see
    #: :class:`mmfer.models.identity.FacePreprocess`.
    preprocess = dict(size=112, mean=127.5, std=127.5, channel_order='rgb')
    #: Arguments that change nothing about the embeddings of given weights.
    runtime_options = ('dropout_ratio', 'channels_last', 'init_cfg')

    def __init__(self,
                 depth: int = 50,
                 embedding_channels: int = 512,
                 width: float = 1.0,
                 stem_stride: int = 1,
                 input_size: int = 112,
                 dropout_ratio: float = 0.,
                 channels_last: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if depth not in DEPTHS:
            raise ValueError(
                f'`depth` is one of {tuple(DEPTHS)}, got {depth}')
        if stem_stride not in (1, 2):
            raise ValueError(f'`stem_stride` is 1 or 2, got {stem_stride}')
        self.input_size = input_size
        self.channels_last = channels_last
        self.preprocess = dict(self.preprocess, size=input_size)
        #: Length of the embedding.
        self.out_channels = embedding_channels
        channels = [max(8, 8 * round(c * width / 8))
                    for c in (64, 128, 256, 512)]

        self.conv1 = nn.Conv2d(
            3, channels[0], 3, stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.prelu = nn.PReLU(channels[0])
        previous = channels[0]
        side = -(-input_size // stem_stride)
        for number, count in enumerate(DEPTHS[depth]):
            blocks = [IResNetBlock(previous, channels[number], stride=2)]
            blocks += [
                IResNetBlock(channels[number], channels[number])
                for _ in range(count - 1)
            ]
            self.add_module(f'layer{number + 1}', nn.Sequential(*blocks))
            previous = channels[number]
            side = -(-side // 2)
        self.bn2 = nn.BatchNorm2d(previous)
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(previous * side**2, embedding_channels)
        self.features = EmbeddingNorm(embedding_channels)
        # Only the direction of an embedding counts: its scale stays.
        self.features.weight.requires_grad = False

    def init_weights(self) -> None:
        """Draw the weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                normal_init(module, std=0.1)
            elif isinstance(module, nn.BatchNorm2d):
                constant_init(module, 1)
        super().init_weights()
        if self.channels_last:
            self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embed faces.

        Args:
            x (torch.Tensor): float32, (N, 3, input_size, input_size),
                normalised.

        Returns:
            torch.Tensor: (N, D), of any length: compare directions.
        """
        if x.shape[1:] != (3, self.input_size, self.input_size):
            raise ValueError(
                f'the network reads faces of (3, {self.input_size}, '
                f'{self.input_size}), got {tuple(x.shape[1:])}')
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        x = self.prelu(self.bn1(self.conv1(x)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        # Flattened (C, H, W), whatever the memory order.
        x = self.dropout(self.bn2(x).flatten(1))
        return self.features(self.fc(x))
