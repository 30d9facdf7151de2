# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw rare expressions more often."""
import math
from typing import Iterator, List, Optional, Sequence, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmfer.registry import DATA_SAMPLERS


def class_shares(counts: Sequence[int], power: float) -> np.ndarray:
    """Give the share of an epoch that each class gets.

    The share is proportional to :math:`n_c^{1 - p}`, where :math:`n_c` is
    the number of clips of the class.

    Args:
        counts (Sequence[int]): Clips per class, (K, ).
        power (float): p; 0 leaves the frequencies as they are, 0.5 takes
            their square roots, 1 makes all classes equal.

    Returns:
        np.ndarray: float64, (K, ), with sum 1; 0 for a class without clips.

    Examples:
        >>> class_shares([900, 100, 0], 0.5).tolist()
        [0.75, 0.25, 0.0]
    """
    counts = np.asarray(counts, dtype=np.float64)
    there = counts > 0
    shares = np.zeros_like(counts)
    shares[there] = counts[there]**(1 - power)
    return shares / shares.sum()


def clip_labels(dataset: Sized) -> np.ndarray:
    """Read the class of every clip from the annotations alone.

    Args:
        dataset (Sized): See :class:`ClassBalancedSampler`.

    Returns:
        np.ndarray: int64, (N, ).

    Raises:
        TypeError: The data set does not tell.
    """
    if hasattr(dataset, 'get_cat_ids'):
        labels = [dataset.get_cat_ids(i)[0] for i in range(len(dataset))]
    elif hasattr(dataset, 'get_data_info'):
        labels = [dataset.get_data_info(i)['label']
                  for i in range(len(dataset))]
    else:
        raise TypeError(
            f'the classes of the clips of a {type(dataset).__name__} are not '
            'known: it has neither get_cat_ids nor get_data_info')
    return np.array(labels, dtype=np.int64)


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(Sampler):
    """Sampler that gives classes a chosen share of every epoch.

    Within a class the clips take turns: none is repeated before all others of
    its class were drawn, so that an epoch shows as much of the data as the
    shares allow. The order depends on seed and epoch alone
    (``DistSamplerSeedHook`` tells the epoch), hence a resumed training draws
    what an uninterrupted one would have drawn. All ranks shuffle the same
    list and take every n-th of it, each equally many.

    For a resumed training give the seed, ``tools/train.py --seed 0``; without
    one, mmengine draws another at each start.

    Args:
        dataset (Sized): With ``get_cat_ids(index)``, as
            :class:`mmfer.FERDataset` and mmengine's wrappers of it have, or
            with ``get_data_info(index)['label']``.
        power (float): Between 0 and 1: 0 leaves the frequencies as they are,
            0.5 takes their square roots, 1 draws all classes equally often.
            Defaults to 1.
        num_samples (int, optional): Clips per epoch, over all ranks. Defaults
            to None, as many as the data set has.
        seed (int, optional): Must be equal on all ranks. Defaults to None,
            drawn by mmengine and shared.
        shuffle (bool): Taken for mmengine's sake; must be True.

    Raises:
        ValueError: ``power`` is outside of [0, 1], or ``shuffle`` is False.
    """

    def __init__(self,
                 dataset: Sized,
                 power: float = 1.,
                 num_samples: Optional[int] = None,
                 seed: Optional[int] = None,
                 shuffle: bool = True) -> None:
        if not 0 <= power <= 1:
            raise ValueError(f'`power` is between 0 and 1, got {power}')
        if not shuffle:
            raise ValueError('a balanced epoch is drawn at random: use '
                             'DefaultSampler for a fixed order')
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.power = power
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        total = len(dataset) if num_samples is None else num_samples
        self.num_samples = math.ceil(total / self.world_size)
        self.total_size = self.num_samples * self.world_size
        labels = clip_labels(dataset)
        self._members = [np.flatnonzero(labels == label)
                         for label in np.unique(labels)]

    def _draw(self) -> np.ndarray:
        """Draw the epoch of all ranks together: indices, (total_size, )."""
        generator = np.random.default_rng((self.seed, self.epoch))
        shares = class_shares([len(m) for m in self._members], self.power)
        # Whole numbers that sum to the total, off by less than one each and
        # right on average over epochs: round the ends of the classes' parts
        # on a line that starts at a random fraction.
        ends = np.cumsum(shares) * self.total_size + generator.random()
        ends = np.floor(ends).astype(np.int64)
        ends[-1] = self.total_size
        chosen = [_take_turns(members, size, generator)
                  for members, size in zip(self._members,
                                           np.diff(ends, prepend=0))]
        return generator.permutation(np.concatenate(chosen))

    def __iter__(self) -> Iterator[int]:
        """Iterate over the indices of this rank."""
        return iter(self._draw()[self.rank::self.world_size].tolist())

    def __len__(self) -> int:
        """Give the number of indices of this rank."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws.

        Args:
            epoch (int): Number of the epoch.
        """
        self.epoch = epoch


def _take_turns(members: np.ndarray, size: int,
                generator: np.random.Generator) -> np.ndarray:
    """Draw ``size`` of the members, each equally often but for one."""
    rounds, rest = divmod(int(size), len(members))
    drawn: List[np.ndarray] = [members] * rounds
    drawn.append(generator.permutation(members)[:rest])
    return np.concatenate(drawn)
