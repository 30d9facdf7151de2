# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Many files, cut into jobs that every engine does alike.

Which windows go through a network together can change the last bits of its
scores. So the composition of a job depends on the list of files alone, never
on the number of workers, on who died, or on what an earlier run did.
"""
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

from ..clip_progress import ClipProgress
from ..prediction import ClipPrediction
from ..run_files import detector_files, model_files

#: Files of a job.
JOB_SIZE = 16


@dataclass(frozen=True)
class FileJob:
    """Files that are predicted together.

    Args:
        number (int): Position among the jobs.
        paths (tuple[str]): The files.
    """

    number: int
    paths: Tuple[str, ...]


def make_jobs(paths: Sequence[str], size: int = JOB_SIZE) -> List[FileJob]:
    """Cut a list of files.

    Args:
        paths (Sequence[str]): Files, none of them twice.
        size (int): Files of a job. Defaults to 16.

    Returns:
        list[FileJob]: In order.
    """
    return [FileJob(number, tuple(paths[start:start + size]))
            for number, start in enumerate(range(0, len(paths), size))]


class FilePredictor:
    """What a worker process does.

    Args:
        settings (dict): Arguments of ``FERInferencer`` by name.
        threads (int): Of the network; workers are parallel enough.
            Defaults to 1.
    """

    def __init__(self, settings: Dict[str, Any], threads: int = 1) -> None:
        import cv2
        import torch

        from ..inferencer import FERInferencer
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        self._inferencer = FERInferencer(**settings)

    def __call__(self, job: FileJob) -> Iterator[str]:
        """Predict the files of a job.

        Args:
            job (FileJob): The job.

        Yields:
            str: A line of JSON for each file, in order, as it is ready.
        """
        for clip in self._inferencer.iterate(list(job.paths)):
            yield clip.to_json()


def make_predictor(
        settings: Dict[str, Any]) -> Callable[[FileJob], Iterator[str]]:
    """Start a worker.

    Args:
        settings (dict): Arguments of ``FERInferencer``.

    Returns:
        Callable: The worker, a generator function: what it has predicted is
        not lost with the rest of a job.
    """
    return FilePredictor(settings).__call__


def broken(path: str, reason: str) -> str:
    """Answer for a file that no worker survives.

    Args:
        path (str): The file.
        reason (str): How they died.

    Returns:
        str: A line of JSON.
    """
    clip = ClipProgress(path, ())
    clip.error = (f'{path}: ends every process that reads it ({reason}); make '
                  'a new copy of the file')
    return clip.prediction().to_json()


def run_digest(settings: Dict[str, Any]) -> str:
    """Tell runs apart whose results must not be mixed.

    Args:
        settings (dict): Arguments of ``FERInferencer``; the config, all files
            of the model and the file of a detector count with their content.

    Returns:
        str: 16 hexadecimal digits.

    Raises:
        UnsuitableConfig: One of them is missing: better told here than by
            many workers.
    """
    from ..clip_pipeline import UnsuitableConfig
    from ..network import load_config
    facts = {name: value for name, value in settings.items()
             if name not in ('config', 'checkpoint')}
    facts['config'] = load_config(settings['config']).pretty_text
    digest = hashlib.sha256(
        json.dumps(facts, sort_keys=True, default=str).encode())
    checkpoint = settings.get('checkpoint')
    if checkpoint is not None and not os.path.isfile(checkpoint):
        raise UnsuitableConfig(f'{checkpoint}: no such checkpoint')
    for path in (*model_files(checkpoint),
                 *detector_files(settings.get('detector'))):
        with open(path, 'rb') as file:
            for block in iter(lambda: file.read(1 << 20), b''):
                digest.update(block)
    return digest.hexdigest()[:16]


def parse_line(line: str) -> ClipPrediction:
    """Read a line of JSON.

    Args:
        line (str): Of a worker or of a log.

    Returns:
        ClipPrediction: The answer.
    """
    return ClipPrediction.from_dict(json.loads(line))
