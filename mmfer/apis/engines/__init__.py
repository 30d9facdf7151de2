# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Engines for many files: processes of one machine, or Ray.

Both do the same jobs and give the same results; see :mod:`.file_jobs`.
"""
from typing import Any, Callable, Dict, List, Optional

from ..clip_sources import Inputs, expand_inputs
from ..prediction import ClipPrediction
from .file_jobs import JOB_SIZE, make_jobs, parse_line, run_digest
from .file_lock import FileInUse
from .local import run_local
from .prediction_log import PredictionLog, PredictionLogError, file_stamps
from .ray import RayMissing, run_ray

__all__ = ['FileInUse', 'PredictionLog', 'PredictionLogError', 'RayMissing',
           'predict_many']

_ENGINES = dict(local=run_local, ray=run_ray)


def predict_many(settings: Dict[str, Any],
                 inputs: Inputs,
                 engine: str = 'local',
                 workers: int = 1,
                 log: Optional[str] = None,
                 job_size: int = JOB_SIZE,
                 progress: Optional[Callable[[int, int], None]] = None,
                 answers: Optional[List[ClipPrediction]] = None
                 ) -> List[ClipPrediction]:
    """Predict many files.

    Args:
        settings (dict): Arguments of ``FERInferencer`` by name; picklable.
        inputs (str | PathLike | Iterable): Files, folders and patterns. A
            file that is named twice is predicted once.
        engine (str): 'local' or 'ray'. Defaults to 'local'.
        workers (int): Processes; 0 (local only) works in this one.
            Defaults to 1.
        log (str, optional): ``.jsonl`` file to which results are written as
            they come; a run that was stopped is continued. Files with an
            error, and files that changed, are predicted again.
            Defaults to None.
        job_size (int): Files that are given to a worker together.
            Defaults to 16.
        progress (Callable, optional): Called with the number of finished
            files and of all files. Defaults to None.
        answers (list, optional): Takes the answers, also those that are there
            when the work is interrupted. Defaults to None.

    Returns:
        list[ClipPrediction]: One for each file, in order; ``answers``, if
        given.

    Raises:
        ValueError: A setting is wrong.
        PredictionLogError: The log belongs to another run.
        FileInUse: Another run writes the log.
        WorkersFailed: The workers cannot do the work.
        RayMissing: Ray is not installed.
    """
    if engine not in _ENGINES:
        raise ValueError(f'`engine` is {engine!r}, it must be one of '
                         f'{", ".join(_ENGINES)}')
    if workers < (1 if engine == 'ray' else 0) or job_size < 1:
        raise ValueError('`workers` and `job_size` are at least 1, got '
                         f'{workers} and {job_size}')
    pairs = expand_inputs(inputs)
    if any(isinstance(source, bytes) for _, source in pairs):
        raise ValueError('many files are given as paths, not as bytes')
    names = list(dict.fromkeys(name for name, _ in pairs))
    answers = [] if answers is None else answers
    digest = run_digest(settings)
    stamps = None if log is None else file_stamps(names)
    with PredictionLog(log, digest, stamps) as kept:
        # A job is done as a whole even if some of its files are known: what
        # else is in it could change the last bits of a score.
        jobs = [job for job in make_jobs(names, job_size)
                if any(path not in kept for path in job.paths)]
        done = sum(name in kept for name in names)
        if progress is not None:
            progress(done, len(names))
        try:
            if jobs:
                for lines in _ENGINES[engine](settings, jobs, workers):
                    done += kept.add(lines)
                    if progress is not None:
                        progress(done, len(names))
                kept.sort(names)
        finally:
            answers += map(parse_line, kept.read(
                [name for name in names if name in kept]))
    return answers
