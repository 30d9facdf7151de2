# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Do the labels mean what their names say?

Published lists number the same expressions in many orders. A list that was
read in the wrong order gives a data set that looks right, and a network that
learns it; only names and counts tell.
"""
import re
from collections import Counter, defaultdict
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Set

import numpy as np

from ..class_names import common_name
from ..findings import Finding
from .annotation_checks import expected_counts, histogram

Clips = Sequence[Mapping[str, Any]]

_FEWEST = 20  # clips of a histogram that is compared with another one
_FAR = .15  # share of clips by which two histograms differ
_NEARER = .25  # how much of that is left if the order was wrong


def check_label_meaning(metainfo: Mapping[str, Any],
                        clips: Clips) -> Iterator[Finding]:
    """Look for labels that contradict names or counts.

    Args:
        metainfo (Mapping): With ``classes``.
        clips (Sequence[Mapping]): With ``path`` and ``label``.

    Yields:
        Finding: Contradictions.
    """
    yield from _check_names(metainfo['classes'], clips)
    expected = expected_counts(metainfo)
    there = histogram(clips).get('all', {})
    order = find_permutation(there, expected.classes) if expected else None
    if order:
        yield Finding(
            'error', 'label-order',
            'the counts of the classes fit the published ones '
            f'({expected.source}) if the names are exchanged',
            'the list was read in the label order of another program: read '
            'it again with the native order', _arrows(order))
    parts = histogram(clips, 'split')
    if 'train' in parts:
        for name in sorted(set(parts) - {'train'}):
            order = find_permutation(parts[name], parts['train'])
            if order:
                yield Finding(
                    'warning', 'label-order-of-split',
                    f'the counts of the classes in {name} resemble those in '
                    'train if the names are exchanged',
                    'look whether the lists of both were read in the same '
                    'label order', _arrows(order))


def _arrows(order: Mapping[str, str]) -> list:
    return [f'{old} should be {new}' for old, new in order.items()
            if old != new]


def find_permutation(there: Mapping[str, int],
                     expected: Mapping[str, int]) -> Optional[Dict[str, str]]:
    """Find an order of the names under which two histograms agree.

    Args:
        there (Mapping[str, int]): Clips by class, as labelled.
        expected (Mapping[str, int]): Clips by class, as they should be.

    Returns:
        dict[str, str] | None: Right name of each name; None if the names are
        right as they are, or if no other order is clearly better.
    """
    from scipy.optimize import linear_sum_assignment
    names = sorted(set(there) | set(expected))
    ours = np.array([there.get(name, 0) for name in names], float)
    theirs = np.array([expected.get(name, 0) for name in names], float)
    if ours.sum() < _FEWEST or theirs.sum() < _FEWEST:
        return None
    cost = np.abs(ours[:, None] / ours.sum() - theirs[None] / theirs.sum())
    identity = np.trace(cost) / 2
    rows, columns = linear_sum_assignment(cost)
    best = cost[rows, columns].sum() / 2
    # Sampling alone moves a share by about half of 1/sqrt(clips).
    noise = .5 * np.sqrt(len(names) / min(ours.sum(), theirs.sum()))
    if identity < max(_FAR, 2 * noise) or best > _NEARER * identity:
        return None
    return {names[row]: names[column] for row, column in zip(rows, columns)}


def _check_names(classes: Sequence[str], clips: Clips) -> Iterator[Finding]:
    """Compare labels with expressions that are named in the paths."""
    known = {common_name(name) for name in classes}
    words = [_words(clip) for clip in clips]
    codes = [{word for word in found if _is_code(word, classes)}
             for found in words]
    if not _fit_everywhere(codes, clips, known):
        words = [found - code for found, code in zip(words, codes)]
    named = [(clip, set(map(common_name, found)) & known)
             for clip, found in zip(clips, words)]
    named = [(clip, found) for clip, found in named if found]
    if len(named) < 3:
        return
    wrong = [(clip, found) for clip, found in named
             if common_name(clip['label']) not in found]
    agreement = 1 - len(wrong) / len(named)
    if not wrong:
        return
    if agreement >= .6:
        yield Finding(
            'error', 'label-contradicts-name',
            f'{len(wrong)} of {len(named)} clips are labelled otherwise than '
            'their paths say', 'look at these clips; labels or names have '
            'been exchanged',
            [f'{clip["path"]}: {clip["label"]}' for clip, _ in wrong])
        return
    meaning = _steady_meaning(named)
    if meaning:
        yield Finding(
            'error', 'label-order',
            'labels contradict the expressions that the paths name, always '
            'in the same way', 'the list was read in a wrong label order',
            [f'{name} is labelled {label}' for name, label in meaning.items()
             if name != common_name(label)])


def _steady_meaning(named) -> Dict[str, str]:
    """Return the label of each name in paths if it is always the same."""
    labels = defaultdict(Counter)
    for clip, found in named:
        if len(found) == 1:
            labels[next(iter(found))][clip['label']] += 1
    meaning = {}
    for name, counts in labels.items():
        label, count = counts.most_common(1)[0]
        if count < .8 * sum(counts.values()):
            return {}
        meaning[name] = label
    steady = len(set(meaning.values())) == len(meaning) > 1
    return meaning if steady else {}


def _is_code(word: str, classes: Sequence[str]) -> bool:
    """Say whether a word is one of the two letters that stand for a class."""
    return len(word) == 2 and common_name(word) != word \
        and word not in {name.lower() for name in classes}


def _fit_everywhere(codes: Sequence[Set[str]], clips: Clips,
                    known: Set[str]) -> bool:
    """Say whether codes are meant: every clip and every label has one.

    Otherwise 'su' is a person rather than surprise.
    """
    named = [set(map(common_name, found)) & known for found in codes]
    labels = {common_name(clip['label']) for clip in clips}
    return all(named) and labels <= set().union(*named)


def _words(clip: Mapping[str, Any]) -> Set[str]:
    """Return the words of a path, but for the name of the person."""
    who = str(clip.get('subject') or '').lower()
    *folders, name = clip['path'].lower().split('/')
    parts = [part for part in (*folders, name.rsplit('.', 1)[0])
             if part != who]
    words = {word for part in parts for word in re.split(r'[\W\d_]+', part)}
    return {*parts, *words} - {who, ''}
