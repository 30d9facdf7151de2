# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The contrastive bound InfoNCE."""
import torch

from mmfer.registry import DEPENDENCE

from .critics import CriticPenalty, log_mean_exp


@DEPENDENCE.register_module(name='infonce')
class InfoNCE(CriticPenalty):
    r"""Find the y of each x among all of the batch.

    .. math::

        I(x; y) \ge \frac{1}{N} \sum_i \left( T(x_i, y_i)
            - \log \frac{1}{N} \sum_j e^{T(x_i, y_j)} \right)

    Little noise, but never above log N, whatever I(x; y) is. In nats. Source:
    van den Oord, Li and Vinyals, "Representation Learning with Contrastive
    Predictive Coding", arXiv:1807.03748; the form is that of Poole et al., ICML
    2019.

    Arguments are those of :class:`CriticPenalty`.
    """

    direction = 'y_from_x'

    def _estimate(self, scores: torch.Tensor) -> torch.Tensor:
        return (scores.diagonal() - log_mean_exp(scores, dim=1)).mean()
