# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What should be looked at after clips were made."""
from typing import Any, Dict, Iterator, List, Mapping, Sequence

import numpy as np

from ..findings import Finding
from .settings import Settings

_NEARLY_EMPTY = .05


def review(records: Sequence[Mapping[str, Any]],
           settings: Settings,
           outside: Sequence[str] = ()) -> Iterator[Finding]:
    """Say what should be looked at after a run.

    Args:
        records (Sequence[Mapping]): Of the journal, one per clip.
        settings (Settings): How the clips were made.
        outside (Sequence[str]): Clips with times that are not in them.
            Defaults to none.

    Yields:
        Finding: Clips kept out by reason, damaged sources, times that were
        left out, empty residuals, small faces.
    """
    advice = {
        'no-face': 'look at some of them; the same command with --no-face '
        'frame keeps them, a better detector (--detector yunet:FILE.onnx) '
        'needs another --out',
        'short': 'too few pictures to hold motion; the same command with '
        '--keep-short keeps them',
        'missing': 'complete the release, then start again with --retry',
        'unreadable': 'fetch these files again, then start again with '
        '--retry',
        'crash': 'the decoder does not survive these files; convert them',
        'error': 'please report the message',
    }
    by_reason: Dict[str, List[str]] = {}
    for record in records:
        if record['status'] != 'done':
            by_reason.setdefault(record['reason'], []).append(record['name'])
    for reason, names in by_reason.items():
        share = len(names) / len(records)
        yield Finding('warning', f'skipped-{reason}',
                      f'{len(names)} of {len(records)} clips ({share:.1%}) '
                      f'are kept out: {reason}', advice[reason], names)
    done = [record for record in records if record['status'] == 'done']
    damaged = [r for r in done
               if r.get('source_corrupt') or r.get('source_missing')]
    if damaged:
        corrupt, missing = (
            sum(record.get(key, 0) for record in damaged)
            for key in ('source_corrupt', 'source_missing'))
        yield Finding('warning', 'damaged-source',
                      f'{len(damaged)} clips were made of damaged files: '
                      f'{corrupt} pictures decode with errors, {missing} are '
                      'missing', 'fetch these files again, then repeat the '
                      'command; or take them out of the set',
                      [record['name'] for record in damaged])
    if outside:
        yield Finding('warning', 'times-outside',
                      f'{len(outside)} clips have an onset, apex or offset '
                      'that is not in the clip; it is left out',
                      'times count pictures of the clip from 0; correct '
                      'them, or fetch files again that are too short',
                      outside)
    empty = [r['name'] for r in done if r['coded_share'] < _NEARLY_EMPTY]
    if empty:
        yield Finding('warning', 'empty-residual',
                      f'{len(empty)} clips have next to no residual',
                      'lower --qscale or --crf, or look at them: nothing '
                      'may move', empty)
    side = _wanted_side(settings)
    small = [r['name'] for r in done
             if r.get('face') and r['face'] < .25 * side]
    if small:
        yield Finding('info', 'small-face',
                      f'{len(small)} clips have faces of less than '
                      f'{.25 * side:.0f} pixels, enlarged to {side}',
                      'a smaller --size loses nothing there', small)


def _wanted_side(settings: Settings) -> int:
    size = settings.encoding.get('size')
    return int(np.max(size)) if size is not None else 0
