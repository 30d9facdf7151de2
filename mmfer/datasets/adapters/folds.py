# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folds: made of whole persons, or taken from official lists."""
from collections import Counter
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..findings import Finding
from .layout import AdapterError, natural_key


def subject_folds(subjects: Iterable[Optional[str]],
                  folds: Optional[int] = None,
                  rule: str = 'stride') -> Dict[str, int]:
    """Deal persons into folds; no random numbers, so anybody gets the same.

    Args:
        subjects (Iterable[str]): Person of every clip; repeats do not count.
        folds (int, optional): How many. Defaults to None: one per person
            (leave one subject out).
        rule (str): With persons in natural order, 'stride' puts every
            ``folds``-th one together (the usual way for CK+: ids ascending,
            step 10); 'contiguous' puts neighbours together, ``n // folds``
            in each and the rest in the last. Defaults to 'stride'.

    Returns:
        dict[str, int]: Fold of each person, from 1.

    Raises:
        AdapterError: A clip has no person, or there are fewer persons than
            folds.
        ValueError: Unknown rule.

    Example:
        >>> subject_folds(['s1', 's2', 's10'], 2)
        {'s1': 1, 's2': 2, 's10': 1}
    """
    persons = set(subjects)
    if None in persons:
        raise AdapterError('folds of whole persons need the person of every '
                           'clip, and some clips have none')
    ordered = sorted(persons, key=natural_key)
    if folds is None:
        folds = len(ordered)
    if len(ordered) < folds:
        raise AdapterError(f'{folds} folds of whole persons need {folds} '
                           f'persons; there are {len(ordered)}')
    if rule == 'stride':
        return {who: rank % folds + 1 for rank, who in enumerate(ordered)}
    if rule == 'contiguous':
        size = len(ordered) // folds
        return {who: min(rank // size, folds - 1) + 1
                for rank, who in enumerate(ordered)}
    raise ValueError(f"`rule` is 'stride' or 'contiguous', not {rule!r}")


def folds_from_lists(
        title: str, tests: Mapping[int, Sequence[str]],
        trains: Mapping[int, Sequence[str]]
) -> Tuple[Dict[str, int], List[Finding]]:
    """Find in which fold each clip is tested, and whether the lists agree.

    In honest folds a clip is in exactly one test list and in the training
    lists of all other folds.

    Args:
        title (str): Name of the data set, for messages.
        tests, trains (Mapping[int, Sequence[str]]): Clips of the test and
            training list of each fold, from 1. A training list may be absent.

    Returns:
        tuple: dict[str, int] (fold by clip, in the order of the lists) and
        list[Finding].
    """
    fold_of: Dict[str, int] = {}
    again, findings = [], []
    for fold, names in sorted(tests.items()):
        for name in names:
            if name in fold_of:
                again.append(f'{name} (folds {fold_of[name]} and {fold})')
            else:
                fold_of[name] = fold
    if again:
        findings.append(Finding(
            'error', 'fold-overlap',
            f'{title}: {len(again)} clips are tested more than once',
            'the first fold is kept; get the official lists again', again))
    leaking, absent, untested = [], [], []
    for fold, names in sorted(trains.items()):
        counts = Counter(names)
        for name in counts:
            if name not in fold_of:
                untested.append(f'{name} (fold {fold})')
            elif fold_of[name] == fold:
                leaking.append(f'{name} (fold {fold})')
        absent += [f'{name} (fold {fold})' for name, tested in fold_of.items()
                   if tested != fold and name not in counts]
    for items, severity, code, text, advice in (
        (leaking, 'error', 'fold-leak',
         'are in the training and the test list of one fold',
         'they are tested only; get the official lists again'),
        (untested, 'warning', 'fold-untested',
         'are trained with and never tested',
         'they are left out; a test list seems to be incomplete'),
        (absent, 'warning', 'fold-untrained',
         'are missing from a training list of another fold',
         'training takes them nevertheless: all clips of the other folds')):
        if items:
            findings.append(Finding(
                severity, code, f'{title}: {len(items)} entries {text}',
                advice, items))
    return fold_of, findings
