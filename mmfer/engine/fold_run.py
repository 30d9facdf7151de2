# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One fold, trained with one seed and tested, in a folder of its own.

The folder holds the complete config, checkpoints, log and predictions.
``result.json`` is written last: a run that has one is finished, any other
goes on from its newest whole checkpoint.
"""
import copy
import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence

from mmengine.config import Config

from mmfer.atomic import write_json, write_text
from .checkpoints import (best_checkpoint, epoch_checkpoints, is_whole,
                          read_scalars, resume_point, validation_due)
from .fold_config import FoldError
from .fold_plan import FoldPlan
from .launch import Launch
from .subprocesses import Stopped, folder_lock, run_command, say

RESULT = 'result.json'
LOG = 'log.txt'
DIGEST = 'config.sha256'


class FoldRun:
    """The training of one fold with one seed, and its tests.

    Args:
        plan (FoldPlan): All folds.
        work_dir (Path): The run gets a folder in it.
        name (str): Stem of the config's file.
        train_args (Sequence[str]): Further arguments of train.py.
        cfg (Config): For this fold; copied.
        fold (int, optional): The fold; None for a split.
        seed (int): The seed.
    """

    def __init__(self, plan: FoldPlan, work_dir: Path, name: str,
                 train_args: Sequence[str], cfg: Config, fold: Optional[int],
                 seed: int) -> None:
        self.fold, self.seed = fold, seed
        self.part = plan.split if fold is None else fold
        part = 'split' if fold is None else f'fold{fold}'
        self.folder = work_dir / f'{part}_seed{seed}'
        # mmengine writes what it ran, also `resume`, right into the folder.
        self.config = self.folder / 'config' / f'{name}.py'
        self.title = f'{"split" if fold is None else "fold"} {self.part}, ' \
            f'seed {seed}'
        self._selects = plan.selection is not None
        self.cfg = copy.deepcopy(cfg)
        plan.apply(self.cfg, fold)
        self.cfg.randomness = dict(self.cfg.get('randomness') or {}, seed=seed)
        self.cfg.resume = False
        # With one checkpoint mmengine deletes the old one before it writes
        # the new one: a kill in between would cost the whole training.
        hook = self.cfg.default_hooks.checkpoint
        self._spare = hook.get('max_keep_ckpts') == 1
        if self._spare:
            hook['max_keep_ckpts'] = 2
        text = json.dumps([self.cfg.to_dict(), train_args,
                           plan.digest], sort_keys=True, default=str)
        self._digest = hashlib.sha256(text.encode()).hexdigest()

    def check(self) -> None:
        """Compare the config with that which the folder was begun with.

        Raises:
            FoldError: They differ; the first lines that do are named.
        """
        path = self.folder / DIGEST
        if not path.exists() or path.read_text().strip() == self._digest:
            return
        raise FoldError(
            f'{self.folder} was begun with another config or other options'
            f'{self._difference()}; choose another --work-dir, or delete '
            'this one')

    def _difference(self) -> str:
        if not self.config.exists():
            return ''
        old = self.config.read_text(encoding='utf-8').splitlines()
        new = self.cfg.pretty_text.splitlines()
        for before, now in zip(old, new):
            if before != now:
                return f' ({before.strip()!r}, now {now.strip()!r})'
        return ' or other annotations'

    def result(self) -> Optional[Dict[str, Any]]:
        """Read the result.

        Returns:
            dict | None: With ``selections``: for 'last' and, with validation,
            'best' a dict of ``dump`` (file name), ``epoch`` and
            ``checkpoint``. None if the run is not finished.
        """
        path = self.folder / RESULT
        if not path.exists():
            return None
        return json.loads(path.read_text(encoding='utf-8'))

    def complete(self, launch: Launch, environment: Dict[str, str],
                 stop: threading.Event) -> None:
        """Train as far as needed, test, and write the result.

        Args:
            launch (Launch): How the tools are started.
            environment (dict[str, str]): Variables of the tools.
            stop (threading.Event): Ends the work.

        Raises:
            CommandFailed: A tool failed; the message names the log.
            FoldError: The training left no usable checkpoint.
            Stopped: ``stop`` was set.
        """
        if stop.is_set():
            raise Stopped
        self.folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(self.folder, stop,
                         lambda text: say(f'{self.title}: {text}')) as lock:
            if self.result() is not None:
                return
            self.check()
            self.config.parent.mkdir(exist_ok=True)
            write_text(self.config, self.cfg.pretty_text)
            write_text(self.folder / DIGEST, self._digest + '\n')
            start = time.monotonic()

            def call(script, *arguments, look=lambda: None):
                run_command(launch.command(script, *arguments),
                            self.folder / LOG, environment, lock, stop, look)

            self._train(call, launch.train_args)
            selections = dict(last=self._test(call, 'last', *self._last()))
            best = best_checkpoint(self.folder) if self._selects else None
            if best:
                same = best[0] == selections['last']['epoch']
                # After the same epoch the weights are the same.
                selections['best'] = dict(selections['last']) if same else \
                    self._test(call, 'best', *best)
            write_json(self.folder / RESULT, dict(
                fold=self.fold, seed=self.seed, selections=selections))
            self._tidy()
            say(f'{self.title}: finished after '
                f'{_minutes(time.monotonic() - start)}')

    def _train(self, call: Callable, train_args: Sequence[str]) -> None:
        loop = self.cfg.train_cfg
        arguments = [self.config, '--work-dir', self.folder, *train_args]
        if 'max_epochs' not in loop:  # counted in iterations
            whole = (self.folder / 'last_checkpoint').exists()
            call('train.py', *arguments, *(['--resume'] if whole else []))
            return
        due = validation_due(loop) if self.cfg.get('val_cfg') else \
            lambda epoch: False
        found = resume_point(self.folder, due)
        if found and found[0] >= loop.max_epochs:
            say(f'{self.title}: trained already')
            return
        if found:
            say(f'{self.title}: goes on after epoch {found[0]} of '
                f'{loop.max_epochs}')
            arguments += ['--resume', found[1]]
        else:
            for path in self.folder.glob('best_*.pth'):
                path.unlink()  # of a start that left nothing to go on from
            say(f'{self.title}: trains {loop.max_epochs} epochs')
        teller = _EpochTeller(self, found[0] if found else 0, loop.max_epochs)
        call('train.py', *arguments, look=teller)

    def _last(self) -> tuple:
        found = [(epoch, path)
                 for epoch, path in epoch_checkpoints(self.folder).items()
                 if is_whole(path)]
        pointer = self.folder / 'last_checkpoint'
        if not found and pointer.exists():
            path = Path(pointer.read_text(encoding='utf-8').strip())
            if is_whole(path):
                return None, path
        if not found:
            raise FoldError(f'{self.folder}: the training left no whole '
                            f'checkpoint (see {self.folder / LOG})')
        return found[-1]

    def _test(self, call: Callable, name: str, epoch: Optional[int],
              checkpoint: Path) -> Dict[str, Any]:
        dump = self.folder / f'{name}.pkl'
        say(f'{self.title}: tests {checkpoint.name}')
        call('test.py', self.config, checkpoint, '--work-dir',
             self.folder / 'test', '--dump', dump)
        return dict(dump=dump.name, epoch=epoch, checkpoint=checkpoint.name)

    def _tidy(self) -> None:
        if self._spare:
            for path in list(epoch_checkpoints(self.folder).values())[:-1]:
                path.unlink()


class _EpochTeller:
    """Prints a line for each epoch that a training finished."""

    def __init__(self, run: FoldRun, epoch: int, epochs: int) -> None:
        self.run, self.begun, self.epochs = run, epoch, epochs
        self.told = epoch
        self.begin = time.time()
        self.start = self.looked = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self.looked < 3:
            return
        self.looked = now
        records = read_scalars(self.run.folder, since=self.begin)
        # A record of the next epoch says that one is finished.
        epoch = max([r['epoch'] for r in records if 'epoch' in r] or [0]) - 1
        if epoch <= self.told:
            return
        self.told = epoch
        rest = (now - self.start) / (epoch - self.begun) * \
            (self.epochs - epoch)
        values = [r['fer/UAR'] for r in records if 'fer/UAR' in r]
        uar = f', UAR {100 * values[-1]:.1f} % in validation' if values else ''
        say(f'{self.run.title}: epoch {epoch} of {self.epochs}{uar}, '
            f'{_minutes(rest)} left')


def _minutes(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + .5), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{seconds:02d}'
