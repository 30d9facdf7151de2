# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which clips a probe learns from and which it is asked about."""
import numpy as np

#: What a probe may not see of the clips it is asked about.
PROTOCOLS = ('clip_disjoint', 'expression_disjoint')


def make_folds(protocol: str,
               labels: np.ndarray,
               subjects: np.ndarray,
               num_folds: int = 5,
               seed: int = 0) -> np.ndarray:
    """Deal clips into folds, each of which is tested once.

    ``clip_disjoint``: the tested clips are new, but each person has been seen
    with most expressions. All persons give the same expressions to a fold (as
    far as the data allow it). With random folds, a person whose happy clip is
    tested has fewer happy clips left than everybody else; codes that know the
    expression alone would then be read *below* chance.

    ``expression_disjoint``: the tested expressions are new, of all persons at
    once. What a person's happy face has in common with the same person's sad
    face is identity.

    Args:
        protocol (str): One of :data:`PROTOCOLS`.
        labels (np.ndarray): (N, ), expressions.
        subjects (np.ndarray): (N, ), persons.
        num_folds (int): At most so many; no more than there are expressions
            for ``expression_disjoint``. Defaults to 5.
        seed (int): Order of clips within a person's expression, and order of
            the expressions. Defaults to 0.

    Returns:
        np.ndarray: int64 (N, ), the fold of each clip, from 0.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f'`protocol` is one of {PROTOCOLS}, got {protocol!r}')
    generator = np.random.default_rng(seed)
    classes, label = np.unique(labels, return_inverse=True)
    place = generator.permutation(len(classes))[label]
    if protocol == 'expression_disjoint':
        return place % min(num_folds, len(classes))
    person = np.unique(subjects, return_inverse=True)[1]
    cell = person * len(classes) + label
    order = np.lexsort((generator.random(len(cell)), cell))
    ordered = cell[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(cell)])
    rank = np.empty(len(cell), dtype=np.int64)
    rank[order] = np.arange(len(cell)) - np.repeat(starts, lengths)
    folds = (rank + place) % num_folds
    # With few clips some folds would be empty.
    return np.unique(folds, return_inverse=True)[1]
