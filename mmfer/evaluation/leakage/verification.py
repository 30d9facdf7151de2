# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Do two clips show the same person?"""
import math
from dataclasses import dataclass
from typing import Tuple

import numpy as np

#: Which pairs of clips are compared.
PAIRS = ('all', 'same_expression', 'different_expression')


@dataclass(frozen=True)
class VerificationResult:
    """Error rates of a threshold on the similarity.

    Args:
        equal_error_rate (float): 0 is a perfect verifier, 0.5 a coin.
        true_accepts_at_1e_1 (float): Share of pairs of one person that are
            accepted where 10 % of the pairs of two persons are; chance 0.1.
        true_accepts_at_1e_2 (float): The same at 1 %; chance 0.01.
        num_genuine (int): Pairs of one person.
        num_impostor (int): Pairs of two persons.
    """
    equal_error_rate: float
    true_accepts_at_1e_1: float
    true_accepts_at_1e_2: float
    num_genuine: int
    num_impostor: int


def verify(similarity: np.ndarray,
           labels: np.ndarray,
           subjects: np.ndarray,
           pairs: str = 'all') -> VerificationResult:
    """Compare pairs of different clips.

    Args:
        similarity (np.ndarray): (N, N), symmetric, greater is more alike.
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        pairs (str): 'all', 'same_expression' (the expression cannot tell the
            pairs apart: the easiest test for an attacker) or
            'different_expression'. Defaults to 'all'.

    Returns:
        VerificationResult: NaN if one kind of pair is missing.
    """
    if pairs not in PAIRS:
        raise ValueError(f'`pairs` is one of {PAIRS}, got {pairs!r}')
    labels, subjects = np.asarray(labels), np.asarray(subjects)
    one, other = np.triu_indices(len(labels), k=1)
    if pairs != 'all':
        chosen = (labels[one] == labels[other]) == (pairs == 'same_expression')
        one, other = one[chosen], other[chosen]
    scores = similarity[one, other]
    genuine = subjects[one] == subjects[other]
    count = int(genuine.sum())
    if not 0 < count < len(scores):
        return VerificationResult(math.nan, math.nan, math.nan, count,
                                  len(scores) - count)
    false_accepts, true_accepts = operating_curve(scores, genuine)
    return VerificationResult(
        equal_error_rate(false_accepts, true_accepts),
        true_accepts_at(0.1, false_accepts, true_accepts),
        true_accepts_at(0.01, false_accepts, true_accepts), count,
        len(scores) - count)


def operating_curve(scores: np.ndarray,
                    genuine: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """False and true accept rates of all thresholds.

    Args:
        scores (np.ndarray): (P, ), greater is more alike.
        genuine (np.ndarray): bool (P, ), both values occur.

    Returns:
        tuple[np.ndarray, np.ndarray]: Both rise from 0 to 1. Equal scores
        are accepted together, so that the curve is straight in between.
    """
    order = np.argsort(-scores, kind='stable')
    scores, genuine = scores[order], genuine[order]
    last = np.r_[scores[1:] != scores[:-1], True]
    accepted = np.cumsum(genuine)[last]
    wrongly = np.cumsum(~genuine)[last]
    return (np.r_[0, wrongly / wrongly[-1]], np.r_[0, accepted / accepted[-1]])


def equal_error_rate(false_accepts: np.ndarray,
                     true_accepts: np.ndarray) -> float:
    """Where as many impostors are accepted as true pairs are refused.

    Args:
        false_accepts (np.ndarray): (T, ), rising from 0 to 1.
        true_accepts (np.ndarray): (T, ), likewise.

    Returns:
        float: On the straight line between neighbouring thresholds.
    """
    gap = false_accepts - (1 - true_accepts)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    step = gap[after] - gap[before]
    share = -gap[before] / step
    return float(false_accepts[before] + share *
                 (false_accepts[after] - false_accepts[before]))


def true_accepts_at(rate: float, false_accepts: np.ndarray,
                    true_accepts: np.ndarray) -> float:
    """True accept rate at a false accept rate.

    Args:
        rate (float): The false accept rate.
        false_accepts (np.ndarray): (T, ), rising from 0 to 1.
        true_accepts (np.ndarray): (T, ), likewise.

    Returns:
        float: On the straight line between neighbouring thresholds.
    """
    after = int(np.searchsorted(false_accepts, rate, side='right'))
    if after == len(false_accepts):
        return 1.
    before = after - 1
    share = (rate - false_accepts[before]) / (
        false_accepts[after] - false_accepts[before])
    return float(true_accepts[before] + share *
                 (true_accepts[after] - true_accepts[before]))
