# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Centred kernel alignment."""
import torch

from mmfer.registry import DEPENDENCE

from .hsic import HSIC
from .pairwise import normalized_inner


@DEPENDENCE.register_module(name='cka')
class CKA(HSIC):
    r"""HSIC as a correlation.

    .. math::

        \frac{\mathrm{HSIC}(x, y)}
            {\sqrt{\mathrm{HSIC}(x, x) \, \mathrm{HSIC}(y, y)}}

    At most 1, reached by codes that are equal up to rotation, shift and
    scale; near 0 for independent ones (with ``unbiased``, which may go below
    0). Source: Cortes, Mohri and Rostamizadeh, "Algorithms for Learning
    Kernels Based on Centered Alignment", JMLR 2012; Kornblith et al.,
    "Similarity of Neural Network Representations Revisited", ICML 2019.

    Arguments are those of :class:`HSIC`.
    """

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return normalized_inner(*self._kernels(x, y), self.unbiased)
