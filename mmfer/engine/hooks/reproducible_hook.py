# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Let a resumed training give what an uninterrupted one gives."""
import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmfer.registry import HOOKS
from ..inner_datasets import inner_datasets


@HOOKS.register_module()
class ReproducibleHook(Hook):
    """Start every epoch from random numbers of its own.

    mmengine seeds once. A training that is resumed starts with the random
    numbers of the first epoch again, and its augmentation depends on how many
    worker processes there are. With this hook the random parts of a step
    depend on the runner's seed, the step and the rank alone, so that a
    training which was stopped at the end of an epoch and resumed ends with
    the same weights as one that was not (on one machine; GPUs need
    ``randomness=dict(deterministic=True)`` besides).

    The data set has to have ``set_epoch(seed, epoch)``, as
    :class:`mmfer.FERDataset`; it is found inside of wrappers
    (``RepeatDataset``, ``ConcatDataset``, ...). Others are left as they are.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Fix the random parts of the samples of this epoch.

        Args:
            runner (Runner): The runner.
        """
        whole = runner.train_dataloader.dataset
        for number, part in enumerate(inner_datasets(whole, 'set_epoch')):
            # Copies of a clip in a wrapper may be read by several ranks.
            rank = 0 if part is whole else runner.rank
            part.set_epoch(_part_seed(runner.seed, number, rank),
                           runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch=None) -> None:
        """Seed dropout and the like, which differ between ranks.

        At every iteration and not once an epoch: worker processes that start
        in the middle of a training draw a number, those that live on do not.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
        """
        words = np.random.SeedSequence(
            (runner.seed, runner.iter, runner.rank))
        torch.manual_seed(int(words.generate_state(1, np.uint64)[0]))


def _part_seed(seed: int, number: int, rank: int) -> int:
    """Give parts of a data set, and ranks, different random numbers."""
    if number == rank == 0:
        return seed
    words = np.random.SeedSequence((seed, number, rank))
    return int(words.generate_state(1)[0])
