# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Find the person of a clip among other clips."""
import math
from dataclasses import dataclass

import numpy as np

from .uncertainty import clustered_standard_error


#: Which clips a probe is looked up among.
GALLERIES = ('different_expression', 'same_expression')


@dataclass(frozen=True)
class ReidentificationResult:
    """How well nearest neighbours find a person.

    Args:
        rank1 (float): Share of probes whose nearest clip shows their person.
        standard_error (float): Of ``rank1``, from its spread over persons.
        mean_average_precision (float): mAP over the ranked gallery.
        chance_rank1 (float): Of a random ranking.
        chance_mean_average_precision (float): Of a random ranking.
        num_probes (int): Probes with at least one clip of their person and
            one of another in the gallery.
    """
    rank1: float
    standard_error: float
    mean_average_precision: float
    chance_rank1: float
    chance_mean_average_precision: float
    num_probes: int


def reidentify(similarity: np.ndarray,
               labels: np.ndarray,
               subjects: np.ndarray,
               gallery: str = 'different_expression'
               ) -> ReidentificationResult:
    """Rank other clips by their similarity to each clip.

    Nothing is trained, so there is little to go wrong. Across expressions
    only the person can bring probe and gallery together. Within an expression
    the expression cannot hide the person, and a personal way of, say, smiling
    shows as well. Equal similarities count as their average over all orders.

    Args:
        similarity (np.ndarray): (N, N), greater is more alike.
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        gallery (str): All clips of 'different_expression', or all other clips
            of the 'same_expression'. Defaults to 'different_expression'.

    Returns:
        ReidentificationResult: NaN throughout if no probe has a gallery.
    """
    if gallery not in GALLERIES:
        raise ValueError(f'`gallery` is one of {GALLERIES}, got {gallery!r}')
    labels, subjects = np.asarray(labels), np.asarray(subjects)
    rows, people = [], []
    for probe, scores in enumerate(similarity):
        searched = labels != labels[probe]
        if gallery == 'same_expression':
            searched = ~searched
            searched[probe] = False
        relevant = subjects[searched] == subjects[probe]
        if not 0 < relevant.sum() < len(relevant):
            continue
        scores = scores[searched]
        rows.append((relevant[scores == scores.max()].mean(),
                     average_precision(scores, relevant), relevant.mean(),
                     average_precision(np.zeros(len(scores)), relevant)))
        people.append(subjects[probe])
    if not rows:
        return ReidentificationResult(*[math.nan] * 5, 0)
    rank1, precision, chance, chance_precision = np.mean(rows, axis=0).tolist()
    return ReidentificationResult(
        rank1, clustered_standard_error([row[0] for row in rows], people),
        precision, chance, chance_precision, len(rows))


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Average precision, its expectation where scores are equal.

    Within a group of t equal scores with r relevant ones, the item at place
    j = 1 .. t is relevant with probability r / t, and then (j - 1) (r - 1) /
    (t - 1) relevant ones are expected before it in the group. If all scores
    are equal, this is the chance level.

    Args:
        scores (np.ndarray): (n, ), greater is better.
        relevant (np.ndarray): bool (n, ), at least one.

    Returns:
        float: Between 0 and 1.
    """
    order = np.argsort(-scores, kind='stable')
    scores = scores[order]
    relevant = relevant[order].astype(np.float64)
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    sizes = np.diff(np.r_[starts, len(scores)])
    hits = np.add.reduceat(relevant, starts)
    before = np.cumsum(hits) - hits
    group = np.repeat(np.arange(len(starts)), sizes)
    place = np.arange(len(scores)) - starts[group]  # from 0
    share = place * (hits - 1)[group] / np.maximum(sizes - 1, 1)[group]
    precision = (before[group] + 1 + share) / np.arange(1, len(scores) + 1)
    return float((precision * (hits / sizes)[group]).sum() / relevant.sum())
