# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The variational leave-one-out upper bound."""
import math

import torch

from mmfer.registry import DEPENDENCE

from .vclub import VCLUB


@DEPENDENCE.register_module(name='l1out')
class L1Out(VCLUB):
    r"""Compare the likelihood of each pair with the mixture of the others.

    .. math::

        \frac{1}{N} \sum_i \left( \log q(y_i | x_i)
            - \log \frac{1}{N-1} \sum_{j \ne i} q(y_i | x_j) \right)

    An upper bound of I(x; y) if q is the true conditional density; the same q
    and the same estimator's loss as :class:`VCLUB`, nats per channel of what
    is predicted. Densities of many channels are so small that one neighbour
    rules the mixture: values grow without limit, and go below 0 when q is
    off. Experimental; O(N^2 d) time and memory. Source: Poole et al., "On
    Variational Bounds of Mutual Information", ICML 2019; with learned
    q in Cheng et al., "CLUB", ICML 2020.

    Arguments are those of :class:`VCLUB`.
    """

    min_samples = 2

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        condition, target = self._order(x, y)
        mean, log_variance = self.conditional(condition)
        error = (target[:, None] - mean)**2
        # (i, j, d): of target i under condition j
        log_density = -0.5 * (error * torch.exp(-log_variance) +
                              log_variance).sum(dim=2)
        # The constant of the density cancels.
        own = torch.eye(len(x), dtype=torch.bool, device=x.device)
        others = log_density.masked_fill(own, -math.inf).logsumexp(dim=1)
        others = others - math.log(len(x) - 1)
        return (log_density.diagonal() - others).mean() / target.shape[1]
