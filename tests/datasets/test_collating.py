# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Batches arrive as they were made, in memory that is used again."""
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('mmaction')

import mmfer  # noqa: E402, F401 before mmaction: a spawned worker comes here
import torch  # noqa: E402
from mmaction.models import ActionDataPreprocessor  # noqa: E402
from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402

from mmfer.datasets import (collating,  # noqa: E402
                            shared_memory_collate)
from mmfer.models.data_preprocessors import FERDataPreprocessor  # noqa: E402


def _label(number):
    sample = ActionDataSample()
    sample.set_gt_label(number % 7)
    sample.set_metainfo(dict(filename=f'clip {number}.mp4', subject=number))
    return sample


class Samples(Dataset):
    """Samples that can be told apart.

    Args:
        count (int): So many.
        kind (str): What the inputs are.
    """

    def __init__(self, count, kind='tensor'):
        self.count, self.kind = count, kind

    def __len__(self):
        return self.count

    def inputs(self, number):
        rng = np.random.default_rng(number)
        values = torch.from_numpy(
            rng.integers(-500, 500, (4, 2, 30, 20)).astype(np.int16))
        if self.kind == 'tensor':
            return values
        if self.kind == 'streams':
            return dict(
                imgs=values, keyframe=values[0].to(torch.uint8),
                nothing=torch.zeros(0, 3), valid=torch.tensor(number % 2 > 0),
                ratio=torch.tensor([number / 3], dtype=torch.float64),
                turned=values[..., :8].transpose(-1, -2))
        if self.kind == 'shapes':
            return values[..., :10 + number]
        assert self.kind == 'strange'
        return dict(
            some=number if number % 2 else values,
            half=torch.full((3, ), number / 7, dtype=torch.bfloat16),
            mixed=values.to([torch.int16, torch.float32][number % 2]),
            sparse=torch.eye(3).to_sparse() * number,
            text=f'{number}', array=np.arange(number))

    def __getitem__(self, number):
        return dict(inputs=self.inputs(number), data_samples=_label(number))


class Sizes(Samples):
    """Larger and smaller batches by turns."""

    def inputs(self, number):
        size = 1 << 19 if number // 2 % 2 else 1 << 20
        return torch.full((size, ), number, dtype=torch.int16)


def _loader(samples, workers, **options):
    options.setdefault('batch_size', 2)
    return DataLoader(
        samples, num_workers=workers, collate_fn=shared_memory_collate,
        prefetch_factor=1 if workers else None, **options)


def assert_equal(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_equal(one, other)
    elif isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert torch.equal(found.to_dense(), expected.to_dense())
    elif isinstance(expected, np.ndarray):
        assert np.array_equal(found, expected)
    elif isinstance(expected, ActionDataSample):
        assert found.metainfo == expected.metainfo
        assert torch.equal(found.gt_label, expected.gt_label)
    else:
        assert found == expected


@pytest.mark.parametrize('workers', [0, 1, 2])
@pytest.mark.parametrize('kind', ['tensor', 'streams', 'shapes', 'strange'])
def test_batches_are_those_of_mmengine(kind, workers):
    samples = Samples(11, kind)
    batches = list(_loader(samples, workers))
    assert len(batches) == 6
    for number, batch in enumerate(batches):
        members = range(2 * number, min(2 * number + 2, 11))
        assert_equal(batch, pseudo_collate([samples[i] for i in members]))


@pytest.mark.parametrize('preprocessor', [
    FERDataPreprocessor(), ActionDataPreprocessor([1., 2.], [3., 4.])
], ids=['mmfer', 'mmaction2'])
def test_a_model_gets_the_same(preprocessor):
    samples = Samples(4)
    expected = preprocessor(pseudo_collate([samples[i] for i in range(4)]))
    found, = map(preprocessor, _loader(samples, 1, batch_size=4))
    assert torch.equal(found['inputs'], expected['inputs'])
    assert_equal(found['data_samples'], expected['data_samples'])


def test_nothing_is_copied_before_it_goes_to_the_device(monkeypatch):
    batch, = _loader(Samples(4), 1, batch_size=4)
    with monkeypatch.context() as patch:
        patch.setattr(torch, 'stack', None)
        FERDataPreprocessor()(batch)


def test_the_runner_builds_it_by_its_name():
    loader = Runner.build_dataloader(dict(
        batch_size=2, num_workers=1, dataset=Samples(4),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='mmfer.shared_memory_collate')))
    samples = Samples(4)
    for number, batch in enumerate(loader):
        assert_equal(batch['inputs'],
                     [samples.inputs(2 * number), samples.inputs(2 * number + 1)])


def _pieces():
    """Where the pieces lie that this process holds."""
    return {piece.data_ptr() for piece in collating._arrived.values()}


def test_memory_is_used_again():
    places, loader = set(), iter(_loader(Samples(100), 2))
    for batch in loader:
        places.add(batch['inputs'][0].data_ptr())
    # Of each worker: one under way, one here, one being written.
    assert len(places) <= 2 * 3
    assert len(_pieces()) <= 2 * 3


