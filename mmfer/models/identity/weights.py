# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Load the weights of a face network, or say why not."""
import hashlib
import os
import os.path as osp
import pickle
import re
from typing import Dict

import torch
from torch import nn


def load_face_weights(network: nn.Module, path: str) -> int:
    """Load a checkpoint into a face network, completely or not at all.

    Takes plain state dicts, as InsightFace and facenet-pytorch publish them,
    and checkpoints of this package's own pre-training, whose network is the
    ``backbone`` of a recogniser.

    Args:
        network (nn.Module): The network. Its attribute ``surplus_weights``,
            if any, names the first parts of keys that it does not need.
        path (str): File, read with ``weights_only=True``.

    Returns:
        int: Number of tensors that were loaded.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, or one of another network.
    """
    state = _plain(_read(path))
    surplus = getattr(network, 'surplus_weights', ())
    state = {
        name: tensor
        for name, tensor in state.items() if name.split('.')[0] not in surplus
    }
    own = network.state_dict()
    # Counters of batches are absent from some files and play no part.
    missing = [
        name for name in own
        if name not in state and not name.endswith('num_batches_tracked')
    ]
    unknown = [name for name in state if name not in own]
    wrong = [
        name for name, tensor in state.items()
        if name in own and own[name].shape != tensor.shape
    ]
    if missing or unknown or wrong:
        example = (wrong + missing + unknown)[0]
        shapes = '' if not wrong else \
            f' ({tuple(state[example].shape)} in the file, ' \
            f'{tuple(own[example].shape)} in the network)'
        raise ValueError(
            f'{path}: not the weights of this {type(network).__name__}: '
            f'{len(missing)} tensors are missing, {len(unknown)} unknown and '
            f'{len(wrong)} of another shape, the first: {example}{shapes}; '
            'set depth, width and sizes in the config as in the training')
    network.load_state_dict(state, strict=False)
    return len(state)


def _read(path: str) -> dict:
    if not osp.isfile(path):
        raise FileNotFoundError(
            f'{path}: no such file of weights; docs/identity.md says where '
            'face networks can be had, and how to train one')
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().split('\n')[0]
        raise ValueError(
            f'{path}: not a file of weights alone ({reason}); save the '
            'state_dict of the network with torch.save') from None
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(
            isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(f'{path}: holds no state_dict')
    return content


def _plain(state: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Remove the prefixes of wrappers, and what is not the backbone."""
    state = {re.sub(r'^module\.', '', k): v for k, v in state.items()}
    if any(name.startswith('backbone.') for name in state):
        state = {
            name[len('backbone.'):]: tensor
            for name, tensor in state.items() if name.startswith('backbone.')
        }
    return state


def file_digest(path: str) -> str:
    """SHA-256 of a file, which tells in whose space embeddings live.

    Args:
        path (str): The file.

    Returns:
        str: 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with open(os.fspath(path), 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()
