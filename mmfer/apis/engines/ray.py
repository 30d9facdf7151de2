# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Jobs on many machines, through Ray Data."""
import os
from typing import Any, Dict, Iterator, List, Sequence

from .file_jobs import FileJob, FilePredictor


class RayMissing(ImportError):
    """Ray is not installed."""


class RayPredictor:
    """A worker of Ray Data: rows of jobs in, rows of lines out.

    Args:
        settings (dict): Arguments of ``FERInferencer``.
    """

    def __init__(self, settings: Dict[str, Any]) -> None:
        self._predict = FilePredictor(settings)

    def __call__(self, row: Dict[str, Any]) -> Dict[str, Any]:
        """Do a job.

        Args:
            row (dict): ``number`` and ``paths``, as bytes.

        Returns:
            dict: ``number`` and ``lines``.
        """
        paths = tuple(map(os.fsdecode, row['paths']))
        lines = list(self._predict(FileJob(int(row['number']), paths)))
        return dict(number=row['number'], lines=lines)


def run_ray(settings: Dict[str, Any], jobs: Sequence[FileJob],
            workers: int) -> Iterator[List[str]]:
    """Do jobs with Ray; lost workers are replaced and their jobs repeated.

    Connects to the cluster that the environment variable RAY_ADDRESS names;
    without it, to one that is started on this machine for the time being.
    All machines need mmfer and the same paths to the files.

    Args:
        settings (dict): Arguments of ``FERInferencer``.
        jobs (Sequence[FileJob]): The jobs.
        workers (int): Worker processes in the cluster.

    Yields:
        list[str]: Lines of JSON of a job, as they are ready.

    Raises:
        RayMissing: With what to install.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RayMissing(
            f'the engine ray needs Ray Data ({error}): '
            "pip install 'mmfer[bulk]'") from None
    started = not ray.is_initialized()
    if started:
        local = {} if os.environ.get('RAY_ADDRESS') else dict(
            num_cpus=workers, include_dashboard=False)
        ray.init(log_to_driver=False, logging_level='ERROR', **local)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        # Arrow's text is UTF-8, which the name of a file need not be.
        rows = ray.data.from_items(
            [dict(number=job.number, paths=list(map(os.fsencode, job.paths)))
             for job in jobs],
            override_num_blocks=len(jobs))
        answers = rows.map(
            RayPredictor, fn_constructor_args=(settings, ), num_cpus=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers))
        for row in answers.iter_rows():
            yield [str(line) for line in row['lines']]
    finally:
        if started:
            ray.shutdown()
