# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The variational contrastive log-ratio upper bound (vCLUB)."""
from typing import Tuple

import torch

from mmfer.registry import DEPENDENCE

from .base import DependencePenalty, check_direction
from .networks import ConditionalGaussian


@DEPENDENCE.register_module(name='vclub')
class VCLUB(DependencePenalty):
    r"""Contrast the likelihood of pairs with that of all combinations.

    .. math::

        I_{vCLUB} = \frac{1}{N} \sum_i \log q(y_i | x_i)
            - \frac{1}{N^2} \sum_{i,j} \log q(y_j | x_i)

    with a Gaussian q, fitted by maximum likelihood, of mean :math:`\mu_i` and
    variance :math:`\sigma_i^2` in each channel. The mean over j needs the
    batch's mean and variance of y only, since
    :math:`\overline{(\mu - y_j)^2} = (\mu - \bar y)^2 + \mathrm{Var}(y)`, so
    the value for all pairs costs O(N d).

    An upper bound of I(x; y) while q is closer to p(y|x) than to the
    product of the marginals, so both halves of a step minimise and the first
    keeps the bound of the second valid (min-min). In practice q lags behind
    x: the value may fall below 0 while probes find more identity than
    without penalty. Take several estimator steps, a faster rate for q, a
    small weight. Source: Cheng et al., "CLUB: A Contrastive Log-ratio Upper
    Bound of Mutual Information", ICML 2020. Our reading of the collaborative
    min-min game of MI-FER, whose text we could not read.

    The value and the loss are means over the channels of what is predicted,
    not sums: nats per channel. The predicted code should have about unit
    variance in each channel (whitened identities do), otherwise widen
    ``log_variance_range``: the variance of a channel of an L2-normalised
    embedding of size 512 is about exp(-6).

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        direction (str): 'y_from_x' models q(y|x): the target stands still and
            the model cannot rescale it. 'x_from_y' models q(x|y): keep the
            scale of x fixed, by a LayerNorm for instance. Defaults to
            'y_from_x'.
        hidden_channels (int): Width of q. Defaults to 256.
        num_layers (int): Hidden layers of q. Defaults to 2.
        learn_variance (bool): Whether q predicts variances, or has unit
            variance. Defaults to True.
        log_variance_range (tuple[float, float]): Of q, see
            :class:`ConditionalGaussian`. Defaults to (-6, 2).
    """

    bound = 'upper'

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        direction: str = 'y_from_x',
        hidden_channels: int = 256,
        num_layers: int = 2,
        learn_variance: bool = True,
        log_variance_range: Tuple[float, float] = (-6., 2.)
    ) -> None:
        super().__init__(x_channels, y_channels)
        self.direction = check_direction(direction)
        channels = self._order(x_channels, y_channels)
        self.conditional = ConditionalGaussian(*channels, hidden_channels,
                                               num_layers, learn_variance,
                                               log_variance_range)

    def _order(self, x, y):
        """Put the condition first, the predicted code second."""
        return (x, y) if self.direction == 'y_from_x' else (y, x)

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        condition, target = self._order(x, y)
        mean, log_variance = self.conditional(condition)
        # The constant log(2 pi) / 2 is left out.
        return 0.5 * ((target - mean)**2 * torch.exp(-log_variance) +
                      log_variance).mean()

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        condition, target = self._order(x, y)
        mean, log_variance = self.conditional(condition)
        center = target.mean(dim=0)
        deviation = target - center
        # Both squared errors of the formula, the common (mean - center) ** 2
        # cancelled by hand: exactly 0 for one row or equal rows.
        excess = (deviation**2).mean(dim=0) - deviation**2 + \
            2 * deviation * (mean - center)
        return 0.5 * (excess * torch.exp(-log_variance)).mean()
