# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From the clips of a release to compressed clips and an annotation file.

What is written to the folder of a data set::

    clips/…              the clips
    annotations.json     which clip shows what (see mmfer.datasets.annotations)
    prepare.json         settings, data set, versions of libraries
    prepare.jsonl        one line per clip: box, pictures, source, seconds
    skipped.jsonl        the clips that were kept out, with reasons
"""
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import (Any, Callable, Dict, List, Mapping, Optional, Sequence,
                    Union)

import cv2

from mmfer.progress import ProgressLine
from mmfer.worker_processes import Died, WorkersFailed, run_jobs

from ..adapters.facts import SourceClip
from ..findings import Finding
from .annotating import annotate
from .clip_writer import ClipWriter
from .journal import JOURNAL, Journal, write_lines
from .provenance import begin, locked, note
from .resuming import is_done
from .review import review
from .run_faults import PreparationError, machine_faults
from .settings import Settings
from .source_state import readable

SKIPPED = 'skipped.jsonl'
ANNOTATIONS = 'annotations.json'


@dataclass
class Outcome:
    """What a run has done.

    Args:
        annotations (Path): The annotation file.
        done, skipped (int): Clips in it, and clips kept out.
        made (int): Clips made by this run rather than by an earlier one.
        seconds (float): Work per clip of this run, summed over processes.
        reasons (dict[str, int]): Why clips were kept out.
        findings (list[Finding]): What should be looked at.
    """

    annotations: Path
    done: int
    skipped: int
    made: int
    seconds: float
    reasons: Dict[str, int] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)


def prepare(clips: Sequence[SourceClip],
            out: Union[str, Path],
            metainfo: Mapping[str, Any],
            settings: Optional[Settings] = None,
            frame_rate: Optional[float] = None,
            variant: Optional[Mapping[str, Any]] = None,
            annotations: str = ANNOTATIONS,
            workers: int = 1,
            retry: bool = False,
            progress: bool = True) -> Outcome:
    """Make compressed clips and their annotation file.

    A run that was interrupted, in whatever way, is continued by the same
    call; several protocols of one release can share a folder, each with an
    annotation file of its own.

    Args:
        clips (Sequence[SourceClip]): What to make them from.
        out (str | Path): Folder of the data set.
        metainfo (Mapping): Of the annotation file; needs ``dataset`` and
            ``classes``.
        settings (Settings, optional): How. Defaults to None, the defaults.
        frame_rate (float, optional): Pictures a second of picture folders.
            Defaults to None, unknown.
        variant (Mapping, optional): Choices of the adapter that change what
            is in the clips; compared on resuming. Defaults to None.
        annotations (str): Name of the annotation file.
            Defaults to 'annotations.json'.
        workers (int): Processes; 0 works in this one. Defaults to 1.
        retry (bool): Whether clips that were kept out are tried again.
            Defaults to False.
        progress (bool): Whether progress is shown on stderr.
            Defaults to True.

    Returns:
        Outcome: What was done.

    Raises:
        PreparationError: The folder holds something else, the settings cannot
            work, or nothing came out; one line.
    """
    out = Path(out)
    settings = settings or Settings()
    _check_names(clips)
    with machine_faults(out), locked(out):
        stored, provenance = begin(out, metainfo, settings, variant,
                                   frame_rate)
        no_face = stored['settings'].get('no_face')
        with Journal(out / JOURNAL) as journal:
            missing = [clip for clip in clips
                       if not is_done(journal.records.get(clip.name), out,
                                      clip, settings, retry, no_face)]
            try:
                seconds = _make(missing, len(clips), out, settings,
                                frame_rate, workers, progress, journal)
            finally:
                _write_skipped(out, clips, journal)
            records = [journal.records[clip.name] for clip in clips]
        shutil.rmtree(out / '.partial', ignore_errors=True)
        # Not before: until now some clips are as it was before.
        note(out, provenance)
        outside = annotate(out / annotations, clips, records, metainfo,
                           provenance, out / SKIPPED)
    kept = [r for r in records if r['status'] == 'done']
    reasons = Counter(r['reason'] for r in records if r['status'] != 'done')
    return Outcome(
        out / annotations, len(kept), len(records) - len(kept),
        len(missing), seconds, dict(reasons),
        list(review(records, settings, outside)))


def _check_names(clips: Sequence[SourceClip]) -> None:
    counts = Counter(clip.name for clip in clips)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise PreparationError(
            f'{len(twice)} clip names occur twice, the first is {twice[0]}')
    for name in counts:
        if (name.startswith('/') or '\\' in name or '\0' in name or any(
                part in ('', '.', '..') for part in name.split('/'))):
            raise PreparationError(f'{name!r} cannot name a clip')
        if readable(name) != name:
            raise PreparationError(
                f'{readable(name)}: the name is not UTF-8 and cannot be '
                'stored; rename the file or folder')


def _make(missing: Sequence[SourceClip], total: int, out: Path,
          settings: Settings, rate: Optional[float], workers: int,
          progress: bool, journal: Journal) -> float:
    """Make clips; return the seconds of work."""
    shutil.rmtree(out / '.partial', ignore_errors=True)
    seconds, skipped, threads = 0., 0, cv2.getNumThreads()
    with ProgressLine('preparing', total, total - len(missing),
                      shown=progress) as line:
        try:
            for number, record in run_jobs(
                    _make_writer, (settings, out, rate), missing, workers):
                if isinstance(record, Died):
                    clip = missing[number]
                    record = dict(
                        name=clip.name, status='skipped', reason='crash',
                        source=readable(clip.source),
                        message=f'ended two worker processes ({record})')
                seconds += record.get('seconds', 0)
                if record['status'] != 'done':
                    skipped += 1
                    if record['reason'] != 'missing':
                        # What an earlier source or earlier settings gave.
                        name = f'clips/{record["name"]}{settings.suffix}'
                        (out / name).unlink(missing_ok=True)
                journal.add(record)
                line.step(note=f'{skipped} kept out' if skipped else '')
        except WorkersFailed as error:
            raise PreparationError(str(error)) from None
        finally:
            cv2.setNumThreads(threads)
    return seconds


def _make_writer(settings: Settings, out: Path, rate: Optional[float]
                 ) -> Callable[[SourceClip], Dict[str, Any]]:
    cv2.setNumThreads(1)  # processes are the parallelism here
    writer = ClipWriter(settings, out)
    return lambda clip: writer.write(clip, rate)


def _write_skipped(out: Path, clips: Sequence[SourceClip],
                   journal: Journal) -> None:
    found = [journal.records[clip.name] for clip in clips
             if clip.name in journal.records]
    write_lines(out / SKIPPED, [
        {key: record.get(key) for key in ('name', 'reason', 'message',
                                          'source')}
        for record in found if record['status'] != 'done'
    ])
