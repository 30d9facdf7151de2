# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The Donsker-Varadhan bound of MINE."""
import math

import torch

from mmfer.registry import DEPENDENCE

from .critics import CriticPenalty, log_mean_exp, split_pairs


@DEPENDENCE.register_module(name='mine')
class MINE(CriticPenalty):
    r"""Donsker-Varadhan lower bound with a learned critic.

    .. math::

        I(x; y) \ge E_{p(x,y)}[T] - \log E_{p(x) p(y)}[e^T]

    The logarithm of a batch's mean biases the critic's gradient. It is
    corrected as in the paper: the denominator of the gradient is a moving
    average of the mean over batches, and the value stays that of the batch.
    The estimate is high for small batches and noisy. In nats. Source:
    Belghazi et al., "Mutual Information Neural Estimation", ICML 2018.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        hidden_channels (int): Width of the critic. Defaults to 256.
        num_layers (int): Hidden layers of the critic. Defaults to 2.
        momentum (float): Share of the newest batch in the moving average,
            above 0; 1 is without correction. Defaults to 0.01.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2,
                 momentum: float = 0.01) -> None:
        super().__init__(x_channels, y_channels, hidden_channels, num_layers)
        if not 0 < momentum <= 1:
            raise ValueError('`momentum` is above 0 and at most 1, got '
                             f'{momentum}')
        self.momentum = momentum
        # Logarithm of the moving average; NaN before the first batch.
        self.register_buffer('log_average', torch.tensor(math.nan))

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        joint, product = split_pairs(scores)
        return joint.mean() - log_mean_exp(product)

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        joint, product = split_pairs(self.critic(x, y))
        log_mean = log_mean_exp(product)
        self._average(log_mean.detach())
        # At most 1 / momentum, since the average holds this batch.
        ratio = torch.exp(log_mean - self.log_average)
        # The value of log_mean, the gradient of ratio.
        log_mean = log_mean.detach() + ratio - ratio.detach()
        return log_mean - joint.mean()

    @torch.no_grad()
    def _average(self, log_mean: torch.Tensor) -> None:
        """Move the average towards the newest batch."""
        if self.momentum < 1:
            moved = torch.logaddexp(
                self.log_average + math.log1p(-self.momentum),
                log_mean + math.log(self.momentum))
            log_mean = torch.where(self.log_average.isnan(), log_mean, moved)
        self.log_average.copy_(log_mean)
