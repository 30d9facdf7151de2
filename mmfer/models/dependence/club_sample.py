# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""vCLUB with one drawn partner for each row (CLUBSample)."""
import torch

from mmfer.registry import DEPENDENCE

from .vclub import VCLUB


@DEPENDENCE.register_module(name='club_sample')
class CLUBSample(VCLUB):
    r"""Contrast the likelihood of pairs with that of permuted pairs.

    .. math::

        \frac{1}{N} \sum_i \left( \log q(y_i | x_i)
            - \log q(y_{\pi(i)} | x_i) \right)

    with a random permutation :math:`\pi`, drawn at each call from torch's
    generator. The expectation over :math:`\pi` is :class:`VCLUB`, which
    costs no more for a Gaussian q and is less noisy; this one serves
    comparisons. Source: Cheng et al., "CLUB", ICML 2020.

    Arguments are those of :class:`VCLUB`.
    """

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        condition, target = self._order(x, y)
        mean, log_variance = self.conditional(condition)
        partner = target[torch.randperm(len(target), device=target.device)]
        excess = (partner - mean)**2 - (target - mean)**2
        return 0.5 * (excess * torch.exp(-log_variance)).mean()
