# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measure identity leakage at the end of the training."""
import logging
import os.path as osp
import random
from contextlib import ExitStack, contextmanager
from typing import Iterator, Optional

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper

from mmfer.datasets.identity_file import IdentityEmbeddings
from mmfer.engine.leakage import leakage_dataloaders, measure_leakage
from mmfer.evaluation.leakage import require_libraries
from mmfer.models.identity import build_identity_encoder
from mmfer.registry import HOOKS


@HOOKS.register_module()
class LeakageHook(Hook):
    """Run the leakage battery on persons that the model never saw.

    At the end of the training, and every ``interval`` epochs if asked, the
    features of a split are extracted with the pipeline of the test and
    measured by :func:`mmfer.evaluation.leakage.leakage_report`. The report is
    written as ``leakage_epoch_<n>.json`` into the work directory and its
    values are logged under ``leakage/``. This is what may be called removed
    identity; the bound that the training minimises may not.

    Only the main process measures. Others go on and wait at the next exchange
    of gradients: with ``interval``, a full battery has to be shorter than the
    time limit of the process group. Weights of an ``EMAHook`` are used where
    there are any. The random state of the training is not touched.

    Args:
        identity (str, optional): Identity file, see
            ``tools/data/extract_identity.py``. Defaults to None: measures
            that need face embeddings are left out.
        encoder (dict, optional): The face network that made this file, as
            :func:`mmfer.models.identity.build_identity_encoder` takes it, for
            the inversion attack of a full battery. Defaults to None: no
            attack.
        level (str): 'fast' or 'full', at the end of the training.
            Defaults to 'full'.
        interval (int): Also run a fast battery every so many epochs; 0 for
            never. Defaults to 0.
        dataloader (dict, optional): Loader whose data are measured.
            Defaults to None, the ``test_dataloader`` of the config.
        split (str, optional): Split of measured persons. Defaults to None,
            that of the loader.
        fit_split (str): Split of other persons, on which attacks are fitted;
            with cross-validation these are the other folds.
            Defaults to 'train'.
        seed (int): Of the battery. Defaults to 0.
    """

    # After hooks that save or average weights.
    priority = 'LOWEST'

    def __init__(self,
                 identity: Optional[str] = None,
                 encoder: Optional[dict] = None,
                 level: str = 'full',
                 interval: int = 0,
                 dataloader: Optional[dict] = None,
                 split: Optional[str] = None,
                 fit_split: str = 'train',
                 seed: int = 0) -> None:
        if level not in ('fast', 'full'):
            raise ValueError(f"`level` is 'fast' or 'full', got {level!r}")
        if interval < 0:
            raise ValueError(f'`interval` is at least 0, got {interval}')
        if encoder is not None and identity is None:
            raise ValueError('`encoder` needs the `identity` file that it '
                             'made')
        self.identity = identity
        self.encoder = encoder
        self.level = level
        self.interval = interval
        self.dataloader = dataloader
        self.split = split
        self.fit_split = fit_split
        self.seed = seed

    def before_train(self, runner) -> None:
        """Find out now whether something is missing, not after the training.

        Args:
            runner (Runner): The runner.

        Raises:
            ImportError: scikit-learn is missing.
            ValueError: The config has no loader to measure, or its clips
                show fewer than two persons.
        """
        if not is_main_process():
            return
        require_libraries()
        config = self.dataloader or runner.cfg.get('test_dataloader')
        if not config:
            raise ValueError('LeakageHook: the config has no '
                             '`test_dataloader`; give `dataloader`')
        self._loaders = leakage_dataloaders(config, self.split,
                                            self.fit_split)
        measured = self._loaders[0].dataset
        people = {measured.get_data_info(index).get('subject')
                  for index in range(len(measured))} - {None}
        if len(people) < 2:
            raise ValueError(
                f'LeakageHook: the measured clips show {len(people)} known '
                'persons and at least two are told apart; leave the hook out '
                'where each person is a fold of its own')
        # Lives beside the model: it is neither saved nor moved with it.
        self._encoder = self.encoder and build_identity_encoder(self.encoder)
        self._identity = None
        if self.identity is not None:
            self._identity = IdentityEmbeddings.load(self.identity)
            for index in range(len(measured)):
                self._identity[measured.get_data_info(index)['path']]
            _check_fitted(self.identity, self._identity,
                          self._loaders[1].dataset)

    def after_train_epoch(self, runner) -> None:
        """Run a fast battery every ``interval`` epochs.

        Args:
            runner (Runner): The runner.
        """
        if self.interval and (runner.epoch + 1) % self.interval == 0 and \
                runner.epoch + 1 < runner.max_epochs:
            self._measure(runner, 'fast', runner.epoch + 1)

    def after_train(self, runner) -> None:
        """Run the battery.

        Args:
            runner (Runner): The runner.
        """
        self._measure(runner, self.level, runner.epoch)

    def _measure(self, runner, level: str, epoch: int) -> None:
        if not is_main_process():
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        with _averaged_weights(runner), _random_state_kept():
            report = measure_leakage(
                model,
                *self._loaders,
                self._identity,
                self._encoder,
                level=level,
                seed=self.seed,
                progress=False).report
        path = osp.join(runner.work_dir, f'leakage_epoch_{epoch}.json')
        report.save(path)
        values = {f'leakage/{k}': v for k, v in report.scalars().items()}
        runner.message_hub.update_scalars(values)
        runner.visualizer.add_scalars(values, step=epoch)
        print_log(
            f'Identity leakage on {report.settings["num_subjects"]} persons '
            f'({path})\n{report.to_markdown()}',
            logger='current')


def _check_fitted(name: str, identity: IdentityEmbeddings, dataset) -> None:
    """Allow for clips that had no readable keyframe."""
    paths = [dataset.get_data_info(index)['path']
             for index in range(len(dataset))]
    missing = [path for path in paths if path not in identity]
    if len(missing) == len(paths):
        identity[missing[0]]  # raises with what to do
    if missing:
        print_log(
            f'{name}: has no embeddings of {len(missing)} of the '
            f'{len(paths)} clips that attacks are fitted on, the first: '
            f'{missing[0]}; they are left out',
            logger='current',
            level=logging.WARNING)


@contextmanager
def _averaged_weights(runner) -> Iterator[None]:
    """Exchange the weights for their averages, as a validation would."""
    with ExitStack() as stack:
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                hook.before_val_epoch(runner)
                stack.callback(hook.after_val_epoch, runner)
        yield


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Go on drawing as if nothing had been drawn in between.

    Data sets of a loader without worker processes draw in this one.
    """
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(python)
    np.random.set_state(numpy)
