# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Similarity of codes in three spaces.

The raw cosine of expression codes is ruled by the expression and can hide a
person that every probe finds. An attacker who has codes of *other* persons
whitens, or keeps the directions that told those persons apart.
"""
from typing import Dict, Optional

import numpy as np


def cosine_similarities(features: np.ndarray,
                        others: Optional[np.ndarray] = None) -> np.ndarray:
    """Cosine of all pairs.

    Args:
        features (np.ndarray): (N, D).
        others (np.ndarray, optional): (M, D). Defaults to None, ``features``.

    Returns:
        np.ndarray: float64 (N, M), rounded so that equal codes are equally
        similar; 0 for a code of length zero.
    """
    first = _unit(features)
    second = first if others is None else _unit(others)
    return np.round(first @ second.T, 9)


def _unit(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(
        features, length, out=np.zeros_like(features), where=length > 0)


def project(features: np.ndarray,
            fit_features: Optional[np.ndarray] = None,
            fit_subjects: Optional[np.ndarray] = None
            ) -> Dict[str, np.ndarray]:
    """Map codes into the spaces in which they are compared.

    Args:
        features (np.ndarray): (N, D), the tested persons.
        fit_features (np.ndarray, optional): (M, D), codes of other persons.
            Defaults to None: whitening is fitted on ``features`` themselves,
            which needs no names.
        fit_subjects (np.ndarray, optional): (M, ), those persons.
            Defaults to None, no discriminant.

    Returns:
        dict[str, np.ndarray]: 'raw'; 'whitened', centred and with unit
        covariance (Ledoit and Wolf, 2004); and with names 'lda', the
        directions in which other persons differ, in units of the spread
        within a person (Fisher, 1936).
    """
    features = np.asarray(features, dtype=np.float64)
    fit = features if fit_features is None else np.asarray(
        fit_features, dtype=np.float64)
    centred = features - fit.mean(axis=0)
    spaces = dict(
        raw=features, whitened=centred @ whitening(fit - fit.mean(axis=0)))
    if fit_features is None or fit_subjects is None:
        return spaces
    person, sizes = np.unique(
        fit_subjects, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < 2 or len(fit) <= len(sizes):
        return spaces
    means = np.zeros((len(sizes), fit.shape[1]))
    np.add.at(means, person, fit)
    means /= sizes[:, None]
    within = whitening(fit - means[person], 1e-6 * fit.var(axis=0).mean())
    between = (means - fit.mean(axis=0)) @ within
    # The right singular vectors span what the persons' means span.
    _, strength, directions = np.linalg.svd(
        between * np.sqrt(sizes)[:, None], full_matrices=False)
    used = strength > 1e-9 * max(strength.max(), 1e-300)
    spaces['lda'] = centred @ within @ directions[used].T
    return spaces


def whitening(centred: np.ndarray, floor: float = 0.) -> np.ndarray:
    """Inverse root of a covariance, shrunk as by Ledoit and Wolf (2004).

    Args:
        centred (np.ndarray): (N, D).
        floor (float): Variance that is added in all directions, so that
            persons without any spread within them stay apart.
            Defaults to 0.

    Returns:
        np.ndarray: float64 (D, D), symmetric.
    """
    from sklearn.covariance import ledoit_wolf
    covariance = floor * np.eye(centred.shape[1])
    if len(centred) > 1 and centred.any():
        covariance += np.atleast_2d(
            ledoit_wolf(centred, assume_centered=True)[0])
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(1e-10 * values.max(), 1e-300)
    vectors = vectors[:, kept]
    return (vectors / np.sqrt(values[kept])) @ vectors.T
