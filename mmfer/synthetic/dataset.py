# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write synthetic clips and their annotation to disk."""
import inspect
import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from mmfer.atomic import write_json
from mmfer.codec import transcode
from mmfer.progress import ProgressLine
from mmfer.worker_processes import WorkersFailed

from .expressions import CLASSES
from .faces import (SyntheticFaces, expression_activations, render_clip)

# Raised whenever the same arguments give other pictures.
GENERATOR = 1
CONFIGURATION = 'synthetic.json'
ANNOTATIONS = 'annotations.json'

# Arguments of `make_dataset`.
PRESETS = {
    # For tests: 42 small short clips in a few seconds.
    'tiny': dict(num_subjects=6, takes=1, frames=16, size=64,
                 shares=(3, 1, 2)),
    # For the quick start: 504 clips, within a minute on two cores.
    'small': dict(num_subjects=36, takes=2, shares=(24, 3, 9)),
    # For ablations: 840 clips.
    'standard': dict(num_subjects=60, takes=2, shares=(40, 5, 15)),
}


class ConfigurationMismatch(ValueError):
    """The folder holds a data set made with other arguments."""


def make_dataset(root, num_subjects=60, takes=2, classes=CLASSES, frames=36,
                 size=112, fps=25, seed=0, codec='mpeg4', gop=12,
                 codings=None, shares=(40, 5, 15), workers=1,
                 progress=True):
    """Write a data set of synthetic expression clips.

    A call that was interrupted continues where it stopped: finished clips
    are kept. Files appear under their names only when they are complete.

    Example:
        >>> make_dataset('data/faces', **PRESETS['tiny'])     # doctest: +SKIP
        >>> make_dataset('data/faces', codings={              # doctest: +SKIP
        ...     'mpeg4-gop12': dict(codec='mpeg4', gop=12),
        ...     'h264-stock': dict(codec='h264', profile='stock')})

    Args:
        root (str | os.PathLike): Folder to write to: `clips/*.mp4` and
            `annotations.json`, or with `codings` one such folder per coding.
        num_subjects (int): Persons. Default: 60.
        takes (int): Clips of every person and class. Default: 2.
        classes (Sequence[str]): Class names. Default: the seven of DFEW.
        frames (int): Pictures per clip. Default: 36.
        size (int): Height and width in pixels. Default: 112.
        fps (int): Pictures per second. Default: 25.
        seed (int): Seed of everything. Default: 0.
        codec (str): See `mmfer.codec.transcode`. Default: `'mpeg4'`.
        gop (int, optional): Length of a group of pictures; None: the whole
            clip. Default: 12.
        codings (dict[str, dict], optional): Folder name to arguments of
            `mmfer.codec.transcode`; replaces `codec` and `gop`. All codings
            hold the same rendered pictures. More of them can be added later.
        shares (tuple[float, float, float]): Proportions of persons in train,
            val and test. Default: (40, 5, 15).
        workers (int): Processes; 1 works in this process. The files do not
            depend on it. Default: 1.
        progress (bool): Report rate and remaining time on stderr.
            Default: True.

    Returns:
        list[pathlib.Path]: Annotation files, one per coding.

    Raises:
        ConfigurationMismatch: If a folder holds clips of other arguments.
        ValueError: If an argument is out of range.
        mmfer.worker_processes.WorkersFailed: If a worker process dies; what
            is finished is kept.
    """
    faces = SyntheticFaces(num_subjects, takes, frames, size, fps, seed,
                           classes)
    faces.splits(shares)  # now rather than when all clips are made
    root = Path(root)
    if codings is None:
        targets = {root: dict(codec=codec, gop=gop)}
    else:
        _check_codings(codings)
        targets = {root / name: dict(coding)
                   for name, coding in codings.items()}
    rendering = dict(
        generator=GENERATOR, num_subjects=num_subjects, takes=takes,
        classes=list(classes), frames=frames, size=size, fps=fps, seed=seed,
        shares=list(shares))
    for folder, coding in targets.items():
        _prepare(folder, dict(rendering, coding=coding))
    jobs = _missing(faces, targets)
    _work(jobs, len(faces), workers, progress)
    out = []
    for folder, coding in targets.items():
        shutil.rmtree(folder / '.partial', ignore_errors=True)
        out.append(_annotate(folder, faces, shares, coding))
    return out


