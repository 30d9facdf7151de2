# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Batches in shared memory that a worker process uses again.

PyTorch hands every tensor that a worker has made over in a piece of shared
memory of its own: the system clears each of its pages anew, and a file
descriptor travels through a socket, for every label as well. Where a clip is
read in a millisecond, this is a good part of what a training sample costs.

Here a worker keeps a few pieces and fills them by turns. The training process
reads a batch where it lies, and when the last tensor of it is gone, the piece
is free again. What is small travels by value.
"""
import io
import os
import pickle
import weakref
from itertools import count
from multiprocessing import active_children
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch.multiprocessing import get_sharing_strategy
from torch.utils.data import get_worker_info

from mmfer.registry import FUNCTIONS

_ALIGNMENT = 64  # bytes, of each tensor; the first ones are the flag's
_FREE, _TAKEN = 0, 1
_SPARE = 4  # free pieces that are kept


@FUNCTIONS.register_module()
def shared_memory_collate(samples: Sequence[Mapping]) -> Any:
    """Gather samples into a batch: the ``collate_fn`` of a data loader.

    The training process gets the batch that mmengine's ``pseudo_collate``
    makes, tensor by tensor. They may be changed, and kept for as long as is
    needed::

        train_dataloader = dict(
            collate_fn=dict(type='mmfer.shared_memory_collate'), ...)

    Those of one shape and type lie one behind the other, where
    ``mmfer.FERDataPreprocessor`` finds them stacked already.

    Args:
        samples (Sequence[Mapping]): What the pipeline packed: ``inputs``, a
            tensor or a dict of such, and ``data_samples``.

    Returns:
        dict: Lists of the same. In a worker it is something that becomes this
        on its way to the training process; with PyTorch's sharing strategy
        'file_system' it is what ``pseudo_collate`` makes there, too.
    """
    # Files that stand for shared memory would outlive a worker that sends
    # them several times.
    if get_worker_info() is None or get_sharing_strategy() == 'file_system':
        return pseudo_collate(samples)
    stacks = _Stacks()
    batch = _gathered(samples, stacks)
    packed = io.BytesIO()
    _Packer(packed, pickle.HIGHEST_PROTOCOL).dump(batch)
    number, piece = _pieces.take(stacks.size)
    stacks.write(piece)
    return _Parcel(number, _pieces.numbers(), piece, packed.getvalue())


def _gathered(samples: Sequence, stacks: '_Stacks') -> Any:
    """Do what ``pseudo_collate`` does, but put tensors on stacks."""
    first = samples[0]
    if isinstance(first, Mapping):
        return type(first)({
            key: _gathered([sample[key] for sample in samples], stacks)
            for key in first
        })
    if isinstance(first, torch.Tensor) and _are_alike(samples):
        return stacks.add(samples)
    return pseudo_collate(samples)


def _are_alike(tensors: Sequence[torch.Tensor]) -> bool:
    """Tell whether tensors are plain ones of one shape and type."""
    first = tensors[0]
    return all(
        type(tensor) is torch.Tensor and tensor.shape == first.shape
        and tensor.dtype == first.dtype and tensor.layout == torch.strided
        and tensor.device.type == 'cpu' and not tensor.requires_grad
        for tensor in tensors)


class _Stack:
    """Tensors that are to be stacked at a certain place of a piece."""

    def __init__(self, tensors: Sequence[torch.Tensor], offset: int) -> None:
        first = tensors[0]
        self.tensors, self.dtype = tensors, first.dtype
        self.shape = (len(tensors), *first.shape)
        self.offset = offset
        self.size = len(tensors) * first.numel() * first.element_size()


class _Stacks:
    """All stacks of a batch, one behind the other.

    Attributes:
        size (int): Bytes up to the end of the last one.
    """

    def __init__(self) -> None:
        self.size = _ALIGNMENT
        self._stacks: List[_Stack] = []

    def add(self, tensors: Sequence[torch.Tensor]) -> _Stack:
        stack = _Stack(tensors, self.size)
        self._stacks.append(stack)
        self.size += -(-stack.size // _ALIGNMENT) * _ALIGNMENT
        return stack

    def write(self, piece: torch.Tensor) -> None:
        for stack in self._stacks:
            span = piece[stack.offset:stack.offset + stack.size]
            torch.stack(
                stack.tensors, out=span.view(stack.dtype).view(stack.shape))


class _Pieces:
    """The pieces of shared memory that a worker has, by number."""

    def __init__(self) -> None:
        self._pieces: Dict[int, torch.Tensor] = {}
        self._count = count()
        self._largest = 0

    def take(self, size: int) -> Tuple[int, torch.Tensor]:
        """Return a free piece of at least so many bytes, and its number."""
        free = [number for number, piece in self._pieces.items()
                if piece[0] == _FREE]
        fitting = [n for n in free if len(self._pieces[n]) >= size]
        # Whoever kept many batches for a while has filled many pieces.
        for number in set(free) - set(fitting[:_SPARE]):
            del self._pieces[number]
        if not fitting:
            # As large as any batch needs: one that is too small is replaced.
            self._largest = max(self._largest, size)
            fitting = [next(self._count)]
            self._pieces[fitting[0]] = torch.empty(
                self._largest, dtype=torch.uint8).share_memory_()
        piece = self._pieces[fitting[0]]
        piece[0] = _TAKEN
        return fitting[0], piece

    def numbers(self) -> List[int]:
        return list(self._pieces)


_pieces = _Pieces()


class _Packer(pickle.Pickler):
    """Pickles a batch: stacks by their places, other tensors by value."""

    def persistent_id(self, value):
        if type(value) is _Stack:
            return value.offset, value.size, value.dtype, value.shape
        return None

    def reducer_override(self, value):
        if type(value) is torch.Tensor:
            try:
                # PyTorch's own way takes about ten times as long.
                return torch.from_numpy, (value.numpy(), )
            except (RuntimeError, TypeError):
                pass  # something that numpy cannot hold
        return NotImplemented


class _Unpacker(pickle.Unpickler):
    """Undoes what `_Packer` did.

    Args:
        packed (bytes): What it wrote.
        memory (np.ndarray): uint8, the piece with the stacks.
    """

    def __init__(self, packed: bytes, memory: np.ndarray) -> None:
        super().__init__(io.BytesIO(packed))
        self._memory = memory

    def persistent_load(self, place):
        offset, size, dtype, shape = place
        span = torch.from_numpy(self._memory[offset:offset + size])
        return list(span.view(dtype).view(shape))


class _Parcel:
    """A batch on its way, which arrives as the batch itself.

    Args:
        number (int), numbers (List[int]): Of the piece, and of all pieces
            that the worker has.
        piece (torch.Tensor): Where the stacks are.
        packed (bytes): What `_Packer` wrote.
    """

    def __init__(self, number: int, numbers: List[int], piece: torch.Tensor,
                 packed: bytes) -> None:
        self._content = os.getpid(), number, numbers, piece, packed

    def __reduce__(self):
        return _unpack, self._content


#: The pieces that have come to this process, by worker and number. As long as
#: one is held, PyTorch knows it again and does not map it anew.
_arrived: Dict[Tuple[int, int], torch.Tensor] = {}


def _unpack(worker: int, number: int, numbers: List[int], piece: torch.Tensor,
            packed: bytes) -> Any:
    if (worker, number) not in _arrived:
        running = {process.pid for process in active_children()}
        _forget(lambda key: key[0] not in running)
    _arrived[worker, number] = piece
    _forget(lambda key: key[0] == worker and key[1] not in numbers)
    memory = piece.numpy()
    # The tensors refer to this array, which dies with the last of them.
    weakref.finalize(memory, _release, piece, os.getpid()).atexit = False
    return _Unpacker(packed, memory).load()


def _release(piece: torch.Tensor, process: int) -> None:
    # A process that is forked meanwhile has the tensors too; when it drops
    # them, the one that received them may still use them.
    if os.getpid() == process:
        piece[0] = _FREE


def _forget(is_gone: Callable[[Tuple[int, int]], bool]) -> None:
    for key in list(filter(is_gone, _arrived)):
        del _arrived[key]
