# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Penalties whose estimator is a critic that scores pairs."""
import math
from typing import Tuple

import torch
from torch import nn
from torch.nn import functional as F

from .base import DependencePenalty
from .networks import perceptron

#: Numbers of one layer that scoring without gradient holds at once.
BLOCK = 1 << 24


class PairCritic(nn.Module):
    """A perceptron on the concatenation [x_i; y_j] for all i and j.

    The first layer acts on the x part and the y part apart, once for each
    row, and adds the results: the same numbers as on N ** 2 concatenated
    rows.

    Args:
        x_channels (int): Size of x.
        y_channels (int): Size of y.
        hidden_channels (int): Width. Defaults to 256.
        num_layers (int): Hidden layers, at least 1. Defaults to 2.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f'`num_layers` is at least 1, got {num_layers}')
        self.x_channels = x_channels
        self.first, *rest = perceptron(x_channels + y_channels, 1,
                                       hidden_channels, num_layers)
        self.rest = nn.Sequential(*rest)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Score all pairs.

        Args:
            x (torch.Tensor): (N, x_channels).
            y (torch.Tensor): (N, y_channels).

        Returns:
            torch.Tensor: (N, N), x by rows and y by columns.
        """
        of_x, of_y = self.first.weight.split(
            [self.x_channels, y.shape[1]], dim=1)
        x = F.linear(x, of_x, self.first.bias)
        y = F.linear(y, of_y)
        return self.rest(x[:, None] + y).squeeze(2)


def split_pairs(scores: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Separate true pairs from all others.

    Args:
        scores (torch.Tensor): (N, N).

    Returns:
        tuple[torch.Tensor, torch.Tensor]: (N,), of the joint distribution, and
        (N * (N - 1),), of the product of the marginals.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    return scores.diagonal(), scores[~own]


def log_mean_exp(scores: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Logarithm of the mean of the exponentials, without overflow.

    Args:
        scores (torch.Tensor): Any shape.
        dim (int): Averaged over. Defaults to 0.

    Returns:
        torch.Tensor: Without the dimension ``dim``.
    """
    return scores.logsumexp(dim) - math.log(scores.shape[dim])


class CriticPenalty(DependencePenalty):
    """A bound that a critic T(x, y) makes tight by maximising it.

    All N (N - 1) wrong pairs of the batch stand for the product of the
    marginals: less noise than one permutation, and the same value in every
    process. Costs O(N^2 h^2) with h the critic's width.

    The model minimises what the critic maximises: an adversarial game. A low
    value may mean that x tells little of y, or that the critic lost track.
    The safer use is the estimate of mutual information on codes that stand
    still.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        hidden_channels (int): Width of the critic. Defaults to 256.
        num_layers (int): Hidden layers of the critic. Defaults to 2.
    """

    bound = 'lower'
    min_samples = 2

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2) -> None:
        super().__init__(x_channels, y_channels)
        self.critic = PairCritic(x_channels, y_channels, hidden_channels,
                                 num_layers)

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Give the value of ``forward`` for any number of samples.

        Pairs are scored in blocks: memory grows with N^2, not N^2 h.

        Args:
            x (torch.Tensor): (N, x_channels).
            y (torch.Tensor): (N, y_channels).

        Returns:
            torch.Tensor: Scalar, float32, without gradient.
        """
        x, y = self._prepare(x, y)
        if len(x) < self.min_samples:
            return x.new_zeros(())
        rows = max(1, BLOCK // (len(y) * self.critic.first.out_features))
        with torch.autocast(x.device.type, enabled=False):
            scores = [self.critic(part, y) for part in x.split(rows)]
            return self._estimate(torch.cat(scores))

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self._estimate(self.critic(x, y))

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -self._estimate(self.critic(x, y))
