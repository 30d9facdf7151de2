# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measures of expression recognition as plain functions of labels.

Everything follows from the confusion matrix :math:`M`, where :math:`M_{ij}`
counts the clips of class :math:`i` that were taken for class :math:`j`, over
*all* classes of the label set. With :math:`n_i = \\sum_j M_{ij}`:

* recall of a class, :math:`r_i = M_{ii} / n_i`
* WAR, weighted average recall, which is the accuracy,
  :math:`\\sum_i n_i r_i / \\sum_i n_i`
* UAR, unweighted average recall, :math:`\\frac{1}{K} \\sum_i r_i`

A class without a single clip has no recall. It is left out of the averages,
with a warning; a class that is only *predicted* is no reason to average over
it.
"""
import warnings
from typing import Callable, Sequence, Tuple

import numpy as np

Labels = Sequence[int]


def confusion_matrix(labels: Labels, predictions: Labels,
                     num_classes: int) -> np.ndarray:
    """Count true classes (rows) against predicted ones (columns).

    Args:
        labels (Sequence[int]): True classes, shape (N, ).
        predictions (Sequence[int]): Predicted classes, shape (N, ).
        num_classes (int): K, the size of the label set.

    Returns:
        np.ndarray: int64, (K, K).

    Raises:
        ValueError: Different lengths, no clips, or a class out of range.

    Examples:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], num_classes=2)
        array([[1, 1],
               [0, 1]])
    """
    labels = np.asarray(labels, dtype=np.int64).reshape(-1)
    predictions = np.asarray(predictions, dtype=np.int64).reshape(-1)
    if len(labels) != len(predictions) or not len(labels):
        raise ValueError(f'{len(labels)} labels and {len(predictions)} '
                         'predictions: equal numbers are needed, at least one')
    for name, values in (('label', labels), ('prediction', predictions)):
        if values.min() < 0 or values.max() >= num_classes:
            raise ValueError(
                f'a {name} is outside of 0 .. {num_classes - 1}: '
                f'{values.min()} .. {values.max()}')
    cells = np.bincount(
        labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def per_class_recall(confusion: np.ndarray) -> np.ndarray:
    """Give the share of each class that was recognised.

    Args:
        confusion (np.ndarray): (..., K, K), true classes in rows.

    Returns:
        np.ndarray: float64, (..., K); NaN for a class without clips.

    Examples:
        >>> per_class_recall(np.array([[1, 1], [0, 1]])).tolist()
        [0.5, 1.0]
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    total = confusion.sum(axis=-1)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.divide(
        hits, total, out=np.full_like(total, np.nan), where=total > 0)


def weighted_average_recall(confusion: np.ndarray) -> np.ndarray:
    """WAR, the accuracy.

    Args:
        confusion (np.ndarray): (..., K, K), true classes in rows.

    Returns:
        np.ndarray: float64, (...).

    Examples:
        >>> float(weighted_average_recall(np.array([[1, 1], [0, 2]])))
        0.75
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    return hits / confusion.sum(axis=(-2, -1))


def unweighted_average_recall(confusion: np.ndarray,
                              warn: bool = True) -> np.ndarray:
    """UAR, the mean recall of the classes that have clips.

    Args:
        confusion (np.ndarray): (..., K, K), true classes in rows.
        warn (bool): Whether to warn of classes without clips.
            Defaults to True.

    Returns:
        np.ndarray: float64, (...).

    Examples:
        >>> float(unweighted_average_recall(np.array([[1, 1], [0, 2]])))
        0.75
    """
    recall = per_class_recall(confusion)
    absent = np.isnan(recall)
    if warn and absent.any():
        classes = sorted(set(np.nonzero(absent)[-1].tolist()))
        warnings.warn(
            f'the classes {classes} have no clips and are left out of UAR and '
            'macro F1: do not compare with results on all classes',
            stacklevel=2)
    return np.nanmean(recall, axis=-1)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have clips.

    The F1 of a class that is never predicted is zero.

    Args:
        confusion (np.ndarray): (..., K, K), true classes in rows.

    Returns:
        np.ndarray: float64, (...).

    Examples:
        >>> round(float(macro_f1(np.array([[1, 1], [0, 2]]))), 4)
        0.7333
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    truth = confusion.sum(axis=-1)
    both = truth + confusion.sum(axis=-2)
    f1 = np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)
    return np.nanmean(np.where(truth > 0, f1, np.nan), axis=-1)


def bootstrap_interval(labels: Labels,
                       predictions: Labels,
                       num_classes: int,
                       measure: Callable[[np.ndarray], np.ndarray],
                       level: float = 0.95,
                       num_samples: int = 1000,
                       seed: int = 0) -> Tuple[float, float]:
    """Percentile bootstrap interval of a measure (Efron, 1979).

    Clips are drawn again with replacement within each class, so that no
    sample loses a class. The interval tells what the finite number of clips
    leaves open; it knows nothing of other subjects or another training run.

    Args:
        labels (Sequence[int]): True classes, shape (N, ).
        predictions (Sequence[int]): Predicted classes, shape (N, ).
        num_classes (int): K.
        measure (Callable): Maps (S, K, K) confusion matrices to (S, ).
        level (float): Confidence. Defaults to 0.95.
        num_samples (int): S. Defaults to 1000.
        seed (int): Seed of the drawing. Defaults to 0.

    Returns:
        tuple[float, float]: Lower and upper end.
    """
    confusion = confusion_matrix(labels, predictions, num_classes)
    generator = np.random.default_rng(seed)
    # To draw n clips of one class again is to draw the counts of their
    # predictions from a multinomial distribution.
    drawn = np.zeros((num_samples, num_classes, num_classes), np.int64)
    for number, row in enumerate(confusion):
        total = int(row.sum())
        if total:
            drawn[:, number] = generator.multinomial(
                total, row / total, size=num_samples)
    values = measure(drawn)
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)
