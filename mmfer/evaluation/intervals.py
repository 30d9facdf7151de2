# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much of a number is due to the clips, or persons, that were tested."""
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from .functional import confusion_matrix

Measure = Callable[[np.ndarray], np.ndarray]


def bootstrap_clips(labels: Sequence[int],
                    predictions: np.ndarray,
                    num_classes: int,
                    num_samples: int = 1000,
                    seed: int = 0) -> np.ndarray:
    """Draw clips again with replacement, within each class (Efron, 1979).

    Several models that were tested on the same clips see the same draws, so
    that training again does not count as testing on more clips.

    Args:
        labels (Sequence[int]): True classes, (N, ).
        predictions (np.ndarray): Predicted classes, (M, N) for M models.
        num_classes (int): K.
        num_samples (int): B. Defaults to 1000.
        seed (int): Seed of the drawing. Defaults to 0.

    Returns:
        np.ndarray: int64 confusion matrices, (B, M, K, K).
    """
    labels = np.asarray(labels)
    predictions = np.atleast_2d(predictions)
    generator = np.random.default_rng(seed)
    drawn = np.zeros(
        (num_samples, len(predictions), num_classes, num_classes), np.int64)
    for label in range(num_classes):
        members = np.flatnonzero(labels == label)
        if not len(members):
            continue
        times = generator.multinomial(
            len(members), np.full(len(members), 1 / len(members)), num_samples)
        for model, predicted in enumerate(predictions):
            chosen = np.eye(num_classes, dtype=np.int64)[predicted[members]]
            drawn[:, model, label] = times @ chosen
    return drawn


def bootstrap_groups(labels: Sequence[int],
                     predictions: np.ndarray,
                     groups: Sequence[str],
                     num_classes: int,
                     num_samples: int = 1000,
                     seed: int = 0) -> np.ndarray:
    """Draw groups of clips, such as persons, again with replacement.

    Clips of one person resemble each other; an interval over clips takes them
    for independent and is too narrow.

    Args:
        labels (Sequence[int]): True classes, (N, ).
        predictions (np.ndarray): Predicted classes, (M, N) for M models.
        groups (Sequence[str]): Group of each clip, (N, ).
        num_classes (int): K.
        num_samples (int): B. Defaults to 1000.
        seed (int): Seed of the drawing. Defaults to 0.

    Returns:
        np.ndarray: int64 confusion matrices, (B, M, K, K).
    """
    labels = np.asarray(labels)
    predictions = np.atleast_2d(predictions)
    names, member_of = np.unique(np.asarray(groups), return_inverse=True)
    cells = np.array([[
        confusion_matrix(labels[member_of == group],
                         predicted[member_of == group], num_classes)
        for predicted in predictions
    ] for group in range(len(names))])
    # (G, M, K, K)
    generator = np.random.default_rng(seed)
    times = generator.multinomial(
        len(names), np.full(len(names), 1 / len(names)), num_samples)
    return np.tensordot(times, cells, axes=1)


def interval(values: np.ndarray,
             level: float = 0.95) -> Optional[Tuple[float, float]]:
    """Cut the tails off a bootstrap distribution.

    Args:
        values (np.ndarray): (B, ).
        level (float): Confidence. Defaults to 0.95.

    Returns:
        tuple[float, float] | None: Lower and upper end; None without values.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def mean_over_folds(drawn: List[np.ndarray], measure: Measure) -> np.ndarray:
    """Apply a measure to each fold and model, then average.

    Args:
        drawn (list[np.ndarray]): Per fold, (B, M, K, K).
        measure (Callable): Maps (..., K, K) to (...).

    Returns:
        np.ndarray: (B, ).
    """
    return np.mean([measure(fold).mean(axis=1) for fold in drawn], axis=0)
