# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What can be wrong with clips, and with the set that they make."""
from collections import Counter, defaultdict
from typing import (Any, Callable, Dict, Iterator, List, Mapping, Sequence,
                    Tuple)

import numpy as np

from ..findings import Finding
from .annotation_checks import part_keys, part_of
from .clip_facts import ClipFacts

Clips = Sequence[Mapping[str, Any]]

_LEAST_PREDICTED = 2
_P_SHARE = .5
_NEARLY_EMPTY = .05  # share of samples that are not zero
_SMALL_FACE = .3  # side of the face over the shorter side of the picture
_SAME_LOOK, _SAME_CHANGE = .97, .88  # cosines of copies coded again

_PROBLEMS = {
    'missing': ('are missing',
                'prepare the set again, the same command completes it'),
    'unreadable': ('cannot be read', 'make these clips again'),
    'unsupported': ('are coded in a way that has no exact residual',
                    'convert them with tools/data/prepare.py'),
    'truncated': ('end too early', 'copy or make these clips again'),
    'damaged': ('decode with errors', 'copy or make these clips again'),
}


def check_streams(clips: Clips,
                  facts: Sequence[ClipFacts],
                  text_order: bool = False) -> Iterator[Finding]:
    """Look for faults in the clips.

    Args:
        clips (Sequence[Mapping]): As in the annotation file.
        facts (Sequence[ClipFacts]): What was found in each, in the same
            order.
        text_order (bool): Whether pictures were put in the order of names as
            text on purpose. Defaults to False.

    Yields:
        Finding: One per kind of fault.
    """
    for kind, (what, advice) in _PROBLEMS.items():
        found = [f for f in facts if f.problem == kind]
        if found:
            items = [f'{f.path} ({f.message})' for f in found]
            yield Finding('error', f'clip-{kind}',
                          f'{len(found)} of {len(facts)} clips {what}',
                          advice, items)
    yield from _check_residuals([f for f in facts if f.types])
    yield from _check_sizes([f for f in facts if f.types])
    yield from _check_apex(clips, facts)
    yield from _check_order([f for f in facts if f.types], text_order)
    yield from _check_faces([f for f in facts if f.face is not None])
    yield from _check_duplicates(clips, facts)


def _check_residuals(facts: Sequence[ClipFacts]) -> Iterator[Finding]:
    few = [f for f in facts if f.predicted < _LEAST_PREDICTED]
    if few:
        yield Finding(
            'warning', 'no-residual',
            f'{len(few)} clips have fewer than {_LEAST_PREDICTED} predicted '
            'pictures', 'leave them out, or convert them with '
            'tools/data/prepare.py',
            [f'{f.path} ({_types(f)})' for f in few])
    rare = [f for f in facts if f.predicted >= _LEAST_PREDICTED
            and f.predicted < _P_SHARE * f.pictures]
    if rare:
        yield Finding(
            'warning', 'few-predicted',
            f'less than half of the pictures of {len(rare)} clips have a '
            'residual of their own (B or key pictures)',
            'convert them with tools/data/prepare.py --profile residual, '
            'unless this coding is meant',
            [f'{f.path} ({_types(f)})' for f in rare])
    empty = [f for f in facts if f.coded_share is not None
             and f.coded_share < _NEARLY_EMPTY]
    if empty:
        yield Finding(
            'warning', 'empty-residual',
            f'{len(empty)} of {len(facts)} clips have next to no residual',
            'convert the originals with a finer quantiser (--qscale 3, --crf '
            '18); what was thrown away does not come back',
            [f'{f.path} ({f.coded_share:.1%})' for f in empty])


def _types(facts: ClipFacts) -> str:
    return ' '.join(f'{count} {kind}'
                    for kind, count in sorted(facts.types.items()))


