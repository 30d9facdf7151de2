# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the codes are still worth: leakage means nothing without it.

An encoder that gives every clip the same code leaks nothing.
"""
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..functional import (confusion_matrix, unweighted_average_recall,
                          weighted_average_recall)


@dataclass(frozen=True)
class ExpressionResult:
    """How well expressions are told, and by how many dimensions.

    Args:
        model_UAR (float): Of the model's own predictions; NaN without.
        model_WAR (float): Likewise.
        probe_UAR (float): Of a fresh linear classifier on the codes, tested
            on persons that it has not seen; NaN for fewer than two persons.
        chance_UAR (float): One over the number of expressions.
        effective_rank (float): Dimensions that the codes use: exponential of
            the entropy of the spectrum (Roy and Vetterli, 2007); 0 for codes
            that do not vary.
    """
    model_UAR: float
    model_WAR: float
    probe_UAR: float
    chance_UAR: float
    effective_rank: float


def measure_expression(features: np.ndarray,
                       labels: np.ndarray,
                       subjects: np.ndarray,
                       scores: Optional[np.ndarray] = None
                       ) -> ExpressionResult:
    """Measure the use of codes for their purpose.

    Args:
        features (np.ndarray): (N, D).
        labels (np.ndarray): (N, ), expressions; with ``scores``, the
            positions of its columns.
        subjects (np.ndarray): (N, ), persons.
        scores (np.ndarray, optional): (N, K), predictions of the model.
            Defaults to None.

    Returns:
        ExpressionResult: Shares between 0 and 1.
    """
    classes, label = np.unique(labels, return_inverse=True)
    war = uar = float('nan')
    if scores is not None:
        confusion = confusion_matrix(labels, scores.argmax(axis=1),
                                     scores.shape[1])
        war = float(weighted_average_recall(confusion))
        uar = float(unweighted_average_recall(confusion, warn=False))
    return ExpressionResult(uar, war, _probe(features, label, subjects),
                            1 / len(classes), effective_rank(features))


def _probe(features: np.ndarray, label: np.ndarray,
           subjects: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    count = min(5, len(np.unique(subjects)))
    number = int(label.max()) + 1
    if count < 2 or number < 2:
        return float('nan')
    said = np.zeros(len(label), dtype=np.int64)
    for rest, chosen in GroupKFold(count).split(features, groups=subjects):
        if not np.ptp(features[rest], axis=0).any() or \
                len(np.unique(label[rest])) < 2:
            said[chosen] = np.bincount(label[rest]).argmax()
            continue
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
        model.fit(features[rest], label[rest])
        said[chosen] = model.predict(features[chosen])
    confusion = confusion_matrix(label, said, number)
    return float(unweighted_average_recall(confusion, warn=False))


def effective_rank(features: np.ndarray) -> float:
    """Dimensions that codes use.

    Args:
        features (np.ndarray): (N, D).

    Returns:
        float: Between 1 and min(N, D); 0 for codes that do not vary.
    """
    features = np.asarray(features, dtype=np.float64)
    if np.ptp(features, axis=0).max() <= 1e-9 * np.abs(features).max():
        return 0.
    values = np.linalg.svd(features - features.mean(axis=0),
                           compute_uv=False)**2
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
