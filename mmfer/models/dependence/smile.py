# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The smoothed lower-bound estimator SMILE."""
import torch

from mmfer.registry import DEPENDENCE

from .critics import CriticPenalty, log_mean_exp, split_pairs
from .jsd import jensen_shannon


@DEPENDENCE.register_module(name='smile')
class SMILE(CriticPenalty):
    r"""Donsker-Varadhan value with a clipped partition function.

    .. math::

        E_{p(x,y)}[T] - \log E_{p(x) p(y)}[
            \mathrm{clip}(e^T, e^{-\tau}, e^{\tau})]

    The critic learns by the Jensen-Shannon objective of :class:`JSD`, which
    leads T to the logarithm of the density ratio. Clipping trades the noise
    of :class:`MINE` for bias: the value is not a bound, it may lie on either
    side of I(x; y). In nats. Source: Song and Ermon, "Understanding the
    Limitations of Variational Mutual Information Estimators", ICLR 2020.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        hidden_channels (int): Width of the critic. Defaults to 256.
        num_layers (int): Hidden layers of the critic. Defaults to 2.
        tau (float): Scores of wrong pairs are clipped at ``-tau`` and
            ``tau``. Defaults to 5.
    """

    bound = None

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2,
                 tau: float = 5.) -> None:
        super().__init__(x_channels, y_channels, hidden_channels, num_layers)
        if tau <= 0:
            raise ValueError(f'`tau` is above 0, got {tau}')
        self.tau = tau

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        joint, product = split_pairs(scores)
        return joint.mean() - log_mean_exp(product.clamp(-self.tau, self.tau))

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -jensen_shannon(*split_pairs(self.critic(x, y)))
