# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Inversion attack: paint the face from the code, ask a face network whose.

The attacker owns codes and pictures of other persons, learns to paint from
them, paints the unseen persons from their codes alone, and looks the
pictures up with a face network.
"""
import math
from dataclasses import dataclass
from itertools import product
from typing import Callable, List, Sequence

import cv2
import numpy as np

from .similarity import cosine_similarities

#: Height and width of painted faces.
SIZE = 64
#: Codes beyond this number are not learned from (a matrix of its square).
MOST = 1500


@dataclass(frozen=True)
class InversionResult:
    """How well painted faces are recognised.

    Args:
        rank1 (float): Share of painted faces that are most like their own
            person, by the mean similarity to that person's clips of other
            expressions.
        chance (float): One over the number of persons.
        similarity (float): Mean cosine to the own person.
        margin (float): ``similarity`` less the mean cosine to all others.
        ceiling_rank1 (float): Rank 1 of the true pictures at the painted
            size.
        ceiling_margin (float): Their margin.
        pixel_gain (float): By how much the squared error is below that of
            the mean training face, as a share; before stretching. 0 or less
            is no better.
        num_clips (int): Painted faces.
    """
    rank1: float
    chance: float
    similarity: float
    margin: float
    ceiling_rank1: float
    ceiling_margin: float
    pixel_gain: float
    num_clips: int


class FaceDecoder:
    """Kernel ridge regression from codes onto eigenfaces.

    Closed form, hence deterministic and at its optimum; linear or with a
    Gaussian kernel, whichever paints *unseen persons* of the training clips
    better, as found by cross-validation over persons. With hundreds of faces
    a convolutional decoder is neither better fed nor cheaper.

    Squared error shrinks uncertain paintings towards the mean face. The
    deviation is stretched back to the spread of true faces, at most three
    times.

    Args:
        num_components (int): Eigenfaces (Turk and Pentland, 1991).
            Defaults to 128.
        seed (int): Of the choice among too many clips. Defaults to 0.
    """

    def __init__(self, num_components: int = 128, seed: int = 0) -> None:
        self.num_components = num_components
        self.seed = seed

    def fit(self, features: np.ndarray, faces: np.ndarray,
            subjects: np.ndarray) -> 'FaceDecoder':
        """Learn.

        Args:
            features (np.ndarray): (M, D).
            faces (np.ndarray): uint8 (M, H, W, 3) RGB.
            subjects (np.ndarray): (M, ), at least two persons.

        Returns:
            FaceDecoder: Itself.
        """
        if len(features) > MOST:
            chosen = np.random.default_rng(self.seed).choice(
                len(features), MOST, replace=False)
            features, subjects = features[chosen], subjects[chosen]
            faces = [faces[number] for number in chosen]
        features = np.asarray(features, dtype=np.float64)
        self.mean = features.mean(axis=0)
        spread = features.std(axis=0)
        self.scale = np.where(spread > 1e-9 * np.abs(features).max(), spread,
                              np.inf)
        pixels = resize(faces).reshape(len(features), -1).astype(np.float64)
        self.mean_face = pixels.mean(axis=0)
        _, strength, axes = np.linalg.svd(
            pixels - self.mean_face, full_matrices=False)
        kept = min(self.num_components, max(int((strength > 1e-6).sum()), 1))
        self.axes = axes[:kept]
        weights = (pixels - self.mean_face) @ self.axes.T
        self._choose(self._standardised(features), weights, subjects)
        return self

    def _standardised(self, features: np.ndarray) -> np.ndarray:
        return (np.asarray(features, dtype=np.float64) -
                self.mean) / self.scale

    def _choose(self, codes: np.ndarray, weights: np.ndarray,
                subjects: np.ndarray) -> None:
        from sklearn.kernel_ridge import KernelRidge
        from sklearn.model_selection import GroupKFold
        count = min(4, len(np.unique(subjects)))
        folds = list(GroupKFold(count).split(codes, groups=subjects))
        width = codes.shape[1]
        best = None
        for (kernel, gamma), strength in product(
                (('linear', None), ('rbf', .1 / width), ('rbf', .5 / width)),
                (1e-2, 1e-1, 1, 10, 100)):
            # A linear kernel grows with the width, a Gaussian one does not.
            alpha = strength * (width if kernel == 'linear' else .1)
            painted = np.zeros_like(weights)
            for rest, chosen in folds:
                model = KernelRidge(alpha=alpha, kernel=kernel, gamma=gamma)
                model.fit(codes[rest], weights[rest])
                painted[chosen] = model.predict(codes[chosen])
            error = ((painted - weights)**2).sum()
            if best is None or error < best[0]:
                best = error, alpha, kernel, gamma, painted
        _, alpha, kernel, gamma, painted = best
        self.model = KernelRidge(alpha=alpha, kernel=kernel, gamma=gamma)
        self.model.fit(codes, weights)
        true, shrunk = np.sqrt((weights**2).sum()), np.sqrt((painted**2).sum())
        self.stretch = float(np.clip(true / shrunk, 1, 3)) if shrunk else 1.

    def paint(self, features: np.ndarray,
              stretched: bool = True) -> np.ndarray:
        """Paint faces.

        Args:
            features (np.ndarray): (N, D).
            stretched (bool): Whether to give the deviation from the mean face
                its natural strength. Defaults to True.

        Returns:
            np.ndarray: uint8 (N, 64, 64, 3) RGB.
        """
        weights = self.model.predict(self._standardised(features))
        if stretched:
            weights = weights * self.stretch
        pixels = self.mean_face + weights @ self.axes
        return np.clip(np.round(pixels), 0, 255).astype(np.uint8).reshape(
            -1, SIZE, SIZE, 3)


def resize(faces: Sequence[np.ndarray]) -> np.ndarray:
    """Reduce pictures to the painted size.

    Args:
        faces (Sequence[np.ndarray]): N of uint8 (H, W, 3).

    Returns:
        np.ndarray: uint8 (N, 64, 64, 3).
    """
    return np.stack([
        cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for face in faces
    ])


def invert(decoder: FaceDecoder, features: np.ndarray, labels: np.ndarray,
           subjects: np.ndarray, identity: np.ndarray, faces: np.ndarray,
           encode: Callable[[List[np.ndarray]], np.ndarray]
           ) -> InversionResult:
    """Paint faces and score them.

    Args:
        decoder (FaceDecoder): Fitted on other persons.
        features (np.ndarray): (N, D).
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        identity (np.ndarray): (N, E), embeddings of the true pictures by the
            same face network, raw.
        faces (np.ndarray): uint8 (N, H, W, 3) RGB, the true pictures.
        encode (Callable): The face network: list of uint8 RGB (H, W, 3) to
            embeddings (N, E).

    Returns:
        InversionResult: Scores against chance and ceiling.
    """
    true = resize(faces)
    painted = decoder.paint(features)
    rank1, similarity, margin = _look_up(
        np.asarray(encode(list(painted))), identity, labels, subjects)
    ceiling_rank1, _, ceiling_margin = _look_up(
        np.asarray(encode(list(true))), identity, labels, subjects)
    shrunk = decoder.paint(features, stretched=False).astype(np.float64)
    error = ((shrunk - true)**2).sum()
    spread = ((decoder.mean_face.reshape(true.shape[1:]) - true)**2).sum()
    return InversionResult(
        rank1=rank1,
        chance=1 / len(np.unique(subjects)),
        similarity=similarity,
        margin=margin,
        ceiling_rank1=ceiling_rank1,
        ceiling_margin=ceiling_margin,
        pixel_gain=float(1 - error / spread) if spread else math.nan,
        num_clips=len(features))


def _look_up(embeddings: np.ndarray, identity: np.ndarray, labels: np.ndarray,
             subjects: np.ndarray) -> tuple:
    """Rank 1, mean similarity to the own person, margin over the others."""
    people, person = np.unique(subjects, return_inverse=True)
    belongs = np.eye(len(people))[person]
    similarity = cosine_similarities(embeddings, identity)
    rows = []
    for probe, scores in enumerate(similarity):
        gallery = np.asarray(labels) != labels[probe]
        sizes = belongs[gallery].sum(axis=0)
        own = person[probe]
        if not sizes[own] or (sizes > 0).sum() < 2:
            continue
        means = np.full(len(people), -np.inf)
        shown = sizes > 0
        means[shown] = (scores[gallery] @ belongs[gallery])[shown] / \
            sizes[shown]
        best = np.flatnonzero(means >= means.max() - 1e-9)
        others = shown & (np.arange(len(people)) != own)
        rows.append(((own in best) / len(best), means[own],
                     means[own] - means[others].mean()))
    if not rows:
        return (float('nan'), ) * 3
    return tuple(float(value) for value in np.mean(rows, axis=0))
