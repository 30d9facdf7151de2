# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Fresh classifiers that try to name the person.

An honest probe is as strong as it can be made: its regularisation is chosen by
an inner cross-validation of the same protocol, which never sees the tested
fold. To spare trainings, the model that was fitted without the folds k and m
serves both, as inner model of outer fold k and of outer fold m; MLPs take only
neighbouring folds as k and m.
"""
import math
from dataclasses import dataclass
from itertools import combinations
from typing import Callable, List, Tuple

import numpy as np

from .folds import make_folds
from .similarity import whitening
from .uncertainty import clustered_standard_error

#: Kinds of probe.
KINDS = ('linear', 'mlp')


@dataclass(frozen=True)
class ProbeResult:
    """How often a probe named the right person.

    Args:
        accuracy (float): Share of the tested clips; NaN if none was tested.
        chance (float): Share of the most frequent person, which a probe
            reaches that knows nothing.
        excess (float): ``accuracy - chance``.
        standard_error (float): Of the accuracy, from its spread over persons.
        num_clips (int): Tested clips. A clip is left out if its person is
            not among the clips that the probe may learn from.
    """
    accuracy: float
    chance: float
    excess: float
    standard_error: float
    num_clips: int


def probe_identity(features: np.ndarray,
                   labels: np.ndarray,
                   subjects: np.ndarray,
                   kind: str = 'linear',
                   protocol: str = 'clip_disjoint',
                   num_folds: int = 5,
                   seed: int = 0) -> ProbeResult:
    """Train probes in cross-validation; every clip is tested once.

    The closed set of persons is that of the data; features are standardised
    on the training folds. The linear probe is the best of logistic
    regressions and of a linear discriminant with shrunk covariance, the MLP
    has one hidden layer of 128 units.

    Args:
        features (np.ndarray): (N, D).
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        kind (str): 'linear' or 'mlp'. Defaults to 'linear'.
        protocol (str): 'clip_disjoint' or 'expression_disjoint', see
            :func:`make_folds`. Defaults to 'clip_disjoint'.
        num_folds (int): Defaults to 5.
        seed (int): Of folds and initial weights. Defaults to 0.

    Returns:
        ProbeResult: Accuracy against chance.
    """
    if kind not in KINDS:
        raise ValueError(f'`kind` is one of {KINDS}, got {kind!r}')
    features = np.asarray(features, dtype=np.float64)
    person = np.unique(subjects, return_inverse=True)[1]
    folds = make_folds(protocol, labels, subjects, num_folds, seed)
    count = int(folds.max()) + 1
    tested = np.zeros(len(person), dtype=bool)
    for fold in range(count):
        rest = folds != fold
        tested |= ~rest & np.isin(person, person[rest])
    if count < 2 or len(np.unique(person[tested])) < 2:
        return ProbeResult(math.nan, math.nan, math.nan, math.nan, 0)
    pairs = list(combinations(range(count), 2))
    if kind == 'mlp':  # each fold in two pairs
        pairs = [(k, m) for k, m in pairs if m - k in (1, count - 1)]
    answers = _cross_validate(features, person, folds, pairs,
                              _candidates(kind, seed))
    hits = (answers == person)[tested]
    groups = person[tested]
    chance = np.bincount(groups).max() / len(groups)
    accuracy = hits.mean()
    return ProbeResult(
        accuracy=float(accuracy),
        chance=float(chance),
        excess=float(accuracy - chance),
        standard_error=clustered_standard_error(hits, groups),
        num_clips=len(groups))


def _candidates(kind: str, seed: int) -> List[Callable]:
    """Makers of the classifiers among which the inner validation chooses."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    if kind == 'linear':
        return [_Discriminant] + [
            lambda strength=strength: LogisticRegression(
                C=strength, max_iter=5000, tol=1e-3)
            for strength in (1e-3, 1e-2, 1e-1, 1)
        ]
    return [
        lambda decay=decay: MLPClassifier(
            (128, ),
            alpha=decay,
            batch_size=64,
            learning_rate_init=1e-2,
            tol=1e-3,
            max_iter=2000,
            random_state=seed) for decay in (0.03, 1)
    ]


def _cross_validate(features: np.ndarray, person: np.ndarray,
                    folds: np.ndarray, pairs: List[Tuple[int, int]],
                    makers: List[Callable]) -> np.ndarray:
    """Answer each clip by a probe that did not see its fold.

    Args:
        features (np.ndarray): (N, D).
        person (np.ndarray): int64 (N, ).
        folds (np.ndarray): int64 (N, ).
        pairs (list[tuple[int, int]]): Folds that are left out together, to
            choose among the makers.
        makers (list[Callable]): Of unfitted classifiers.

    Returns:
        np.ndarray: int64 (N, ), the named person.
    """
    count = int(folds.max()) + 1
    best = np.zeros(count, dtype=np.int64)
    if count > 2:
        hits = np.zeros((len(makers), count))
        for number, make in enumerate(makers):
            for one, other in pairs:
                model = _fit(make, features, person,
                             (folds != one) & (folds != other))
                for outer, inner in ((one, other), (other, one)):
                    chosen = folds == inner
                    said = model(features[chosen])
                    hits[number, outer] += (said == person[chosen]).sum()
        best = hits.argmax(axis=0)
    answers = np.full(len(person), -1, dtype=np.int64)
    for fold in range(count):
        model = _fit(makers[best[fold]], features, person, folds != fold)
        answers[folds == fold] = model(features[folds == fold])
    return answers


def _fit(make: Callable, features: np.ndarray, person: np.ndarray,
         chosen: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit one probe on some rows; gives what names the persons of others."""
    features, person = features[chosen], person[chosen]
    mean, spread = features.mean(axis=0), features.std(axis=0)
    varies = spread > 1e-9 * np.abs(features).max(initial=0)
    if not varies.any() or len(np.unique(person)) < 2:
        guess = np.bincount(person).argmax()
        return lambda rows: np.full(len(rows), guess)
    scale = np.where(varies, spread, np.inf)  # what is constant becomes 0
    model = make()
    if hasattr(model, 'batch_size'):
        model.batch_size = min(model.batch_size, len(features))
    model.fit((features - mean) / scale, person)
    return lambda rows: model.predict((rows - mean) / scale)


class _Discriminant:
    """Linear discriminant with one shrunk covariance within all persons.

    Nearest mean after whitening; scikit-learn's shrinks the covariance of
    each person apart, which few clips of a person do not allow.
    """

    def fit(self, features: np.ndarray, person: np.ndarray) -> '_Discriminant':
        self.people, place, sizes = np.unique(
            person, return_inverse=True, return_counts=True)
        means = np.zeros((len(sizes), features.shape[1]))
        np.add.at(means, place, features)
        means /= sizes[:, None]
        self.within = whitening(features - means[place],
                                1e-6 * features.var(axis=0).mean())
        self.means = means @ self.within
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        scores = features @ self.within @ self.means.T
        return self.people[(scores - (self.means**2).sum(axis=1) / 2).argmax(
            axis=1)]
