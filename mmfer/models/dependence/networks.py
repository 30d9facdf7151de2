# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The small networks that estimators learn."""
from typing import Tuple

import torch
from torch import nn


def perceptron(in_channels: int,
               out_channels: int,
               hidden_channels: int = 256,
               num_layers: int = 2) -> nn.Sequential:
    """Make a multilayer perceptron with SiLU.

    The input moves while the model learns. A ReLU that a fast step has pushed
    out of its range never comes back; a SiLU does.

    Args:
        in_channels (int): Input size.
        out_channels (int): Output size.
        hidden_channels (int): Size of each hidden layer. Defaults to 256.
        num_layers (int): Number of hidden layers. Defaults to 2.

    Returns:
        nn.Sequential: The network.
    """
    layers = []
    for _ in range(num_layers):
        layers += [nn.Linear(in_channels, hidden_channels), nn.SiLU()]
        in_channels = hidden_channels
    return nn.Sequential(*layers, nn.Linear(in_channels, out_channels))


class ConditionalGaussian(nn.Module):
    """A Gaussian whose mean and diagonal variance follow from an input.

    The log-variance is squeezed softly into a range that contains 0: an
    unbounded one turns small errors of the mean into gradients without limit.
    A bare tanh (range -1..1) is too tight and sticks at its ends.

    Args:
        in_channels (int): Size of the condition.
        out_channels (int): Size of the variable.
        hidden_channels (int): As in :func:`perceptron`. Defaults to 256.
        num_layers (int): As in :func:`perceptron`. Defaults to 2.
        learn_variance (bool): Whether the variance is predicted as well;
            otherwise it is 1. Defaults to True.
        log_variance_range (tuple[float, float]): The least and the greatest
            log-variance, below and above 0. Defaults to (-6, 2): standard
            deviations from 0.05 to 2.7.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 256,
        num_layers: int = 2,
        learn_variance: bool = True,
        log_variance_range: Tuple[float, float] = (-6., 2.)
    ) -> None:
        super().__init__()
        low, high = log_variance_range
        if not low < 0 < high:
            raise ValueError('`log_variance_range` is (below 0, above 0), got '
                             f'{log_variance_range}')
        self.out_channels = out_channels
        self.learn_variance = learn_variance
        self.log_variance_range = (low, high)
        self.network = perceptron(in_channels,
                                  out_channels * (1 + learn_variance),
                                  hidden_channels, num_layers)

    def forward(self, condition: torch.Tensor
                ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Predict.

        Args:
            condition (torch.Tensor): (N, in_channels).

        Returns:
            tuple[torch.Tensor, torch.Tensor]: Mean and log-variance, each
            (N, out_channels).
        """
        out = self.network(condition)
        if not self.learn_variance:
            return out, torch.zeros_like(out)
        mean, raw = out.split(self.out_channels, dim=1)
        low, high = self.log_variance_range
        # Slope 1 at 0 from both sides.
        return mean, torch.where(raw > 0, high * torch.tanh(raw / high),
                                 low * torch.tanh(raw / low))
