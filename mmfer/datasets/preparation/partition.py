# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Splits and folds of data sets that come without."""
import csv
import io
import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple, Union

from mmfer.atomic import write_text

from ..adapters.facts import SourceClip
from ..findings import Finding
from ..folds import natural_key, split_subjects, subject_folds
from .custom import CustomSetError

SPLITS = ('train', 'val', 'test')


def add_partition(clips: List[SourceClip],
                  shares: Sequence[float] = (),
                  folds: int = 0,
                  seed: int = 0
                  ) -> Tuple[List[SourceClip], List[Finding]]:
    """Give every clip a split or a fold, whole persons together.

    Persons are taken in the natural order of their names, so the same set
    gives the same splits anywhere. Clips that are ``train_only`` are put into
    the split 'train' and into no fold. Where persons are not known, clips are
    divided class by class, which is said.

    Args:
        clips (list[SourceClip]): Clips.
        shares (Sequence[float]): Of train, val and test, or of train and
            test. Defaults to (), no splits.
        folds (int): Number of folds. Defaults to 0, none.
        seed (int): Order of clips without persons. Defaults to 0.

    Returns:
        tuple: The clips, and what one should know.

    Raises:
        CustomSetError: The shares or the number of folds cannot be met.
    """
    if shares and folds:
        raise CustomSetError('give --split or --folds, not both')
    if not shares and not folds:
        return clips, []
    dealt = [clip for clip in clips if not clip.extra.get('train_only')]
    unknown = [clip.name for clip in dealt if not clip.subject]
    key, names = ('fold', {}) if folds else ('split', _named(shares))
    findings = []
    if unknown:
        chosen = _by_clip(dealt, names, folds, seed)
        findings.append(Finding(
            'warning', 'unknown-subjects',
            f'the person is unknown in {len(unknown)} of {len(dealt)} clips: '
            'clips are divided, not persons, so the same face can be in '
            'training and in test, and accuracies will be too good',
            'give a subject column or --subject-regex', unknown))
    else:
        subjects = [clip.subject for clip in dealt]
        try:
            groups = subject_folds(subjects, folds) if folds else \
                split_subjects(subjects, names)
        except ValueError as error:
            raise CustomSetError(str(error)) from None
        chosen = {clip.name: groups[clip.subject] for clip in dealt}
    return [replace(clip, **{key: chosen[clip.name]})
            if clip.name in chosen else
            replace(clip, split='train', fold=None)
            for clip in clips], findings


def _named(shares: Sequence[float]) -> Dict[str, float]:
    if len(shares) not in (2, 3) or min(shares) < 0 or not sum(shares):
        raise CustomSetError(
            '--split takes the shares of train, val and test, or of train '
            f'and test, for example 0.7 0.1 0.2; got {list(shares)}')
    names = SPLITS if len(shares) == 3 else ('train', 'test')
    return {name: share for name, share in zip(names, shares) if share > 0}


def _by_clip(clips: Sequence[SourceClip], shares: Mapping[str, float],
             folds: int, seed: int) -> Dict[str, Union[str, int]]:
    if folds > len(clips):
        raise CustomSetError(f'{folds} folds need as many clips, there are '
                             f'{len(clips)}')
    parts = {n: 1. for n in range(1, folds + 1)} if folds else dict(shares)
    total = sum(parts.values())
    have = Counter()
    by_class = defaultdict(list)
    for clip in clips:
        by_class[clip.label].append(clip.name)
    chosen, count = {}, 0
    for label in sorted(by_class, key=natural_key):
        names = sorted(by_class[label], key=natural_key)
        random.Random(f'{seed} {label}').shuffle(names)
        in_class = Counter()
        for place, name in enumerate(names):
            count += 1
            # Even within the class first, over all classes second.
            part = max(parts, key=lambda p: (
                round(parts[p] / total * (place + 1) - in_class[p], 9),
                parts[p] / total * count - have[p]))
            chosen[name] = part
            have[part] += 1
            in_class[part] += 1
    return chosen


def write_partition(path: Union[str, Path],
                    clips: Sequence[SourceClip]) -> None:
    """Write down who is where, to be looked at and published.

    Args:
        path (str | Path): A ``.csv`` file with the columns subject (or clip,
            where persons are not known), split or fold, and clips.
        clips (Sequence[SourceClip]): Clips with a split or a fold.
    """
    known = all(clip.subject for clip in clips)
    key = 'fold' if any(clip.fold is not None for clip in clips) else 'split'
    counts = Counter((clip.subject if known else clip.name,
                      'train_only' if clip.extra.get('train_only') else
                      getattr(clip, key)) for clip in clips)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('subject' if known else 'clip', key, 'clips'))
    for (name, part), count in sorted(
            counts.items(), key=lambda entry: natural_key(entry[0][0])):
        writer.writerow((name, part, count))
    write_text(path, text.getvalue())
