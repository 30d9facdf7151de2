# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Distance correlation of codes and identity, with its significance."""
from dataclasses import dataclass
from typing import Optional

import numpy as np

#: Clips that the correction of the bias needs.
FEWEST = 4


@dataclass(frozen=True)
class DependenceResult:
    """Distance correlation and how often chance gives as much.

    Args:
        distance_correlation (float): Bias-corrected *squared* distance
            correlation: 0 on average for independent codes (it may be
            slightly negative), 1 for codes that are equal up to shift,
            rotation and scale.
        expected (float): Its mean over permutations of the clips within each
            expression: what both codes owe to the expression, and to a design
            in which every person shows every expression, which makes it
            slightly negative. NaN without labels.
        p_value (float): Share of permutations of the clips that reach the
            value.
        p_value_within_expression (float): The same, where only clips of one
            expression change places: what both codes know of the expression
            is kept, so a small value speaks of identity itself. NaN without
            labels.
        num_permutations (int): The p-values are at least 1 / (this + 1).
    """
    distance_correlation: float
    expected: float
    p_value: float
    p_value_within_expression: float
    num_permutations: int


def distance_correlation_test(features: np.ndarray,
                              identity: np.ndarray,
                              labels: Optional[np.ndarray] = None,
                              num_permutations: int = 200,
                              seed: int = 0) -> DependenceResult:
    """Measure the dependence of two codes without training anything.

    Székely and Rizzo, "The distance correlation t-test of independence in
    high dimension", 2013 (bias correction); "Partial distance correlation
    with methods for dissimilarities", 2014 (U-centring). Written in numpy and
    float64, apart from the penalty that a model may be trained with.

    Args:
        features (np.ndarray): (N, D).
        identity (np.ndarray): (N, E).
        labels (np.ndarray, optional): (N, ), expressions. Defaults to None.
        num_permutations (int): Defaults to 200.
        seed (int): Of the permutations. Defaults to 0.

    Returns:
        DependenceResult: The value is 0 for codes that do not vary.

    Raises:
        ValueError: Fewer than four clips.
    """
    count = len(features)
    if count < FEWEST or len(identity) != count:
        raise ValueError('distance correlation needs equal numbers of '
                         f'features and identities, at least {FEWEST}; got '
                         f'{count} and {len(identity)}')
    first = _u_centred(features)
    second = _u_centred(identity)
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    if not scale > 0:
        known = labels is not None
        return DependenceResult(0., 0. if known else np.nan, 1.,
                                1. if known else np.nan, num_permutations)
    observed = np.vdot(first, second) / scale
    generator = np.random.default_rng(seed)

    def permuted(groups: np.ndarray) -> np.ndarray:
        values = np.empty(num_permutations)
        places = np.argsort(groups, kind='stable')
        for number in range(num_permutations):
            # A random order, sorted by group: clips stay in their group.
            drawn = np.lexsort((generator.random(count), groups))
            order = np.empty(count, dtype=np.int64)
            order[places] = drawn
            values[number] = np.vdot(first, second[order][:, order])
        return values / scale

    def p_value(values: np.ndarray) -> float:
        reached = (values >= observed - 1e-12).sum()
        return float((1 + reached) / (1 + num_permutations))

    free = permuted(np.zeros(count, dtype=np.int64))
    within = np.full(1, np.nan)
    if labels is not None:
        within = permuted(np.unique(labels, return_inverse=True)[1])
    return DependenceResult(
        float(observed), float(within.mean()), p_value(free),
        np.nan if labels is None else p_value(within), num_permutations)


def _u_centred(values: np.ndarray) -> np.ndarray:
    """Distances of all pairs, U-centred, (N, N) with a zero diagonal."""
    values = np.asarray(values, dtype=np.float64)
    if np.ptp(values, axis=0).max() <= 1e-9 * np.abs(values).max():
        return np.zeros((len(values), ) * 2)  # constant, but for rounding
    values = values - values.mean(axis=0)
    squares = (values**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * values @ values.T
    # Rounding leaves traces where points coincide.
    distances[distances < 1e-12 * squares.max(initial=0)] = 0
    distances = np.sqrt(distances)
    np.fill_diagonal(distances, 0)
    count = len(values)
    rows = distances.sum(axis=1) / (count - 2)
    total = distances.sum() / ((count - 1) * (count - 2))
    centred = distances - rows[:, None] - rows + total
    np.fill_diagonal(centred, 0)
    return centred
