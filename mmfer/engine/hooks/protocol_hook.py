# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Refuse to test a model on clips that it was trained with."""
import logging
from typing import Dict, Optional

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmfer.registry import HOOKS
from ..fold_config import FoldError, check_folds, describe_loader


@HOOKS.register_module()
class ProtocolHook(Hook):
    """Watch over the fold.

    A fold is written in several places (three data loaders, a checkpoint),
    and if they disagree, nothing fails: the model is tested on clips that it
    was trained with, and is wonderful. This hook

    * refuses to train when the data loaders name different folds;
    * warns when clips of the validation are trained with;
    * stores annotation file, split and fold in the checkpoint
      (``meta['protocol']``);
    * refuses to test a checkpoint of one fold on another fold of the same
      annotation file, or to train it further there.
    """

    priority = 'NORMAL'

    def __init__(self) -> None:
        self._trained: Optional[Dict] = None

    def before_train(self, runner) -> None:
        """Compare the loaders.

        Args:
            runner (Runner): The runner.

        Raises:
            FoldError: They name different folds, or the checkpoint that was
                loaded is that of another fold.
        """
        check_folds(runner.cfg)
        self._check_trained(describe_loader(runner.cfg, 'train_dataloader'),
                            'train it on')
        if runner.val_loop is None:
            return
        trained = _file_names(runner.train_dataloader.dataset)
        both = trained & _file_names(runner.val_dataloader.dataset)
        if both:
            print_log(
                f'{len(both)} clips of the validation are trained with, for '
                f'example {min(both)}: the validation tells nothing about '
                'new clips',
                logger='current',
                level=logging.WARNING)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Store what was trained on.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): Modified.
        """
        checkpoint['meta']['protocol'] = describe_loader(
            runner.cfg, 'train_dataloader')

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember what was trained on.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): As loaded.
        """
        self._trained = checkpoint.get('meta', {}).get('protocol')

    def before_test(self, runner) -> None:
        """Compare the fold of the checkpoint with that of the test.

        Args:
            runner (Runner): The runner.

        Raises:
            FoldError: They differ, on the same annotation file.
        """
        self._check_trained(describe_loader(runner.cfg, 'test_dataloader'),
                            'test it on')

    def _check_trained(self, asked: Dict, what: str) -> None:
        trained = self._trained
        if not trained or None in (trained['fold'], asked['fold']):
            return
        if trained['ann_file'] == asked['ann_file'] and \
                trained['fold'] != asked['fold']:
            raise FoldError(
                f'the checkpoint was trained for fold {trained["fold"]} of '
                f'{trained["ann_file"]}, with the clips that fold '
                f'{asked["fold"]} tests: {what} fold {trained["fold"]} '
                f'(MMFER_FOLD={trained["fold"]}), or take the checkpoint of '
                f'fold {asked["fold"]}')


def _file_names(dataset) -> set:
    if not hasattr(dataset, 'get_data_info'):
        return set()
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    return {info['filename'] for info in infos if 'filename' in info}
