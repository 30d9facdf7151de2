# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What can be wrong with an annotation file, without looking at a clip."""
from collections import Counter, defaultdict
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ..adapters import ADAPTERS, SourceClip
from ..adapters.completeness import compare_counts
from ..findings import Finding
from ..folds import natural_key

Clips = Sequence[Mapping[str, Any]]


def check_annotations(metainfo: Mapping[str, Any],
                      clips: Clips) -> Iterator[Finding]:
    """Look for faults in what an annotation file says.

    Args:
        metainfo (Mapping): With ``classes``, and ``dataset`` and ``protocol``
            if they are known.
        clips (Sequence[Mapping]): The clips.

    Yields:
        Finding: One per kind of fault.
    """
    yield from _check_labels(metainfo['classes'], clips)
    yield from _check_paths(clips)
    yield from _check_subjects(clips)
    yield from _check_parts(metainfo['classes'], clips)
    yield from _check_order_of_times(clips)
    yield from _check_counts(metainfo, clips)


def histogram(clips: Clips, key: Optional[str] = None
              ) -> Dict[str, Dict[str, int]]:
    """Count clips by class.

    Args:
        clips (Sequence[Mapping]): The clips.
        key (str, optional): 'split' or 'fold': count each by itself.
            Defaults to None.

    Returns:
        dict[str, dict[str, int]]: Counts by class, for every split or fold,
        or for 'all'.
    """
    parts: Dict[str, Counter] = defaultdict(Counter)
    for clip in clips:
        part = 'all' if key is None else clip.get(key)
        if part is not None:
            parts[str(part)][clip['label']] += 1
    return {part: dict(counts) for part, counts in parts.items()}


def part_keys(clips: Clips) -> List[str]:
    """Say by what clips are divided.

    Args:
        clips (Sequence[Mapping]): The clips.

    Returns:
        list[str]: Those of 'split' and 'fold' that any clip has.
    """
    return [key for key in ('split', 'fold')
            if any(clip.get(key) is not None for clip in clips)]


def part_of(clip: Mapping[str, Any], key: str) -> Any:
    """Say where a clip is trained with or tested.

    Args:
        clip (Mapping): The clip.
        key (str): 'split' or 'fold'.

    Returns:
        Any: Its split or fold; for a clip that is trained with in all folds
        'train_only'; None for one that takes no part.
    """
    if key == 'fold' and clip.get('train_only'):
        return 'train_only'
    return clip.get(key)


def _check_labels(classes: Sequence[str], clips: Clips) -> Iterator[Finding]:
    unknown = Counter(c['label'] for c in clips if c['label'] not in classes)
    if unknown:
        yield Finding(
            'error', 'unknown-class',
            f'{sum(unknown.values())} clips have labels that are not among '
            'the classes', 'correct the labels, or add them to the classes',
            [f'{name}: {count}' for name, count in unknown.items()])
    counts = Counter(clip['label'] for clip in clips)
    empty = [name for name in classes if not counts[name]]
    if empty:
        yield Finding(
            'warning', 'empty-class',
            f'{len(empty)} of {len(classes)} classes have no clip',
            'take them out of the classes: a network would have outputs that '
            'mean nothing', empty)


def _check_paths(clips: Clips) -> Iterator[Finding]:
    labels = defaultdict(set)
    counts = Counter(clip['path'] for clip in clips)
    for clip in clips:
        labels[clip['path']].add(clip['label'])
    for several in (True, False):
        twice = [path for path, count in counts.items()
                 if count > 1 and (len(labels[path]) > 1) == several]
        if twice:
            what = 'with different labels' if several else 'more than once'
            yield Finding(
                'error', 'repeated-path',
                f'{len(twice)} clips are in the file {what}',
                'keep one entry for each clip', twice)


def _check_subjects(clips: Clips) -> Iterator[Finding]:
    # A number may name a person, 0 too.
    unknown = [clip['path'] for clip in clips
               if clip.get('subject') in (None, '')]
    if unknown and len(unknown) < len(clips):
        yield Finding(
            'warning', 'unknown-subjects',
            f'the person is unknown in {len(unknown)} of {len(clips)} clips',
            'add the persons: without them nobody can say whether training '
            'and test share a face', unknown)
    elif unknown:
        yield Finding(
            'info', 'no-subjects',
            'no clip says who is seen: whether training and test share '
            'persons cannot be checked')
    for key in ('split', 'fold'):
        where = defaultdict(Counter)
        for clip in clips:
            part = part_of(clip, key)
            if clip.get('subject') not in (None, '') and part is not None:
                where[str(clip['subject'])][str(part)] += 1
        leaks = {who: parts for who, parts in where.items()
                 if len(parts) > 1}
        if leaks:
            items = [
                f'{who} ('
                + ', '.join(f'{part}: {n}' for part, n in parts.items()) + ')'
                for who, parts in leaks.items()
            ]
            yield Finding(
                'error', 'subject-leak',
                f'{len(leaks)} of {len(where)} persons are in more than one '
                f'{key}: accuracies will be too good',
                f'put all clips of a person into one {key}; for own data '
                'prepare.py custom does it with --split or --folds', items)


