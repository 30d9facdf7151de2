# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The Hilbert-Schmidt independence criterion."""
import torch

from mmfer.registry import DEPENDENCE

from .base import DependencePenalty
from .pairwise import center, inner, rbf_kernel


@DEPENDENCE.register_module(name='hsic')
class HSIC(DependencePenalty):
    r"""Squared norm of the cross-covariance of kernel features.

    .. math::

        \frac{1}{N^2} \mathrm{tr}(K H L H), \quad H = I - \frac{1}{N} 1 1^T

    with Gaussian kernels K of x and L of y, the bandwidth of each from its
    median distance (:func:`rbf_kernel`). Zero in the population if and only
    if x and y are independent. The size depends on both kernels and on the
    number of channels; :class:`CKA` divides it out. No estimator, O(N^2 d).
    Source: Gretton et al., "Measuring Statistical Dependence with
    Hilbert-Schmidt Norms", ALT 2005 (there divided by (N - 1)^2); the
    unbiased estimate: Song et al., "Feature Selection via Dependence
    Maximization", JMLR 2012.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        unbiased (bool): The unbiased estimate, which may be negative; N >= 4.
            Otherwise the formula above; N >= 2. Defaults to True.
        bandwidth (float): In median distances. Defaults to 1.
    """

    learns = False

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 unbiased: bool = True,
                 bandwidth: float = 1.) -> None:
        super().__init__(x_channels, y_channels)
        if bandwidth <= 0:
            raise ValueError(f'`bandwidth` is above 0, got {bandwidth}')
        self.unbiased = unbiased
        self.bandwidth = bandwidth
        self.min_samples = 4 if unbiased else 2

    def _kernels(self, *codes: torch.Tensor):
        return [
            center(rbf_kernel(code, self.bandwidth), self.unbiased)
            for code in codes
        ]

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return inner(*self._kernels(x, y), self.unbiased)
