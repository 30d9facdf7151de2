# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Compare a config with the one that a checkpoint was trained with."""
import os.path as osp
from typing import Any, Iterator, Tuple

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from .ablation_protocol import plain
from .stored_config import stored_config

#: Parts of a config on which weights depend.
PARTS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper',
         'param_scheduler', 'randomness')
#: Entries of a loader on which they do not: how it is read, not what.
_READING = ('num_workers', 'persistent_workers', 'pin_memory',
            'prefetch_factor', 'collate_fn')


def check_trained_config(path: str, cfg: Config) -> None:
    """Refuse a checkpoint of another training.

    Args:
        path (str): Checkpoint.
        cfg (Config): What it has to be trained with; stored readers, worker
            processes and the names of one folder are the same to it.

    Raises:
        ValueError: It was trained with something else, or does not say with
            what.
    """
    loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    stored = stored_config(loaded.get('meta'))
    if not stored:
        raise ValueError(
            f'{path}: does not say with which config it was trained; delete '
            'its folder and the line of its run, and it is trained again')
    for place, was, wanted in _differences(
            _facts(stored), _facts(cfg.to_dict())):
        raise ValueError(
            f'{path}: was trained with {place} = {was!r} instead of '
            f'{wanted!r}; delete the line of this run in the results, and it '
            'is trained again')


def _facts(cfg: dict) -> dict:
    """What counts of a config, without tuples."""
    return _reduced(plain({part: cfg[part] for part in PARTS if part in cfg}))


def _reduced(value: Any) -> Any:
    if isinstance(value, list):
        return [_reduced(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.get('type') == 'mmfer.StoredReader':
        return _reduced(value['reader'])
    return {
        key: osp.realpath(entry)
        if key in ('data_root', 'file') and isinstance(entry, str) else
        _reduced(entry)
        for key, entry in value.items() if key not in _READING
    }


def _differences(was: Any, wanted: Any,
                 place: str = '') -> Iterator[Tuple[str, Any, Any]]:
    """Places in which two structures differ, the deepest of each."""
    if isinstance(was, list) and isinstance(wanted, list) and \
            len(was) == len(wanted):
        was, wanted = dict(enumerate(was)), dict(enumerate(wanted))
    if not (isinstance(was, dict) and isinstance(wanted, dict)):
        if was != wanted:
            yield place, was, wanted
        return
    for key in {**was, **wanted}:
        yield from _differences(
            was.get(key), wanted.get(key), f'{place}.{key}'.lstrip('.'))
