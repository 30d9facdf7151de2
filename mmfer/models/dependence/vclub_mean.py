# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""vCLUB with unit variance (CLUBMean)."""
from mmfer.registry import DEPENDENCE

from .vclub import VCLUB


@DEPENDENCE.register_module(name='vclub_mean')
class VCLUBMean(VCLUB):
    """vCLUB whose q predicts the mean only.

    The estimator's loss is half of the mean squared error, and the value is
    the mean over i and j of ``(mu_i - y_j)^2 - (mu_i - y_i)^2``, halved.
    Steadier than learned variances, blind to dependence beyond the mean, and
    no bound: with the best q and one channel each of a bivariate normal
    distribution the value is the squared correlation, which lies above
    I(x; y) or below. Source: the class CLUBMean of Cheng et al.'s published
    code.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        direction (str): As of :class:`VCLUB`. Defaults to 'y_from_x'.
        hidden_channels (int): Width of q. Defaults to 256.
        num_layers (int): Hidden layers of q. Defaults to 2.
    """

    bound = None

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 direction: str = 'y_from_x',
                 hidden_channels: int = 256,
                 num_layers: int = 2) -> None:
        super().__init__(
            x_channels,
            y_channels,
            direction,
            hidden_channels,
            num_layers,
            learn_variance=False)
