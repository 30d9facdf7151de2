# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The shipped configs, shortened to what fits into some minutes.

The quick start writes them to its folder, where they may be read, changed and
trained by hand like any other.
"""
from pathlib import Path
from typing import NamedTuple, Optional

from mmengine.config import Config

from mmfer.engine.ablation import stretch_schedule
from mmfer.engine.identity_ablation import change_input
from .errors import QuickstartError

#: The face network.
FACE_CONFIG = \
    'arcface_iresnet18-quarter_1xb32-12e_synthetic-identities.py'


class Model(NamedTuple):
    """One of the models.

    Args:
        title (str): What it is called on the screen.
        config (str): File name of the shipped config.
        kind (str, optional): Another input than the config's, see
            :func:`mmfer.engine.identity_ablation.change_input`.
    """
    title: str
    config: str
    kind: Optional[str] = None


_SETTING = '_r10-quarter_1xb32-s8-24e_synthetic-faces.py'
#: Network, schedule, batches and seed are the same for all.
MODELS = {
    'identity-aware': Model('identity-aware', f'mifer-dcor{_SETTING}'),
    'no-penalty': Model('without penalty', f'mifer-ce{_SETTING}'),
    'rgb': Model('RGB twin', f'mifer-ce{_SETTING}', 'rgb'),
}
#: Epochs of the face network and of each model.
FACE_EPOCHS, EPOCHS = 10, 14


def find_config(name: str) -> Path:
    """Find a shipped config by its file name.

    Args:
        name (str): Such as ``'default_runtime.py'``.

    Returns:
        Path: The config of the installed package.

    Raises:
        QuickstartError: If the package carries no such config.
    """
    package = Path(__file__).resolve().parent.parent
    for root in (package / '.mim' / 'configs', package.parent / 'configs'):
        found = sorted(root.resolve().rglob(name)) if root.is_dir() else []
        if found:
            return found[0]
    raise QuickstartError(
        f'mmfer carries no config {name}: pip install --force-reinstall mmfer')


def face_config(persons: int, max_epochs: Optional[int] = None) -> Config:
    """Make the config of the face network.

    It learns on all persons and is judged afterwards by those of the
    expression data.

    Args:
        persons (int): How many it learns from.
        max_epochs (int, optional): Fewer epochs than usual here. Defaults to
            None.

    Returns:
        Config: Without validation.
    """
    cfg = Config.fromfile(find_config(FACE_CONFIG))
    cfg.model.cls_head.num_classes = persons
    for part in ('dataloader', 'evaluator', 'cfg'):
        cfg[f'val_{part}'] = None
    _shorten(cfg, FACE_EPOCHS, max_epochs)
    return cfg


def expression_config(name: str, max_epochs: Optional[int] = None) -> Config:
    """Make the config of one of the models.

    Args:
        name (str): A key of :data:`MODELS`.
        max_epochs (int, optional): Fewer epochs than usual here. Defaults to
            None.

    Returns:
        Config: Validated in the middle and at the end.
    """
    model = MODELS[name]
    cfg = Config.fromfile(find_config(model.config))
    if model.kind is not None:
        change_input(cfg, model.kind)
        for split in ('train', 'val', 'test'):
            cfg[f'{split}_pipeline'] = \
                cfg[f'{split}_dataloader'].dataset.pipeline
        cfg.pop('reader', None)
    _shorten(cfg, EPOCHS, max_epochs)
    half = (cfg.train_cfg.max_epochs + 1) // 2
    cfg.train_cfg.val_begin = cfg.train_cfg.val_interval = half
    return cfg


def _shorten(cfg: Config, epochs: int, max_epochs: Optional[int]) -> None:
    """Scale the schedule; keep the last checkpoints, the last is used."""
    stretch_schedule(
        cfg, epochs if max_epochs is None else min(epochs, max_epochs))
    # Two, for with one mmengine deletes the old one before it writes the new.
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=2)
