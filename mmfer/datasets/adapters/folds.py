# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folds of official lists; those of whole persons: mmfer.datasets.folds."""
from collections import Counter
from typing import Dict, List, Mapping, Sequence, Tuple

from ..findings import Finding


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
