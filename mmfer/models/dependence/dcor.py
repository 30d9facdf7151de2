# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Distance correlation."""
import torch

from mmfer.registry import DEPENDENCE

from .base import DependencePenalty
from .pairwise import center, normalized_inner, pairwise_distances


def squared_distance_correlation(x: torch.Tensor,
                                 y: torch.Tensor,
                                 unbiased: bool = True) -> torch.Tensor:
    r"""Distance correlation, squared.

    With A and B the centred matrices of the pairwise Euclidean distances,

    .. math::

        R^2(x, y) = \frac{\sum_{ij} A_{ij} B_{ij}}
            {\sqrt{\sum_{ij} A_{ij}^2 \sum_{ij} B_{ij}^2}}

    In the population it is zero if and only if x and y are independent, and
    one if they are equal up to rotation, shift and scale. Source: Székely,
    Rizzo and Bakirov, Annals of Statistics 2007; U-centring makes it nearly
    free of bias: Székely and Rizzo, "The distance correlation t-test of
    independence in high dimension", Journal of Multivariate Analysis 2013, and
    "Partial distance correlation", Annals of Statistics 2014.

    Args:
        x (torch.Tensor): (N, dx), floating point.
        y (torch.Tensor): (N, dy), floating point.
        unbiased (bool): U-centring: values scatter around the population's
            and so may be negative; N >= 4. Otherwise the estimate is within 0
            and 1 and far too high when N is small and d large; N >= 2.
            Defaults to True.

    Returns:
        torch.Tensor: Scalar; 0 if all rows of x or of y are equal.
    """
    matrices = []
    for code in (x, y):
        distances = pairwise_distances(code)
        mean = distances.mean()
        # The quotient does not depend on the scale; float32 does.
        distances = distances / torch.where(mean > 0, mean, 1).detach()
        matrices.append(center(distances, unbiased))
    return normalized_inner(*matrices, unbiased)


@DEPENDENCE.register_module(name='dcor')
class DistanceCorrelation(DependencePenalty):
    """Squared distance correlation, see :func:`squared_distance_correlation`.

    No estimator, no bandwidth, one minimisation. Costs O(N^2 d).

    Why unbiased: the numerator is an unbiased estimate, so the mean gradient
    over batches is that of the population's distance covariance, and pulls
    nowhere once x and y are independent. The plain (V-statistic) estimate has
    a floor that depends on the shape of the code (0.84 for 64 rows of
    independent normal codes of 64 and 128 channels) and falls when the code
    is squeezed into few channels. Descent takes that way: it lowers what
    probes read of a person even if the identity codes are shuffled
    (docs/dependence.md). That is compression, not independence.

    Why squared: the root is undefined for the negative values that belong to
    an unbiased estimate, and its slope grows without limit at zero, where the
    penalty should fade.

    Why not clamped: near independence about half of the batches are below
    zero by chance; dropping their gradients brings a bias back. A value below
    zero does not mean less than independent.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        unbiased (bool): See above. Defaults to True.
        clamp (bool): Whether values below 0 count as 0 (no gradient).
            Defaults to False.
    """

    learns = False

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 unbiased: bool = True,
                 clamp: bool = False) -> None:
        super().__init__(x_channels, y_channels)
        self.unbiased = unbiased
        self.clamp = clamp
        self.min_samples = 4 if unbiased else 2

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        value = squared_distance_correlation(x, y, self.unbiased)
        return value.clamp(min=0) if self.clamp else value