@pytest.mark.parametrize('held', ['batch', 'part', 'array'])
def test_what_is_held_is_not_overwritten(held):
    samples, kept = Samples(60), []
    for batch in _loader(samples, 2):
        inputs = batch['inputs']
        kept.append(dict(batch=inputs, part=inputs[1][:1],
                         array=inputs[1].numpy()[:1])[held])
    del batch, inputs
    for number, values in enumerate(kept):
        first, second = (samples.inputs(2 * number + i) for i in (0, 1))
        if held == 'batch':
            assert torch.equal(values[0], first), number
            assert torch.equal(values[1], second), number
        else:
            assert np.array_equal(values, second[:1]), number


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs os.fork')
def test_a_process_that_is_forked_frees_nothing():
    batches = iter(_loader(Samples(8), 1))
    batch = next(batches)
    piece, = [piece for piece in collating._arrived.values()
              if piece.data_ptr() < batch['inputs'][0].data_ptr()
              < piece.data_ptr() + len(piece)]
    child = os.fork()
    if not child:
        batch = None
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert piece[0] == collating._TAKEN
    batch = None
    assert piece[0] == collating._FREE


def test_a_batch_may_be_changed():
    samples = Samples(40)
    for number, batch in enumerate(_loader(samples, 1)):
        assert torch.equal(batch['inputs'][1], samples.inputs(2 * number + 1))
        for tensor in batch['inputs']:
            tensor.fill_(7)


def test_pieces_that_were_needed_for_a_while_are_given_back():
    loader = _loader(Samples(200), 1)
    kept = []
    for number, batch in enumerate(loader):
        if number < 40:
            kept.append(batch)
        if number == 39:
            assert len(_pieces()) >= 40
            kept.clear()
    assert len(_pieces()) <= collating._SPARE + 3


def test_pieces_that_are_too_small_are_replaced():
    loader = _loader(Sizes(60), 1)
    for number, batch in enumerate(loader):
        first, second = batch['inputs']
        assert (first[0], second[-1]) == (2 * number, 2 * number + 1)
        assert len(first) == 1 << 20 - number % 2
    assert len(_pieces()) <= 4
    # Few were made in all: after the first batch each is large enough.
    newest, _ = list(collating._arrived)[-1]
    assert max(number for worker, number in collating._arrived
               if worker == newest) < 6


def test_what_cannot_be_sent_takes_no_memory(monkeypatch):
    pieces = collating._Pieces()
    monkeypatch.setattr(collating, '_pieces', pieces)
    monkeypatch.setattr(collating, 'get_worker_info', object)
    for _ in range(3):
        with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
            shared_memory_collate([dict(inputs=torch.ones(3), way=lambda: 0)])
    assert all(piece[0] == collating._FREE for piece in pieces._pieces.values())


@pytest.mark.parametrize('seed', range(20))
def test_few_pieces_are_made_whenever_they_come_back(seed):
    rng, pieces, away = np.random.default_rng(seed), collating._Pieces(), []
    for number in range(200):
        made, piece = pieces.take(256 >> number % 2)
        assert made < 3 and len(piece) == 256
        away.append(piece)
        for piece in away[:-rng.integers(1, 3)]:
            piece[0] = collating._FREE
        away = [piece for piece in away if piece[0] == collating._TAKEN]


def test_pieces_of_workers_that_ended_are_forgotten():
    for _ in range(3):  # each time with a new worker
        list(_loader(Samples(20), 1))
    assert len({worker for worker, _ in collating._arrived}) == 1


@pytest.mark.skipif(not os.path.isdir('/dev/shm'), reason='shows the files')
def test_memory_that_is_files_does_not_pile_up():
    script = '''if True:
        import os
        import torch
        from torch.utils.data import DataLoader
        from mmfer.datasets import shared_memory_collate

        torch.multiprocessing.set_sharing_strategy('file_system')

        class Clips:
            def __len__(self):
                return 16

            def __getitem__(self, number):
                return dict(inputs=torch.full((50_000, ), number))

        def files():
            return sum('torch_' in name for name in os.listdir('/dev/shm'))

        counts = []
        for _ in range(10):
            for batch in DataLoader(Clips(), 2, num_workers=2,
                                    collate_fn=shared_memory_collate):
                pass
            counts.append(files())
        print(counts[-1] - counts[0])
    '''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 12  # others may have some for a moment


def test_processes_that_are_started_afresh():
    samples = Samples(6)
    loader = _loader(samples, 1, multiprocessing_context='spawn')
    for number, batch in enumerate(loader):
        assert torch.equal(batch['inputs'][1], samples.inputs(2 * number + 1))


def test_an_error_in_a_worker_is_reported():
    class Broken(Samples):

        def inputs(self, number):
            if number == 3:
                raise ValueError('clip 3 is broken')
            return super().inputs(number)

    with pytest.raises(ValueError, match='clip 3 is broken'):
        list(_loader(Broken(6), 1))