def _check_sizes(facts: Sequence[ClipFacts]) -> Iterator[Finding]:
    for what, advice, key in (
            ('sizes', 'cut and scale all clips in the same way: the network '
             'sees them at one size', lambda f: f'{f.width}x{f.height}'),
            ('codecs or codings', 'code all clips in the same way: residuals '
             'of different codings differ more than expressions do', _coding),
    ):
        groups: Dict[str, List[str]] = defaultdict(list)
        for f in facts:
            groups[key(f)].append(f.path)
        if len(groups) > 1:
            most = sorted(groups, key=lambda g: -len(groups[g]))
            yield Finding(
                'warning', f'mixed-{what.split()[0]}',
                f'clips have {len(groups)} {what}', advice,
                [f'{g} ({len(groups[g])}: {groups[g][0]})' for g in most])


def _coding(facts: ClipFacts) -> str:
    known = {key: facts.coding.get(key) for key in
             ('profile', 'gop', 'qscale', 'crf')}
    text = ' '.join(f'{key} {value}' for key, value in known.items()
                    if value is not None)
    return f'{facts.codec} {text}'.strip()


def _check_apex(clips: Clips,
                facts: Sequence[ClipFacts]) -> Iterator[Finding]:
    wrong = []
    for clip, f in zip(clips, facts):
        for key in ('onset', 'apex', 'offset'):
            value = clip.get(key)
            if f.pictures and value is not None and not (
                    0 <= value < f.pictures):
                wrong.append(f'{f.path} ({key} {value} of {f.pictures})')
    if wrong:
        yield Finding(
            'error', 'apex-outside',
            f'{len(wrong)} times of onset, apex or offset are not in their '
            'clips', 'correct them; they count pictures of the clip from 0, '
            'not those of the recording', wrong)


def _check_order(facts: Sequence[ClipFacts],
                 meant: bool) -> Iterator[Finding]:
    scored = [f for f in facts if f.order.shuffled is not None]
    shuffled = [f for f in scored
                if f.order.shuffled > .65 and f.order.smooth < .7]
    paths = {f.path for f in shuffled}
    as_text = [f for f in scored if f.path not in paths
               and f.order.lexicographic is not None
               and f.order.lexicographic < .6]
    if as_text:
        yield Finding(
            'info' if meant else 'error', 'frame-order',
            f'{len(as_text)} of {len(scored)} clips show their pictures in '
            'the order of names as text (1, 10, 11, ..., 2)',
            'make them again with --frame-order natural, unless a foreign '
            'checkpoint wants it so', [f.path for f in as_text])
    if shuffled:
        yield Finding(
            'error', 'frames-shuffled',
            f'{len(shuffled)} of {len(scored)} clips show their pictures in '
            'no order', 'look at the names of their pictures; name the '
            'pictures by time', [f.path for f in shuffled])


def _check_faces(facts: Sequence[ClipFacts]) -> Iterator[Finding]:
    if not facts:
        return
    without = [f for f in facts if not f.face]
    # Turned and covered faces escape the cascade; many do in a wrong crop.
    if len(without) > .3 * len(facts):
        yield Finding(
            'warning', 'no-face',
            f'no face is found on the first picture of {len(without)} of '
            f'{len(facts)} clips', 'look at a contact sheet '
            '(tools/data/contact_sheet.py); cut the faces with --crop clip, '
            'perhaps with a better detector',
            [f.path for f in without])
    sides = [f.face for f in facts if f.face]
    if sides and np.median(sides) < _SMALL_FACE:
        yield Finding(
            'warning', 'small-face',
            f'faces are small: half of them take less than '
            f'{np.median(sides):.0%} of the side of the picture',
            'cut the faces: tools/data/prepare.py --crop clip',
            [f'{f.path} ({f.face:.0%})' for f in facts
             if f.face and f.face < _SMALL_FACE])


