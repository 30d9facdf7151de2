# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Centred matrices of all pairs, the common ground of dCor, HSIC and CKA.

Distance covariance and HSIC are one statistic on different matrices (Sejdinovic
et al., "Equivalence of distance-based and RKHS-based statistics in hypothesis
testing", Annals of Statistics 2013): centre the matrix of each code, multiply
element by element, average.
"""
import torch


def pairwise_distances(x: torch.Tensor) -> torch.Tensor:
    """Euclidean distances of all pairs of rows.

    Differences are formed before they are squared: the faster form with one
    matrix product loses small distances in float32. The gradient of a distance
    of zero is zero, not the infinity of a plain square root.

    Args:
        x (torch.Tensor): (N, d).

    Returns:
        torch.Tensor: (N, N).
    """
    return torch.cdist(x, x, compute_mode='donot_use_mm_for_euclid_dist')


def center(matrix: torch.Tensor, unbiased: bool) -> torch.Tensor:
    """Subtract row means and column means, add the mean.

    Args:
        matrix (torch.Tensor): (N, N), symmetric.
        unbiased (bool): U-centring (Székely and Rizzo, "Partial distance
            correlation with methods for dissimilarities", Annals of
            Statistics 2014): the diagonal is left out and the
            sums are divided by N - 2 and (N - 1)(N - 2); N > 2. Otherwise
            ordinary double centring.

    Returns:
        torch.Tensor: (N, N); every row and column sums to zero.
    """
    if not unbiased:
        rows = matrix.mean(dim=1)
        return matrix - rows[:, None] - rows + rows.mean()
    size = len(matrix)
    diagonal = torch.eye(size, dtype=torch.bool, device=matrix.device)
    matrix = matrix.masked_fill(diagonal, 0)
    rows = matrix.sum(dim=1) / (size - 2)
    centred = matrix - rows[:, None] - rows + rows.sum() / (size - 1)
    return centred.masked_fill(diagonal, 0)


def inner(a: torch.Tensor, b: torch.Tensor, unbiased: bool) -> torch.Tensor:
    """Average the product of two centred matrices.

    Args:
        a (torch.Tensor): (N, N), from :func:`center`.
        b (torch.Tensor): (N, N), from :func:`center`.
        unbiased (bool): As in :func:`center`; N > 3. The sum is divided by
            N (N - 3), otherwise by N ** 2.

    Returns:
        torch.Tensor: Scalar.
    """
    size = len(a)
    return (a * b).sum() / (size * (size - 3) if unbiased else size**2)


def normalized_inner(a: torch.Tensor, b: torch.Tensor,
                     unbiased: bool) -> torch.Tensor:
    """Divide :func:`inner` by the geometric mean of both own products.

    Args:
        a (torch.Tensor): (N, N), from :func:`center`, entries of the order
            of 1 before centring.
        b (torch.Tensor): The same.
        unbiased (bool): As in :func:`inner`.

    Returns:
        torch.Tensor: Scalar; 0, with gradient 0, if ``a`` or ``b`` is zero up
        to rounding, where the quotient is undefined.
    """
    noise = (100 * torch.finfo(a.dtype).eps)**2
    own_a, own_b = inner(a, a, unbiased), inner(b, b, unbiased)
    defined = (own_a > noise) & (own_b > noise)
    # Chosen before the root and the division, so that no gradient is NaN.
    scale = torch.where(defined, own_a * own_b, torch.ones_like(own_a)).sqrt()
    value = inner(a, b, unbiased) / scale
    return torch.where(defined, value, torch.zeros_like(value))


def rbf_kernel(x: torch.Tensor, bandwidth: float = 1.) -> torch.Tensor:
    r"""Gaussian kernel whose width follows the data (median heuristic).

    .. math::

        K_{ij} = \exp\left(-\frac{|x_i - x_j|^2}{2 b^2 m^2}\right)

    with m the median distance of different rows. Gradients flow through m: it
    makes the kernel independent of the scale of x, so that a model cannot
    lower the penalty by shrinking its code.

    Args:
        x (torch.Tensor): (N, d).
        bandwidth (float): b. Defaults to 1.

    Returns:
        torch.Tensor: (N, N). If most rows are equal, m is the mean distance;
        if all are, the kernel is 1.
    """
    distances = pairwise_distances(x)
    different = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    others = distances[different]
    width = others.median()
    width = torch.where(width > 0, width, others.mean())
    width = torch.where(width > 0, width, torch.ones_like(width))
    return torch.exp(-0.5 * (distances / (bandwidth * width))**2)
