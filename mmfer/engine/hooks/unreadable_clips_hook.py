# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Say at the end of an epoch which clips were skipped."""
import logging

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmfer.registry import HOOKS
from ..inner_datasets import inner_datasets


@HOOKS.register_module()
class UnreadableClipsHook(Hook):
    """Report the clips that the training could not read.

    :class:`mmfer.FERDataset` replaces such a clip by another one and counts
    it. This hook collects the counts of all worker processes and ranks after
    each training epoch, logs one warning, and keeps the number in the message
    hub under ``train/unreadable_clips``. Data sets inside wrappers
    (``RepeatDataset``, ``ConcatDataset``, ...) are found too.

    Args:
        max_names (int): How many file names the warning lists.
            Defaults to 5.
    """

    priority = 'NORMAL'

    def __init__(self, max_names: int = 5) -> None:
        self.max_names = max_names

    def after_train_epoch(self, runner) -> None:
        """Collect and report.

        Args:
            runner (Runner): The runner.
        """
        mine = [
            failure
            for dataset in inner_datasets(runner.train_dataloader.dataset,
                                          'take_failures')
            for failure in dataset.take_failures()
        ]
        total = {}
        for failures in all_gather_object(mine):
            for name, count in failures:
                total[name] = total.get(name, 0) + count
        runner.message_hub.update_info('train/unreadable_clips', len(total))
        if not total or not is_main_process():
            return
        names = ', '.join(sorted(total)[:self.max_names])
        more = ', ...' if len(total) > self.max_names else ''
        print_log(
            f'Epoch {runner.epoch + 1}: {len(total)} clips could not be read '
            f'({sum(total.values())} attempts) and were replaced by others: '
            f'{names}{more}',
            logger='current',
            level=logging.WARNING)
