# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Linear dependence."""
import torch

from mmfer.registry import DEPENDENCE

from .base import DependencePenalty
from .pairwise import center, inner


@DEPENDENCE.register_module(name='crosscov')
class CrossCovariance(DependencePenalty):
    r"""Squared cross-covariances, in units of the codes' variances.

    .. math::

        \frac{\sum_{kl} C_{kl}^2}
            {\mathrm{tr}(C_{xx}) \, \mathrm{tr}(C_{yy}) / d_y},
            \quad C_{kl} = \mathrm{cov}(x_k, y_l)

    The sum is the XCov penalty of Cheung et al., "Discovering Hidden Factors
    of Variation in Deep Networks", ICLR 2015 workshop. The divisor makes it
    independent of the scale of both codes: for a whitened y the quotient is
    the share of the variance of x that a linear function of y explains (the
    redundancy index of Stewart and Love, Psychological Bulletin 1968).

    Sees linear dependence only; the baseline that others have to beat. No
    estimator, O(N^2 d).

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        unbiased (bool): The unbiased estimate of the sum (HSIC with linear
            kernels, Song et al., JMLR 2012), which may be negative; N >= 4.
            Otherwise that of the formula, about ``d_y / N`` for independent
            codes, which exceeds 1 for small batches; N >= 2.
            Defaults to True.
    """

    learns = False

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 unbiased: bool = True) -> None:
        super().__init__(x_channels, y_channels)
        self.unbiased = unbiased
        self.min_samples = 4 if unbiased else 2

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        grams = []
        for code in (x, y):
            # The quotient does not depend on the scale; float32 does.
            scale = code.detach().abs().max()
            code = code / torch.where(scale > 0, scale, 1)
            deviation = code - code.mean(dim=0)
            variance = (deviation**2).sum() / (
                len(code) - int(self.unbiased))
            # Equal rows up to rounding have no covariance.
            defined = variance > (100 * torch.finfo(code.dtype).eps)**2
            inverse = torch.where(defined, variance, 1).reciprocal()
            gram = deviation @ deviation.T * torch.where(defined, inverse, 0)
            grams.append(center(gram, self.unbiased))
        return y.shape[1] * inner(*grams, self.unbiased)
