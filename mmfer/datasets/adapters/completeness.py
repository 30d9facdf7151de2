# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Is a copy of a release complete?"""
from collections import Counter
from typing import List

from ..findings import Finding
from .facts import Expected, SourceClip


def compare_counts(title: str, clips: List[SourceClip],
                   expected: Expected) -> List[Finding]:
    """Say where a copy differs from a complete one.

    Args:
        title (str): Name of the data set.
        clips (list[SourceClip]): What was read.
        expected (Expected): What should be there.

    Returns:
        list[Finding]: One per kind of count that differs.
    """
    counts = {
        'classes': Counter(clip.label for clip in clips),
        'splits': Counter(clip.split for clip in clips),
        'folds': Counter(clip.fold for clip in clips)
    }
    subjects = {clip.subject for clip in clips} - {None}
    found = []
    for what, there, wanted in (('clips', len(clips), expected.clips),
                                ('subjects', len(subjects),
                                 expected.subjects)):
        if wanted is not None and there != wanted:
            found.append(Finding(
                'warning', f'count-{what}',
                f'{title}: {there} {what}, a complete copy has {wanted} '
                f'({expected.source})',
                'see the list of missing clips, if any, or compare the '
                'release with the source of the count'))
    for what, there in counts.items():
        wanted = getattr(expected, what)
        differing = [f'{name}: {there[name]} instead of {count}'
                     for name, count in wanted.items()
                     if there[name] != count]
        if differing:
            found.append(Finding(
                'warning', f'count-{what}',
                f'{title}: the {what} differ from those of a complete copy '
                f'({expected.source})',
                'a shifted histogram is a wrong label order; a smaller one '
                'an incomplete copy', differing))
    return found
