# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Epochs repeat, whatever is wrapped around the data set."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS  # noqa: E402

from mmfer.engine.hooks import ReproducibleHook  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write_labelled_clips(folder, subjects=1, frames=6)
    return dict(
        type='mmfer.FERDataset',
        ann_file=str(folder / 'annotations.json'),
        pipeline=[
            dict(type='mmfer.OpenCompressedVideo'),
            dict(type='mmfer.SampleSegments', num_segments=2),
            dict(type='mmfer.ReadResiduals', channels='y'),
            dict(type='RandomCrop', size=16),
            dict(type='FormatShape', input_format='NCHW'),
            dict(type='PackActionInputs')
        ])


def _epoch(config, epoch, state, rank=0):
    """Samples of an epoch that starts from some state of the generators."""
    dataset = DATASETS.build(config)
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)
    ReproducibleHook().before_train_epoch(
        SimpleNamespace(
            train_dataloader=SimpleNamespace(dataset=dataset),
            seed=3,
            rank=rank,
            epoch=epoch))
    return [dataset[index]['inputs'] for index in range(len(dataset))]


def _equal(some, others):
    return [torch.equal(a, b) for a, b in zip(some, others)]


@pytest.mark.parametrize('wrap', [
    lambda plain: plain,
    lambda plain: dict(type='RepeatDataset', times=2, dataset=plain),
    lambda plain: dict(type='ConcatDataset', datasets=[plain, plain]),
    lambda plain: dict(type='RepeatDataset', times=1, dataset=dict(
        type='ConcatDataset', datasets=[plain, plain])),
], ids=['plain', 'repeated', 'joined', 'both'])
def test_an_epoch_is_the_same_from_any_state(plain, wrap):
    config = wrap(plain)
    first = _epoch(config, 1, state=0)
    assert all(_equal(first, _epoch(config, 1, state=9)))
    assert not all(_equal(first, _epoch(config, 2, state=0)))
    half = len(first) // 2
    if config is not plain:
        # The same clips again are cropped anew.
        assert not all(_equal(first[:half], first[half:]))
        alone = _epoch(plain, 1, state=0)
        assert all(_equal(first[:half], alone))


def test_copies_of_a_clip_differ_between_ranks(plain):
    config = dict(type='RepeatDataset', times=2, dataset=plain)
    one, other = (_epoch(config, 1, state=0, rank=rank) for rank in (0, 1))
    assert not any(_equal(one, other))
    # Without a wrapper no clip is read twice in an epoch.
    assert all(_equal(*(_epoch(plain, 1, state=0, rank=rank)
                        for rank in (0, 1))))


def test_data_sets_that_cannot_be_seeded_are_left_alone():
    ReproducibleHook().before_train_epoch(
        SimpleNamespace(
            train_dataloader=SimpleNamespace(
                dataset=SimpleNamespace(dataset=[1, 2])),
            seed=3,
            rank=0,
            epoch=0))