def _check_parts(classes: Sequence[str], clips: Clips) -> Iterator[Finding]:
    for key in part_keys(clips):
        yield from _check_part(key, classes, clips)


def _check_part(key: str, classes: Sequence[str],
                clips: Clips) -> Iterator[Finding]:
    without = [clip['path'] for clip in clips if part_of(clip, key) is None]
    if without:
        yield Finding(
            'info', f'no-{key}',
            f'{len(without)} clips have no {key} and take no part',
            items=without)
    if key == 'fold':
        folds = sorted({clip['fold'] for clip in clips
                        if clip.get('fold') is not None
                        and not clip.get('train_only')})
        if folds not in (list(range(1, len(folds) + 1)),
                         list(range(len(folds)))):
            yield Finding(
                'warning', 'fold-numbers',
                f'folds are numbered {", ".join(map(str, folds))}',
                'number them 1, 2, ... or 0, 1, ...; a clip that is to take '
                'no part has no fold')
    counts = histogram(clips, key)
    if key == 'split' and 'train' not in counts:
        yield Finding('warning', 'no-train',
                      'no clip is in the split train',
                      'name the splits train, val and test')
    present = {clip['label'] for clip in clips}
    lacking = [
        f'{part}: {", ".join(missing)}'
        for part in sorted(counts, key=natural_key)
        for missing in [[name for name in classes
                         if name in present and name not in counts[part]]]
        if missing
    ]
    if lacking:
        # Folds of few persons lack classes as a matter of course.
        yield Finding(
            'warning' if key == 'split' else 'info', 'class-missing-in-part',
            f'{len(lacking)} of {len(counts)} {key}s have no clip of some '
            'classes', 'recall cannot be measured there: divide otherwise'
            if key == 'split' else 'report recall over all folds together',
            lacking)


def _check_order_of_times(clips: Clips) -> Iterator[Finding]:
    wrong = []
    for clip in clips:
        times = [clip[key] for key in ('onset', 'apex', 'offset')
                 if clip.get(key) is not None]
        if times != sorted(times) or (times and times[0] < 0):
            wrong.append(clip['path'])
    if wrong:
        yield Finding(
            'error', 'onset-apex-offset',
            f'{len(wrong)} clips do not have 0 <= onset <= apex <= offset',
            'correct the numbers; they count pictures of the clip from 0',
            wrong)


def _check_counts(metainfo: Mapping[str, Any],
                  clips: Clips) -> Iterator[Finding]:
    """Compare with a complete copy, where one knows it."""
    adapter = ADAPTERS.get(str(metainfo.get('dataset')))
    if adapter is None:
        return
    classes = tuple(metainfo['classes'])
    if classes != adapter.classes and set(classes) == set(adapter.classes):
        yield Finding(
            'warning', 'class-order',
            f'classes are not in the native order of {adapter.title}, '
            f'{", ".join(adapter.classes)}',
            'mmfer goes by names, so training and test agree; indices of '
            'other programs will mean other classes', classes)
    expected = expected_counts(metainfo)
    if expected is not None:
        as_source: List[SourceClip] = [
            SourceClip(clip['path'], None, clip['label'],
                       subject=clip.get('subject'), split=clip.get('split'),
                       fold=clip.get('fold')) for clip in clips
        ]
        yield from compare_counts(adapter.title, as_source, expected)


def expected_counts(metainfo: Mapping[str, Any]):
    """Find how much a complete copy of a data set holds.

    Args:
        metainfo (Mapping): Of an annotation file.

    Returns:
        Expected | None: None for data sets that have no adapter, and for
        choices of a data set that nobody has counted.
    """
    adapter = ADAPTERS.get(str(metainfo.get('dataset')))
    if adapter is None:
        return None
    usual = {name: values[0] for name, values in adapter.variants.items()
             if values}
    variant = metainfo.get('variant') or {}
    if any(variant.get(name, value) != value
           for name, value in usual.items()):
        return None
    protocol = metainfo.get('protocol') or next(iter(adapter.protocols), '')
    return adapter.expected.get(protocol) or adapter.expected.get('')
