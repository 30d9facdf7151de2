# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What an epoch of the balanced sampler consists of."""
from collections import Counter

import numpy as np
import pytest

pytest.importorskip('mmengine')

from mmengine.dataset import RepeatDataset  # noqa: E402
from mmengine.registry import DATA_SAMPLERS  # noqa: E402

from mmfer.datasets.samplers import ClassBalancedSampler  # noqa: E402
from mmfer.datasets.samplers import class_balanced  # noqa: E402

LABELS = [0] * 60 + [1] * 25 + [3] * 15


class Clips:
    """Labels of clips, and nothing else."""

    metainfo = {}

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_data_info(self, index):
        return dict(label=self.labels[index])


def _sampler(**kwargs):
    kwargs.setdefault('seed', 0)
    return ClassBalancedSampler(Clips(LABELS), **kwargs)


def _classes(indices):
    return Counter(LABELS[i] for i in indices)


def _on_rank(monkeypatch, rank, world_size, **kwargs):
    monkeypatch.setattr(class_balanced, 'get_dist_info',
                        lambda: (rank, world_size))
    return _sampler(**kwargs)


@pytest.mark.parametrize('power, expected', [
    (0, {0: 60, 1: 25, 3: 15}),
    (.5, {0: 46.31, 1: 29.89, 3: 23.16}),
    (1, {0: 33.33, 1: 33.33, 3: 33.33}),
])
def test_shares(power, expected):
    total = sum(expected.values())
    sums = Counter()
    sampler = _sampler(power=power)
    for epoch in range(200):
        sampler.set_epoch(epoch)
        drawn = _classes(sampler)
        for label, share in expected.items():
            # A whole number beside the share, in each epoch.
            assert abs(drawn[label] - 100 * share / total) < 1.01
        sums += drawn
    for label, share in expected.items():
        # And the share itself over many epochs.
        assert sums[label] / 200 == pytest.approx(100 * share / total, abs=.2)


def test_without_balancing_it_is_a_permutation():
    assert sorted(_sampler(power=0)) == list(range(100))


def test_clips_of_a_class_take_turns():
    counts = Counter(_sampler(power=1))
    rare = [counts[i] for i in range(85, 100)]
    assert {min(rare), max(rare)} == {2, 3}
    frequent = [counts[i] for i in range(60)]
    assert max(frequent) == 1


def test_who_comes_first_within_a_class_changes_with_the_epoch():
    sampler = _sampler(power=1)
    seen = set()
    for epoch in range(8):
        sampler.set_epoch(epoch)
        seen |= set(sampler)
    assert len(seen) == 100


def test_seed_and_epoch_decide_alone():
    first, again, other = _sampler(), _sampler(), _sampler(seed=1)
    for sampler in (first, again, other):
        sampler.set_epoch(3)
    assert list(first) == list(first) == list(again) != list(other)
    # What a resumed training draws in its first epoch, the fourth.
    for epoch in range(4):
        again.set_epoch(epoch)
        drawn = list(again)
    assert drawn == list(first)
    # Seed 0 in epoch 1 and seed 1 in epoch 0 have nothing to do with each
    # other.
    first.set_epoch(1)
    other.set_epoch(0)
    assert list(first) != list(other)


@pytest.mark.parametrize('world_size', [2, 3, 7])
def test_ranks_share_one_epoch(monkeypatch, world_size):
    parts = [_on_rank(monkeypatch, rank, world_size)
             for rank in range(world_size)]
    drawn = [list(part) for part in parts]
    size = -(-100 // world_size)
    assert {len(d) for d in drawn} == {len(p) for p in parts} == {size}
    whole = _on_rank(monkeypatch, 0, 1, num_samples=size * world_size)
    assert Counter(sum(drawn, [])) == Counter(whole)


def test_number_of_samples():
    sampler = _sampler(num_samples=10)
    assert len(sampler) == len(list(sampler)) == 10
    assert set(_classes(sampler).values()) <= {3, 4}
    # A tiny share may get no clip in an epoch, never an error.
    assert len(list(_sampler(num_samples=1))) == 1


def test_built_by_name_for_a_wrapped_data_set():
    sampler = DATA_SAMPLERS.build(
        dict(type='mmfer.ClassBalancedSampler', power=1.),
        default_args=dict(dataset=_Repeated(Clips(LABELS), 2), seed=0))
    classes = Counter(LABELS[i % 100] for i in sampler)
    assert len(sampler) == 200 and max(classes.values()) <= 67


class _Repeated(RepeatDataset):
    """mmengine's own, without its check of the base class."""

    def __init__(self, dataset, times):
        self.dataset, self.times = dataset, times
        self._ori_len, self._fully_initialized = len(dataset), True


@pytest.mark.parametrize('kwargs', [dict(power=1.5), dict(power=-1),
                                    dict(shuffle=False)])
def test_wrong_options(kwargs):
    with pytest.raises(ValueError):
        _sampler(**kwargs)
    with pytest.raises(TypeError, match='neither get_cat_ids'):
        ClassBalancedSampler(np.zeros(3), seed=0)
