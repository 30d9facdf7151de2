# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The bound of Nguyen, Wainwright and Jordan."""
import torch

from mmfer.registry import DEPENDENCE

from .critics import CriticPenalty, split_pairs


@DEPENDENCE.register_module(name='nwj')
class NWJ(CriticPenalty):
    r"""Lower bound that is linear in both expectations.

    .. math::

        I(x; y) \ge E_{p(x,y)}[T] - e^{-1} E_{p(x) p(y)}[e^T]

    Free of bias over batches, but the exponential makes it the noisiest. Any
    T gives a bound, so T is squeezed softly into ``-max_score`` to
    ``max_score``, where the exponential stays finite. In nats. Source: Nguyen,
    Wainwright and Jordan, "Estimating divergence functionals and the
    likelihood ratio by convex risk minimization", IEEE Transactions on
    Information Theory 2010; also known as MINE-f and f-GAN KL.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        hidden_channels (int): Width of the critic. Defaults to 256.
        num_layers (int): Hidden layers of the critic. Defaults to 2.
        max_score (float): Limit of the scores. Defaults to 20.
    """

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2,
                 max_score: float = 20.) -> None:
        super().__init__(x_channels, y_channels, hidden_channels, num_layers)
        if max_score <= 0:
            raise ValueError(f'`max_score` is above 0, got {max_score}')
        self.max_score = max_score

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        scores = self.max_score * torch.tanh(scores / self.max_score)
        joint, product = split_pairs(scores)
        return joint.mean() - torch.exp(product - 1).mean()
