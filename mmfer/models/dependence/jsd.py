# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The Jensen-Shannon bound of Deep InfoMax and GANs."""
import math

import torch
from torch.nn import functional as F

from mmfer.registry import DEPENDENCE

from .critics import CriticPenalty, split_pairs


def jensen_shannon(joint: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
    r"""Bound twice the Jensen-Shannon divergence by a logistic classifier.

    .. math::

        2 \log 2 - E_{p(x,y)}[\mathrm{softplus}(-T)]
            - E_{p(x) p(y)}[\mathrm{softplus}(T)]

    Args:
        joint (torch.Tensor): Scores of true pairs, (N,).
        product (torch.Tensor): Scores of wrong pairs, (M,).

    Returns:
        torch.Tensor: Scalar, at most 2 log 2; 0 for T = 0.
    """
    return 2 * math.log(2) - F.softplus(-joint).mean() - \
        F.softplus(product).mean()


@DEPENDENCE.register_module(name='jsd')
class JSD(CriticPenalty):
    r"""Lower bound of twice the Jensen-Shannon divergence.

    Between the joint distribution and the product of the marginals, see
    :func:`jensen_shannon`. The steadiest of the critics: scores saturate
    gently, the critic at the optimum is the logarithm of the density ratio.
    A lower bound of I(x; y) as well, a loose one that ends at 2 log 2, for
    with r the density ratio both are means of functions of r that vanish with
    their slopes at r = 1, and the second derivatives are 1 / (r (1 + r)) and
    1 / r. Source: Nowozin et al., "f-GAN", NIPS 2016; Hjelm et al., "Learning
    deep representations by mutual information estimation and maximization",
    ICLR 2019.

    Arguments are those of :class:`CriticPenalty`.
    """

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        return jensen_shannon(*split_pairs(scores))
