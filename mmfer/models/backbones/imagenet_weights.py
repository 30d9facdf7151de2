# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Take the weights of a network that has seen natural images."""
import os.path as osp
import re
from typing import Dict

import torch
from torch import nn

#: mmaction2's names of the parts of a ResNet, and torchvision's.
_RENAMES = (
    (re.compile(r'^(conv1)\.conv\.'), r'conv1.'),
    (re.compile(r'^(conv1)\.bn\.'), r'bn1.'),
    (re.compile(r'\.conv(\d)\.conv\.'), r'.conv\1.'),
    (re.compile(r'\.conv(\d)\.bn\.'), r'.bn\1.'),
    (re.compile(r'\.downsample\.conv\.'), r'.downsample.0.'),
    (re.compile(r'\.downsample\.bn\.'), r'.downsample.1.'),
)


def adapt_first_conv(weight: torch.Tensor, in_channels: int) -> torch.Tensor:
    """Make a kernel for RGB fit another number of channels.

    Every channel gets the mean over the colours, scaled such that a grey
    picture repeated in all channels gives the same response as before.

    Args:
        weight (torch.Tensor): (out, 3, k, k).
        in_channels (int): Wanted number.

    Returns:
        torch.Tensor: (out, in_channels, k, k); the same if it fits already.
    """
    if weight.shape[1] == in_channels:
        return weight
    total = weight.sum(dim=1, keepdim=True)
    return total.repeat(1, in_channels, 1, 1) / in_channels


def rename_to_torchvision(
        state: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Bring the names of a ResNet's weights into torchvision's form.

    Args:
        state (dict): Names as in torchvision, mmaction2 or, with the prefix
            'backbone.' or 'module.', in a whole recogniser.

    Returns:
        dict: The same tensors.
    """
    renamed = {}
    for name, tensor in state.items():
        name = re.sub(r'^(module\.|backbone\.)+', '', name)
        for pattern, replacement in _RENAMES:
            name = pattern.sub(replacement, name)
        renamed[name] = tensor
    return renamed


def load_imagenet_weights(model: nn.Module, source: str) -> int:
    """Load weights into a :class:`ResidualResNet`.

    The input BatchNorm keeps its own initialisation. A shallower network
    takes the first blocks of each stage.

    Args:
        model (nn.Module): The network.
        source (str): File, or an http(s) address. It is read with
            ``weights_only=True``.

    Returns:
        int: Number of tensors that were taken.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The weights do not belong to such a network.
    """
    if source.startswith(('http://', 'https://')):
        state = torch.hub.load_state_dict_from_url(
            source, map_location='cpu', weights_only=True)
    elif osp.isfile(source):
        state = torch.load(source, map_location='cpu', weights_only=True)
    else:
        raise FileNotFoundError(f'{source}: no such file of weights')
    for key in ('state_dict', 'model'):
        if isinstance(state.get(key), dict):
            state = state[key]
    state = rename_to_torchvision(state)
    if 'conv1.weight' in state:
        state['conv1.weight'] = adapt_first_conv(state['conv1.weight'],
                                                 model.in_channels)
    own = model.state_dict()
    wanted = [n for n in own if not n.startswith('input_norm.')]
    # Counters of batches are absent from old checkpoints and play no part.
    missing = [
        n for n in wanted
        if not n.endswith('num_batches_tracked') and n not in state
    ]
    wrong = [
        n for n in wanted if n in state and state[n].shape != own[n].shape
    ]
    if missing or wrong:
        raise ValueError(
            f'{source}: not the weights of a ResNet of basic blocks; '
            f'{len(missing)} tensors are missing and {len(wrong)} have '
            f'another shape, the first: {(missing + wrong)[0]}')
    taken = {n: state[n] for n in wanted if n in state}
    model.load_state_dict(taken, strict=False)
    return len(taken)
