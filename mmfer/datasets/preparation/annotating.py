# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The annotation file of clips that were made."""
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence

from mmfer.atomic import write_json

from ..adapters.facts import SourceClip
from .run_faults import PreparationError
from .sources import moved_index

_TIMES = ('apex', 'onset', 'offset')
#: What transforms and recognisers write into a sample themselves.
_RESERVED = {
    'path', 'label', 'label_name', 'filename', 'subject', 'split', 'fold',
    'apex', 'onset', 'offset', 'imgs', 'inputs', 'identity', 'modality',
    'start_index', 'total_frames', 'sample_idx', 'img_shape', 'frame_inds',
    'num_clips', 'clip_len', 'input_shape'
}
#: What has been applied to the pictures and is no longer true of the clips.
_APPLIED = {'front_half', 'turn_clockwise'}


def annotate(path: Path, clips: Sequence[SourceClip],
             records: Sequence[Mapping[str, Any]],
             metainfo: Mapping[str, Any], provenance: Mapping[str, Any],
             skipped: Path) -> List[str]:
    """Write the annotation file.

    Args:
        path (Path): The file, replaced if it exists.
        clips (Sequence[SourceClip]): All clips, those kept out as well.
        records (Sequence[Mapping]): Of the journal, one per clip.
        metainfo (Mapping): Of the annotation file.
        provenance (Mapping): How the clips are made.
        skipped (Path): Where it is told which clips were kept out.

    Returns:
        list[str]: Clips of which a time was left out: it is not in the clip.

    Raises:
        PreparationError: No clip is left.
    """
    entries, outside = [], []
    fps = provenance['settings']['encoding'].get('fps')
    for clip, record in zip(clips, records):
        if record['status'] != 'done':
            continue
        entry = dict(path=record['path'], label=clip.label,
                     subject=clip.subject, split=clip.split, fold=clip.fold)
        for key in _TIMES:
            entry[key] = place_of(getattr(clip, key), record, fps)
        if any(entry[key] is None and getattr(clip, key) is not None
               for key in _TIMES):
            outside.append(clip.name)
        entry.update((key, value) for key, value in clip.extra.items()
                     if key not in _RESERVED | _APPLIED)
        entries.append({k: v for k, v in entry.items() if v is not None})
    if not entries:
        reasons = Counter(record['reason'] for record in records)
        raise PreparationError(
            f'{path.parent}: no clip is left: '
            + ', '.join(f'{count} {reason}'
                        for reason, count in reasons.most_common())
            + f'; see {skipped}')
    content = dict(
        metainfo=dict(metainfo, coding=dict(
            provenance['settings'], versions=provenance['versions'])),
        clips=entries)
    write_json(path, content, ensure_ascii=False, default=str)
    return outside


def place_of(index: Optional[int], record: Mapping[str, Any],
             fps: Optional[float] = None) -> Optional[int]:
    """Say where a picture of the source is in the clip.

    Args:
        index (int | None): Its display index in the source, from 0.
        record (Mapping): Of the journal.
        fps (float, optional): Pictures a second of the clips, if they were
            asked for. Defaults to None.

    Returns:
        int | None: Display index of the first picture of the clip that shows
        it or, if it was dropped, what is nearest to it. None if it is not in
        the clip, or ``index`` is None.
    """
    if index is None:
        return None
    if 'source_pictures' in record:
        if not 0 <= index < record['source_pictures']:
            return None
        if 'shown' in record:
            return first_place(index, record['shown'])
        place = index
    else:  # of an older version, which took any rate for a constant one
        place = moved_index(index, record['source_fps'], fps)
        if fps and place == record['pictures']:
            place -= 1
    return place if 0 <= place < record['pictures'] else None


def first_place(index: int, shown: Sequence[int]) -> int:
    """Find a picture of the source among those that were given out.

    Args:
        index (int): Its display index in the source.
        shown (Sequence[int]): What each picture given out shows, ascending.

    Returns:
        int: The first that shows it, else the first that shows the nearest.

    Examples:
        >>> first_place(1, [0, 0, 1, 1]), first_place(5, [0, 4, 8])
        (2, 1)
    """
    place = bisect_left(shown, index)
    if not place or place < len(shown) and (
            shown[place] - index < index - shown[place - 1]):
        return place
    return bisect_left(shown, shown[place - 1])
