# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The Inception-ResNet of FaceNet's descendants."""
from typing import Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModule
from torch import nn

from mmfer.registry import MODELS
from .embedding_norm import EmbeddingNorm

Kernel = Union[int, Tuple[int, int]]


class ConvNormReLU(nn.Module):
    """Convolution without bias, BatchNorm, ReLU.

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        kernel (int | tuple): Height and width. Defaults to 1.
        stride (int): Defaults to 1.
        padded (bool): Whether the map keeps its size at stride 1.
            Defaults to False.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int,
                 kernel: Kernel = 1,
                 stride: int = 1,
                 padded: bool = False) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = tuple(side // 2 for side in sides) if padded else 0
        self.conv = nn.Conv2d(
            in_channels, channels, sides, stride, padding, bias=False)
        # The epsilon of the TensorFlow network that the weights came from.
        self.bn = nn.BatchNorm2d(channels, eps=1e-3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, channels, h, w)."""
        return self.relu(self.bn(self.conv(x)))


def _branch(in_channels: int,
            channels: Sequence[int],
            kernels: Sequence[Kernel],
            stride: int = 1) -> nn.Sequential:
    """A row of convolutions; the last one strides, then unpadded."""
    layers = []
    last = len(channels) - 1
    for number, (count, kernel) in enumerate(zip(channels, kernels)):
        striding = stride > 1 and number == last
        layers.append(
            ConvNormReLU(in_channels, count, kernel,
                         stride if striding else 1, padded=not striding))
        in_channels = count
    return nn.Sequential(*layers)


class InceptionResidual(nn.Module):
    """Branches beside a shortcut, scaled (Szegedy et al., 2016).

    Args:
        in_channels (int): Channels of input and output.
        branches (Sequence[tuple]): Channels and kernels of each branch.
        scale (float): Weight of the branches.
        last_relu (bool): Whether a ReLU follows the sum. Defaults to True.
    """

    def __init__(self,
                 in_channels: int,
                 branches: Sequence[tuple],
                 scale: float,
                 last_relu: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.num_branches = len(branches)
        for number, (channels, kernels) in enumerate(branches):
            # A single layer has no number in the names of its weights.
            branch = ConvNormReLU(in_channels, channels[0], kernels[0]) \
                if len(channels) == 1 else \
                _branch(in_channels, channels, kernels)
            self.add_module(f'branch{number}', branch)
        total = sum(channels[-1] for channels, _ in branches)
        self.conv2d = nn.Conv2d(total, in_channels, 1)
        self.last_relu = last_relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to the same shape."""
        found = [
            getattr(self, f'branch{number}')(x)
            for number in range(self.num_branches)
        ]
        x = self.conv2d(torch.cat(found, dim=1)) * self.scale + x
        return x.relu() if self.last_relu else x


class InceptionReduction(nn.Module):
    """Striding branches and a maximum pooling, side by side.

    Args:
        in_channels (int): Channels of the input.
        branches (Sequence[tuple]): Channels and kernels of each branch.
    """

    def __init__(self, in_channels: int, branches: Sequence[tuple]) -> None:
        super().__init__()
        self.num_branches = len(branches)
        for number, (channels, kernels) in enumerate(branches):
            branch = ConvNormReLU(in_channels, channels[0], kernels[0], 2) \
                if len(channels) == 1 else \
                _branch(in_channels, channels, kernels, stride=2)
            self.add_module(f'branch{number}', branch)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Halve the map; the input's channels come last."""
        found = [
            getattr(self, f'branch{number}')(x)
            for number in range(self.num_branches)
        ]
        return torch.cat([*found, self.pool(x)], dim=1)


@MODELS.register_module()
class InceptionResnetV1(BaseModule):
    """Face recognition network, from a face to an embedding.

    The names and shapes of its parameters are those of facenet-pytorch's
    checkpoints (trained on VGGFace2 or CASIA-WebFace), which load as they
    are; their classification layer ``logits`` is left out. Structure after
    Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", 2016, with the sizes of the published
    weights.

    Args:
        dropout_ratio (float): Before the last layer. Defaults to 0.6.
        init_cfg (dict, optional): mmengine's initialisation.
            Defaults to None.
    """

    #: How facenet-pytorch presents faces to these networks.
    preprocess = dict(size=160, mean=127.5, std=128., channel_order='rgb')
    #: First parts of keys in published files that are not loaded.
    surplus_weights = ('logits', )
    #: Arguments that change nothing about the embeddings of given weights.
    runtime_options = ('dropout_ratio', 'init_cfg')
    #: Length of the embedding.
    out_channels = 512

    def __init__(self,
                 dropout_ratio: float = 0.6,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.conv2d_1a = ConvNormReLU(3, 32, 3, 2)
        self.conv2d_2a = ConvNormReLU(32, 32, 3)
        self.conv2d_2b = ConvNormReLU(32, 64, 3, padded=True)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = ConvNormReLU(64, 80)
        self.conv2d_4a = ConvNormReLU(80, 192, 3)
        self.conv2d_4b = ConvNormReLU(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*[
            InceptionResidual(256, [((32, ), (1, )), ((32, 32), (1, 3)),
                                    ((32, 32, 32), (1, 3, 3))], 0.17)
            for _ in range(5)
        ])
        self.mixed_6a = InceptionReduction(
            256, [((384, ), (3, )), ((192, 192, 256), (1, 3, 3))])
        self.repeat_2 = nn.Sequential(*[
            InceptionResidual(896, [((128, ), (1, )),
                                    ((128, 128, 128),
                                     (1, (1, 7), (7, 1)))], 0.10)
            for _ in range(10)
        ])
        self.mixed_7a = InceptionReduction(896, [((256, 384), (1, 3)),
                                                 ((256, 256), (1, 3)),
                                                 ((256, 256, 256),
                                                  (1, 3, 3))])
        last = [((192, ), (1, )), ((192, 192, 192), (1, (1, 3), (3, 1)))]
        self.repeat_3 = nn.Sequential(
            *[InceptionResidual(1792, last, 0.20) for _ in range(5)])
        self.block8 = InceptionResidual(1792, last, 1.0, last_relu=False)
        self.dropout = nn.Dropout(dropout_ratio)
        self.last_linear = nn.Linear(1792, self.out_channels, bias=False)
        self.last_bn = EmbeddingNorm(self.out_channels, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embed faces.

        Args:
            x (torch.Tensor): float32, (N, 3, H, W), normalised; H and W are
                160 with the published weights, at least 75.

        Returns:
            torch.Tensor: (N, 512), of any length: compare directions.
        """
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x)))
        x = self.repeat_1(self.conv2d_4b(x))
        x = self.repeat_2(self.mixed_6a(x))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        x = self.dropout(x.mean(dim=(2, 3)))
        return self.last_bn(self.last_linear(x))
