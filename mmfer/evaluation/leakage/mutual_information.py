# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Mutual information of frozen codes, by critics that never saw them.

A bound from the training of the model says how far *that* estimator got
against a moving target. Here the codes stand still, the critic is new, and
the estimate is made on clips that it did not learn from.
"""
from dataclasses import dataclass
from typing import List

import numpy as np
import torch

from mmfer.registry import DEPENDENCE
from .folds import make_folds

#: Estimators by their names in the registry.
ESTIMATORS = ('infonce', 'mine', 'smile')


class TooFewClipsError(ValueError):
    """A critic cannot learn from so few."""


@dataclass(frozen=True)
class InformationResult:
    """An estimate of I(features; identity).

    Args:
        nats (float): Mean of both halves. A held-out lower bound may be
            below 0, which says no more than 0.
        bound (str): 'lower', or 'none' for an estimate that may lie on
            either side. A low lower bound is no proof of little information:
            only that this critic, with so many clips, found no more.
        ceiling (float): What the estimator cannot exceed: the logarithm of
            the clips that it compares at once for InfoNCE, else infinity.
        num_clips (int): Clips that were estimated on, both halves together.
    """
    nats: float
    bound: str
    ceiling: float
    num_clips: int


def estimate_information(features: np.ndarray,
                         identity: np.ndarray,
                         labels: np.ndarray,
                         subjects: np.ndarray,
                         estimator: str = 'infonce',
                         num_components: int = 32,
                         hidden_channels: int = 64,
                         num_steps: int = 300,
                         batch_size: int = 64,
                         learning_rate: float = 1e-3,
                         seed: int = 0) -> InformationResult:
    """Train a critic on one half of the clips, estimate on the other, swap.

    Both halves show the same persons: the quantity is the information about
    *which clip of these persons* it is, at most about the logarithm of their
    number. Both codes are reduced to their principal components and
    standardised with the critic's half (part of the critic: a bound stays
    a bound). Of the half, a fifth chooses the step at which the critic is
    best, the untrained critic included.

    Args:
        features (np.ndarray): (N, D).
        identity (np.ndarray): (N, E).
        labels (np.ndarray): (N, ), expressions; they even out the halves.
        subjects (np.ndarray): (N, ), persons; likewise.
        estimator (str): One of :data:`ESTIMATORS`, see
            :mod:`mmfer.models.dependence`. Defaults to 'infonce'.
        num_components (int): Of each code. Defaults to 32.
        hidden_channels (int): Width of the critic. Defaults to 64.
        num_steps (int): Adam steps. Defaults to 300.
        batch_size (int): Defaults to 64.
        learning_rate (float): Defaults to 1e-3.
        seed (int): Of the halves, the critic and its batches. The global
            random state is left alone. Defaults to 0.

    Returns:
        InformationResult: In nats.

    Raises:
        TooFewClipsError: Fewer than 20 clips, or too few of each person.
        ValueError: Unknown estimator.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(
            f'`estimator` is one of {ESTIMATORS}, got {estimator!r}')
    if len(features) < 20:
        raise TooFewClipsError(f'{len(features)} clips are too few to train '
                               'a critic; at least 20')
    # Tenths: five train, of which one validates; five are estimated on.
    tenths = make_folds('clip_disjoint', labels, subjects, 10, seed)
    values, sizes = [], []
    for half in range(2):
        held = tenths % 2 == half
        validation = tenths == (1 - half)
        training = ~held & ~validation
        if min(held.sum(), validation.sum(), training.sum()) < 2:
            raise TooFewClipsError(
                f'{len(features)} clips are too few to train a critic; at '
                'least some of each person')
        codes = [
            _reduce(code, ~held, num_components)
            for code in (features, identity)
        ]
        parts = [[torch.from_numpy(code[rows]) for code in codes]
                 for rows in (training, validation, held)]
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which reseeds accelerators as well.
            torch.default_generator.manual_seed(seed + half)
            critic = DEPENDENCE.build(
                dict(
                    type=estimator,
                    x_channels=codes[0].shape[1],
                    y_channels=codes[1].shape[1],
                    hidden_channels=hidden_channels))
            values.append(
                _train(critic, parts, num_steps, batch_size, learning_rate))
        sizes.append(int(held.sum()))
    return InformationResult(
        nats=float(np.mean(values)),
        bound=critic.bound or 'none',
        ceiling=float(np.mean(np.log(sizes)))
        if estimator == 'infonce' else np.inf,
        num_clips=sum(sizes))


def _train(critic: torch.nn.Module, parts: List[List[torch.Tensor]],
           num_steps: int, batch_size: int, learning_rate: float) -> float:
    """Train, keep the step that is best on the second part, use the third."""
    (x, y), validation, held = parts
    optimiser = torch.optim.Adam(
        critic.parameters(), learning_rate, weight_decay=1e-3)

    best = float(critic.estimate(*validation))
    result = float(critic.estimate(*held))
    for step in range(1, num_steps + 1):
        rows = torch.randperm(len(x))[:batch_size]
        optimiser.zero_grad()
        critic.learning_loss(x[rows], y[rows]).backward()
        optimiser.step()
        if step % 10 == 0:
            value = float(critic.estimate(*validation))
            if value > best:
                best, result = value, float(critic.estimate(*held))
    return result


def _reduce(code: np.ndarray, fit: np.ndarray, components: int) -> np.ndarray:
    """Principal components, standardised; zeros where nothing varies."""
    code = np.asarray(code, dtype=np.float64)
    centred = code - code[fit].mean(axis=0)
    _, strength, axes = np.linalg.svd(centred[fit], full_matrices=False)
    used = (strength > 1e-6 * max(np.abs(code).max(), 1e-300))[:components]
    if not used.any():
        return np.zeros((len(code), 1), dtype=np.float32)
    reduced = centred @ axes[:components][used].T
    # One scale for all components: small ones stay small, as noise is.
    return (reduced / reduced[fit].std()).astype(np.float32)