def _check_duplicates(clips: Clips,
                      facts: Sequence[ClipFacts]) -> Iterator[Finding]:
    by_digest: Dict[str, List[int]] = defaultdict(list)
    for number, f in enumerate(facts):
        if f.digest:
            by_digest[f.digest].append(number)
    groups = [group for group in by_digest.values()
              if len({facts[n].path for n in group}) > 1]
    yield from _describe(groups, clips, 'duplicate', 'the same file')
    same = {frozenset(pair) for group in groups for pair in
            ((a, b) for a in group for b in group if a != b)}
    near = [pair for pair in near_duplicates(facts)
            if frozenset(pair) not in same]
    yield from _describe(near, clips, 'near-duplicate', 'the same recording')


def _describe(groups: Sequence[Sequence[int]], clips: Clips, code: str,
              what: str) -> Iterator[Finding]:
    """Sort copies by how bad they are."""
    keys = part_keys(clips)
    labels, parts, others = [], [], []
    for group in groups:
        group_clips = [clips[n] for n in group]
        text = ' = '.join(clip['path'] for clip in group_clips)
        if len({clip['label'] for clip in group_clips}) > 1:
            labels.append(text)
        # A copy without a fold takes no part and leaks nothing.
        elif any(len({part_of(clip, key) for clip in group_clips} - {None}) > 1
                 for key in keys):
            parts.append(text)
        else:
            others.append(text)
    if labels:
        yield Finding('error', f'{code}-labels',
                      f'{len(labels)} times {what} has different labels',
                      'keep the clip with the right label', labels)
    if parts:
        yield Finding('error', f'{code}-leak',
                      f'{len(parts)} times {what} is in more than one '
                      f'{" or ".join(keys)}',
                      'keep one of them: it is trained on and tested on',
                      parts)
    if others:
        yield Finding('warning', code,
                      f'{len(others)} times {what} is in the set twice',
                      'keep one of them', others)


def near_duplicates(facts: Sequence[ClipFacts],
                    block: int = 2048) -> List[Tuple[int, int]]:
    """Find clips that look the same and change in the same way.

    Two takes of one person look the same, but never move alike; a copy that
    was coded or scaled again does both.

    Args:
        facts (Sequence[ClipFacts]): Clips.
        block (int): Rows that are compared at once. Defaults to 2048.

    Returns:
        list[tuple[int, int]]: Pairs of positions, the smaller one first.
    """
    numbers = [n for n, f in enumerate(facts) if f.change is not None]
    if len(numbers) < 2:
        return []
    change = np.stack([facts[n].change for n in numbers])
    look = np.stack([facts[n].look for n in numbers])
    pairs = []
    for start in range(0, len(numbers), block):
        rows = slice(start, start + block)
        # What is behind in the list has been compared already.
        alike = change[rows] @ change[start:].T
        for row, column in zip(*np.nonzero(alike > _SAME_CHANGE)):
            if column > row and float(
                    look[start + row] @ look[start + column]) > _SAME_LOOK:
                pairs.append((numbers[start + row], numbers[start + column]))
    return pairs


def summarise(facts: Sequence[ClipFacts]) -> Dict[str, Any]:
    """Say in numbers what the clips are like.

    Args:
        facts (Sequence[ClipFacts]): Clips.

    Returns:
        dict: Plain types.
    """
    good = [f for f in facts if f.types]
    if not good:
        return dict(clips=len(facts), readable=0)

    def middle(read: Callable[[ClipFacts], Any]) -> Any:
        values = [v for v in map(read, good) if v is not None]
        return round(float(np.median(values)), 4) if values else None

    return dict(
        clips=len(facts), readable=len(good),
        megabytes=round(sum(f.bytes for f in facts) / 1e6, 2),
        sizes=dict(Counter(f'{f.width}x{f.height}' for f in good)),
        codings=dict(Counter(map(_coding, good))),
        pictures=[min(f.pictures for f in good),
                  middle(lambda f: f.pictures),
                  max(f.pictures for f in good)],
        predicted_share=middle(lambda f: f.predicted / max(f.pictures, 1)),
        coded_share=middle(lambda f: f.coded_share),
        face_side=middle(lambda f: f.face))
