# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test every fold with the standard tools, several at a time."""
import queue
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence

from mmengine.config import Config

from mmfer.datasets.folds import write_folds
from .fold_config import FoldError
from .fold_plan import FoldPlan
from .fold_run import FoldRun
from .launch import Launch
from .subprocesses import CommandFailed, say

FOLDS = 'folds.csv'


class CrossValidation:
    """All runs of a config.

    Args:
        load (Callable): Gives the config for a fold (int or None).
        name (str): Stem of the config's file.
        plan (FoldPlan): The folds.
        work_dir (Path): Where everything goes.
        seeds (Sequence[int]): Seeds of every fold.
        launch (Launch): How the tools are started.
        jobs (int): Runs at a time. Defaults to 1.

    Raises:
        FoldError: The folder holds runs of another config, or there are
            fewer devices than jobs.
    """

    def __init__(self,
                 load: Callable[[Optional[int]], Config],
                 name: str,
                 plan: FoldPlan,
                 work_dir: Path,
                 seeds: Sequence[int],
                 launch: Launch,
                 jobs: int = 1) -> None:
        self.name = name
        self.plan = plan
        self.work_dir = Path(work_dir)
        self.launch = launch
        self.jobs = jobs
        if launch.devices and len(launch.devices) < jobs:
            raise FoldError(f'{len(launch.devices)} devices for {jobs} jobs: '
                            'each needs at least one')
        self.runs = [
            FoldRun(plan, self.work_dir, name, launch.train_args, load(fold),
                    fold, seed) for seed in seeds for fold in plan.folds
        ]
        self._stop = threading.Event()
        self._slots: queue.Queue = queue.Queue()
        for slot in range(jobs):
            self._slots.put(slot)

    def check(self) -> None:
        """Compare the config with that of runs which were begun already.

        Raises:
            FoldError: They differ.
        """
        for run in self.runs:
            run.check()

    def run(self) -> Dict[FoldRun, str]:
        """Do all that is not done yet.

        Returns:
            dict[FoldRun, str]: What went wrong, by run; the others are
            finished.
        """
        finished = sum(run.result() is not None for run in self.runs)
        say(f'{len(self.runs)} runs ({len(self.plan.folds)} folds) in '
            f'{self.work_dir}; {finished} are finished')
        if self.plan.subjects:
            write_folds(self.work_dir / FOLDS, self.plan.subjects)
        failed: Dict[FoldRun, str] = {}
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = {pool.submit(self._one, run): run for run in self.runs
                       if run.result() is None}
            try:
                for future in as_completed(waiting):
                    run, error = waiting[future], future.exception()
                    if isinstance(error, (CommandFailed, FoldError)):
                        failed[run] = str(error)
                        say(f'{run.title}: failed: {error}')
                    elif error is not None:
                        raise error
            except BaseException:
                # The threads end their commands before the pool lets go.
                self._stop.set()
                for future in waiting:
                    future.cancel()
                raise
        return failed

    def _one(self, run: FoldRun) -> None:
        slot = self._slots.get()
        try:
            run.complete(self.launch, self.launch.environment(slot, self.jobs),
                         self._stop)
        finally:
            self._slots.put(slot)
