# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From the clips of a release to compressed clips and an annotation file.

What is written to the folder of a data set::

    clips/…              the clips
    annotations.json     which clip shows what (see mmfer.datasets.annotations)
    prepare.json         settings, data set, versions of libraries
    prepare.jsonl        one line per clip: box, pictures, source, seconds
    skipped.jsonl        the clips that were kept out, with reasons
"""
import contextlib
import json
import platform
import shutil
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import (Any, Callable, Dict, Iterator, List, Mapping, Optional,
                    Sequence, Union)

import av
import cv2
import numpy as np

from mmfer.atomic import write_json
from mmfer.codec import CompressedVideoError, transcode
from mmfer.progress import ProgressLine
from mmfer.version import __version__
from mmfer.worker_processes import Died, WorkersFailed, run_jobs

from ..adapters.base import SourceClip
from ..findings import Finding
from .clip_writer import ClipWriter, PreparationError, Settings
from .detectors import build_detector
from .journal import JOURNAL, Journal, write_lines
from .sources import moved_index

PROVENANCE = 'prepare.json'
SKIPPED = 'skipped.jsonl'
ANNOTATIONS = 'annotations.json'

#: What transforms and recognisers write into a sample themselves.
_RESERVED = {
    'path', 'label', 'label_name', 'filename', 'subject', 'split', 'fold',
    'apex', 'onset', 'offset', 'imgs', 'inputs', 'identity', 'modality',
    'start_index', 'total_frames', 'sample_idx', 'img_shape', 'frame_inds',
    'num_clips', 'clip_len', 'input_shape'
}
#: What has been applied to the pictures and is no longer true of the clips.
_APPLIED = {'front_half', 'turn_clockwise'}
_NEARLY_EMPTY = .05


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
    with _locked(out):
        provenance = _begin(out, metainfo, settings, variant)
        with Journal(out / JOURNAL) as journal:
            missing = [clip for clip in clips
                       if not _is_done(journal.records.get(clip.name), out,
                                       clip, retry)]
            try:
                seconds = _make(missing, len(clips), out, settings,
                                frame_rate, workers, progress, journal)
            finally:
                _write_skipped(out, clips, journal)
            records = [journal.records[clip.name] for clip in clips]
        shutil.rmtree(out / '.partial', ignore_errors=True)
        path = _annotate(out, annotations, clips, records, metainfo,
                         provenance)
    kept = [r for r in records if r['status'] == 'done']
    reasons = Counter(r['reason'] for r in records if r['status'] != 'done')
    return Outcome(
        path, len(kept), len(records) - len(kept), len(missing), seconds,
        dict(reasons), list(_review(clips, records, settings)))


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


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep a second run out of the folder; the system ends it with us."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: one has to take care oneself
        yield
        return
    with open(out / '.lock', 'w', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PreparationError(
                f'{out}: another run is working on this folder; wait for it '
                'or choose another folder') from None
        yield


def _begin(out: Path, metainfo: Mapping[str, Any], settings: Settings,
           variant: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """Note, or compare, what the folder is to hold; return the note."""
    wanted = dict(dataset=metainfo['dataset'],
                  variant=dict(variant or {}), settings=settings.to_dict())
    # What JSON makes of the settings is what can be compared.
    wanted = json.loads(json.dumps(wanted, default=str))
    path = out / PROVENANCE
    begun = (out / JOURNAL).exists() or (out / 'clips').exists()
    if begun:
        try:
            stored = json.loads(path.read_text(encoding='utf-8'))
        except (FileNotFoundError, ValueError):
            raise PreparationError(
                f'{out}: holds clips but no readable {PROVENANCE}; choose '
                'another folder') from None
        changed = _differences(
            {key: stored.get(key) for key in wanted}, wanted)
        if changed:
            raise PreparationError(
                f'{out}: was made with other settings: '
                f'{"; ".join(changed)}. Mixed clips would be worthless: '
                'choose another folder, repeat the old settings, or delete '
                'this one')
        return stored
    try:
        _try_out(out, settings)
    except BaseException:
        shutil.rmtree(out / '.partial', ignore_errors=True)
        raise
    wanted['versions'] = {
        'mmfer': __version__, 'av': av.__version__,
        'libavcodec': '.'.join(map(str, av.library_versions['libavcodec'])),
        'opencv': cv2.__version__, 'numpy': np.__version__,
        'python': platform.python_version()
    }
    write_json(path, wanted)
    (out / 'clips').mkdir(exist_ok=True)
    return wanted


def _differences(old: Any, new: Any, name: str = '') -> List[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = list(dict.fromkeys([*old, *new]))
        return [line for key in keys for line in _differences(
            old.get(key), new.get(key), f'{name}.{key}' if name else key)]
    return [] if old == new else [f'{name} {old!r}, now {new!r}']


def _try_out(out: Path, settings: Settings) -> None:
    """Find out in a moment whether the settings work at all."""
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    trial = out / '.partial' / f'trial{settings.suffix}'
    encoding = dict(settings.encoding)
    try:
        if settings.crop != 'none':
            build_detector(settings.detector)(grey[0])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            transcode(grey, trial, overwrite=True, **encoding)
        trial.unlink()
    except (CompressedVideoError, ValueError, TypeError, OSError,
            RuntimeError) as error:
        text = ' '.join(str(error).split())
        raise PreparationError(f'the settings do not work: {text}') from None


def _is_done(record: Optional[Mapping[str, Any]], out: Path,
             clip: SourceClip, retry: bool) -> bool:
    if record is None:
        return False
    if record['status'] != 'done':
        return not retry
    try:
        return (out / record['path']).stat().st_size == record['bytes']
    except OSError:
        return False


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
                        source=str(clip.source),
                        message=f'ended two worker processes ({record})')
                seconds += record.get('seconds', 0)
                skipped += record['status'] != 'done'
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


def _annotate(out: Path, name: str, clips: Sequence[SourceClip],
              records: Sequence[Mapping[str, Any]],
              metainfo: Mapping[str, Any],
              provenance: Mapping[str, Any]) -> Path:
    entries = []
    fps = provenance['settings']['encoding'].get('fps')
    for clip, record in zip(clips, records):
        if record['status'] != 'done':
            continue
        entry = dict(path=record['path'], label=clip.label,
                     subject=clip.subject, split=clip.split, fold=clip.fold)
        entry.update((key, _moved(getattr(clip, key), record, fps))
                     for key in ('apex', 'onset', 'offset'))
        entry.update((key, value) for key, value in clip.extra.items()
                     if key not in _RESERVED | _APPLIED)
        entries.append({k: v for k, v in entry.items() if v is not None})
    if not entries:
        reasons = Counter(record['reason'] for record in records)
        raise PreparationError(
            f'{out}: no clip is left: '
            + ', '.join(f'{count} {reason}'
                        for reason, count in reasons.most_common())
            + f'; see {out / SKIPPED}')
    content = dict(
        metainfo=dict(metainfo, coding=dict(
            provenance['settings'], versions=provenance['versions'])),
        clips=entries)
    path = out / name
    write_json(path, content, ensure_ascii=False, default=str)
    return path


def _moved(index: Optional[int], record: Mapping[str, Any],
           fps: Optional[float]) -> Optional[int]:
    """Say where a picture of the source is in the clip."""
    if index is None:
        return None
    moved = moved_index(index, record['source_fps'], fps)
    # Rounding, but not an index that is wrong, is put right.
    return moved - 1 if fps and moved == record['pictures'] else moved


def _review(clips: Sequence[SourceClip],
            records: Sequence[Mapping[str, Any]],
            settings: Settings) -> Iterator[Finding]:
    """Say what should be looked at after a run."""
    advice = {
        'no-face': 'look at some of them; give a better detector '
        '(--detector yunet:FILE.onnx), or keep them with --no-face frame',
        'short': 'too few pictures to hold motion; --keep-short keeps them',
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