def _check_codings(codings):
    for name, coding in codings.items():
        if not isinstance(coding, dict) or 'codec' not in coding:
            raise ValueError(f'coding {name!r} is {coding!r}; expected a '
                             "dict such as dict(codec='mpeg4', gop=12)")
        # The pictures, the file and their rate are not the coding's to say.
        known = set(inspect.signature(transcode).parameters) - {
            'source', 'out', 'fps', 'overwrite', 'progress'}
        unknown = sorted(set(coding) - known)
        if unknown:
            raise ValueError(f'coding {name!r} has unknown arguments '
                             f'{unknown}; known are {sorted(known)}')
        if Path(name).name != name or name.startswith('.'):
            raise ValueError(f'coding {name!r} cannot name a folder')
    if not codings:
        raise ValueError('codings is empty; name at least one')


def _prepare(folder, configuration):
    """Make a folder and note, or compare, what it is to hold."""
    path = folder / CONFIGURATION
    # A run that failed before its first clip binds nobody.
    begun = (folder / ANNOTATIONS).exists() or any(
        (folder / 'clips').glob('*'))
    if begun and path.exists():
        try:
            stored = json.loads(path.read_text(encoding='utf-8'))
        except ValueError:
            stored = {}
        # What JSON makes of the arguments is what can be compared.
        wanted = json.loads(json.dumps(configuration))
        changed = sorted(key for key in set(stored) | set(wanted)
                         if stored.get(key) != wanted.get(key))
        if changed:
            said = ', '.join(f'{key} {stored.get(key)!r} instead of '
                             f'{wanted.get(key)!r}' for key in changed)
            raise ConfigurationMismatch(
                f'{folder}: holds synthetic faces made with {said}; choose '
                'another folder or delete this one')
    elif begun:
        raise ConfigurationMismatch(
            f'{folder}: holds clips but no {CONFIGURATION}; choose another '
            'folder')
    for name in ('clips', '.partial'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_json(path, configuration)


def _missing(faces, targets):
    """Clips still to be made, in one list per person."""
    jobs = {}
    for item in faces:
        wanted = [(str(folder), coding) for folder, coding in targets.items()
                  if not (folder / 'clips' / f'{item.name}.mp4').exists()]
        if wanted:
            jobs.setdefault(item.subject, []).append((item, wanted))
    return list(jobs.values())


def write_clip(item, targets):
    """Render one clip and write it in one or more codings.

    Args:
        item (ClipItem): The clip.
        targets (list[tuple[str, dict]]): Folder and arguments of
            `mmfer.codec.transcode` of every coding.
    """
    pictures = render_clip(item)
    for folder, coding in targets:
        # What a killed run leaves here is swept away by the next one.
        partial = Path(folder, '.partial', f'{item.name}.{os.getpid()}.mp4')
        transcode(list(pictures), partial, fps=item.fps, overwrite=True,
                  **coding)
        os.replace(partial, Path(folder, 'clips', f'{item.name}.mp4'))


def _write_job(job):
    for item, targets in job:
        write_clip(item, targets)
    return len(job)


def _start_worker():
    # One process per core is enough; OpenCV's own threads would compete.
    cv2.setNumThreads(1)


def _work(jobs, total, workers, progress):
    left = sum(len(job) for job in jobs)
    with ProgressLine('synthetic faces', total, total - left,
                      shown=progress) as line:
        if workers <= 1 or len(jobs) <= 1:
            _work_here(jobs, line)
        else:
            _work_in_processes(jobs, workers, line)


def _work_here(jobs, line):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for job in jobs:
            for clip in job:
                line.step(_write_job([clip]))
    finally:
        cv2.setNumThreads(threads)


def _work_in_processes(jobs, workers, line):
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context,
                               _start_worker)
    try:
        for done in as_completed([pool.submit(_write_job, job)
                                  for job in jobs]):
            line.step(done.result())
    except BrokenProcessPool:
        raise WorkersFailed(
            'a worker process died, perhaps for want of memory; finished '
            'clips are kept, and the same command goes on, with fewer '
            '--workers if it happens again') from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _annotate(folder, faces, shares, coding):
    splits = faces.splits(shares)
    clips = []
    for item in faces:
        split, fold = splits[item.subject]
        clips.append(dict(
            path=f'clips/{item.name}.mp4', label=item.label,
            subject=f's{item.subject:03d}', split=split, fold=fold,
            **expression_activations(item)[1]))
    path = folder / ANNOTATIONS
    write_json(path, dict(
        metainfo=dict(dataset='synthetic-faces', classes=list(faces.classes),
                      version=GENERATOR, seed=faces.seed, coding=coding),
        clips=clips))
    return path
