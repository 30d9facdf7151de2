# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Jobs on the processes of one machine."""
from typing import Any, Dict, Iterator, List, Sequence

from mmfer.worker_processes import Died, run_jobs
from .file_jobs import FileJob, broken, make_predictor


def run_local(settings: Dict[str, Any], jobs: Sequence[FileJob],
              workers: int) -> Iterator[List[str]]:
    """Do jobs in worker processes of which any may die.

    A job whose worker dies is done by another one. If that dies too, its
    files are tried one by one; those that end their process once more (twice
    each) get an error, the others an answer.

    Args:
        settings (dict): Arguments of ``FERInferencer``.
        jobs (Sequence[FileJob]): The jobs.
        workers (int): Processes; 0 works in this one.

    Yields:
        list[str]: Lines of JSON, as they are ready; those of a job that was
        repeated come again.

    Raises:
        WorkersFailed: No worker starts, or the work itself is wrong.
    """
    suspects: List[FileJob] = []
    for number, result in run_jobs(make_predictor, (settings, ), jobs,
                                   workers):
        if isinstance(result, Died):
            suspects += [FileJob(0, (path, )) for path in jobs[number].paths]
        else:
            yield [result]
    if not suspects:
        return
    for number, result in run_jobs(make_predictor, (settings, ), suspects,
                                   workers):
        if isinstance(result, Died):
            result = broken(suspects[number].paths[0], str(result))
        yield [result]
