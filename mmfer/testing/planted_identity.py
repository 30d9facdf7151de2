# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Codes in which it is known how the person is written."""
from typing import Tuple

import numpy as np

#: How the person can be written, see :func:`plant_identity`.
WRITINGS = ('perfect', 'nonlinear', 'absent', 'constant')


def balanced_design(subjects: int,
                    expressions: int,
                    takes: int) -> Tuple[np.ndarray, np.ndarray]:
    """Every person shows every expression equally often.

    Args:
        subjects (int): Persons.
        expressions (int): Classes.
        takes (int): Clips of each person and class.

    Returns:
        tuple[np.ndarray, np.ndarray]: Labels and subjects, int64 (N, ).
    """
    grid = np.indices((subjects, expressions, takes)).reshape(3, -1)
    return grid[1], grid[0]


def confounded_design(subjects: int, expressions: int, often: int,
                      seldom: int) -> Tuple[np.ndarray, np.ndarray]:
    """Every person shows one expression often and the others seldom.

    Args:
        subjects (int): Persons; person p prefers class p % expressions.
        expressions (int): Classes.
        often (int): Clips of the preferred class.
        seldom (int): Clips of each other class.

    Returns:
        tuple[np.ndarray, np.ndarray]: Labels and subjects, int64 (N, ).
    """
    cells = [(label, person) for person in range(subjects)
             for label in range(expressions)
             for _ in range(often if label == person % expressions else seldom)
             ]
    labels, people = np.array(cells).T
    return labels, people


def plant_identity(labels: np.ndarray,
                   subjects: np.ndarray,
                   writing: str,
                   channels: int = 16,
                   noise: float = 0.3,
                   seed: int = 0,
                   person_seed: int = 0) -> np.ndarray:
    """Make codes that know the expression, and the person as asked.

    - 'perfect': a random vector per person is added.
    - 'nonlinear': three pairs of signs; of each pair the first is a coin and
      the second the coin times a bit of the person's number (exclusive or).
      Neither alone tells anything, nor does any linear function. At most
      eight persons.
    - 'absent': nothing of the person.
    - 'constant': nothing at all.

    Args:
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        writing (str): One of :data:`WRITINGS`.
        channels (int): D, at least 7. Defaults to 16.
        noise (float): Standard deviation of what is added everywhere.
            Defaults to 0.3.
        seed (int): Of coins and noise. Defaults to 0.
        person_seed (int): Of the vectors of persons; those of expressions
            are always the same. Defaults to 0.

    Returns:
        np.ndarray: float64 (N, D).
    """
    if writing not in WRITINGS:
        raise ValueError(f'`writing` is one of {WRITINGS}, got {writing!r}')
    if writing == 'constant':
        return np.full((len(labels), channels), 0.7)
    generator = np.random.default_rng(seed)
    label = np.unique(labels, return_inverse=True)[1]
    person = np.unique(subjects, return_inverse=True)[1]
    features = noise * generator.standard_normal((len(label), channels))
    expression = np.random.default_rng(1000).standard_normal(
        (label.max() + 1, channels))
    identity = np.random.default_rng(2000 + person_seed).standard_normal(
        (person.max() + 1, channels))
    if writing == 'nonlinear':
        if person.max() > 7:
            raise ValueError('three bits write eight persons')
        bits = 2 * (person[:, None] >> np.arange(3) & 1) - 1
        coins = generator.choice([-1, 1], bits.shape)
        features[:, :6] += np.concatenate([coins, coins * bits], axis=1)
        features[:, 6:] += expression[label, 6:]
        return features
    features += expression[label]
    if writing == 'perfect':
        features += identity[person]
    return features
