# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What identifies a face network, and whether two are the same."""
import inspect
import json
from typing import Dict, Optional, Sequence

from mmfer.registry import MODELS


def encoder_settings(cfg: dict, preprocess: str, normalize: bool,
                     weights: Optional[str]) -> Dict:
    """Say what identifies an encoder, to be stored beside its embeddings.

    Args:
        cfg (dict): ``type`` and arguments of the network. What only says how
            it runs (its class lists it as ``runtime_options``) is left out.
        preprocess (str): What it wants to see.
        normalize (bool): Whether embeddings get length one.
        weights (str, optional): Digest of the file of its weights.

    Returns:
        dict: As JSON makes it, which has no tuples.
    """
    kind = cfg['type']
    # Not the path: the same weights elsewhere are the same encoder.
    dropped = {'type', 'file', *_runtime_options(kind)}
    network = {key: value for key, value in cfg.items() if key not in dropped}
    return json.loads(
        json.dumps(
            dict(
                network=dict(
                    type=kind if isinstance(kind, str) else kind.__name__,
                    **network),
                preprocess=preprocess,
                normalize=normalize,
                weights=weights)))


def same_encoder(one: dict, other: dict) -> bool:
    """Compare the settings of two encoders.

    Args:
        one (dict): From :func:`encoder_settings`, or stored by a version that
            wrote run-time options as well.
        other (dict): Likewise.

    Returns:
        bool: True if they give the same embeddings. Arguments that are left
        out count with their defaults.
    """
    return _comparable(one) == _comparable(other)


def _comparable(settings: dict) -> dict:
    settings = json.loads(json.dumps(settings))
    network = settings.get('network')
    if not isinstance(network, dict) or 'type' not in network:
        return settings
    kind = _class(network['type'])
    if kind is None:
        return settings
    network.pop('type')
    arguments = {
        name: json.loads(json.dumps(parameter.default))
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is not parameter.empty
    }
    arguments.update(network)
    for name in _runtime_options(kind):
        arguments.pop(name, None)
    return dict(settings, network=dict(arguments, type=kind.__name__))


def _class(kind) -> Optional[type]:
    return MODELS.get(kind) if isinstance(kind, str) else kind


def _runtime_options(kind) -> Sequence[str]:
    return getattr(_class(kind), 'runtime_options', ())
