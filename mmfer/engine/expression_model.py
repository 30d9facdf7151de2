# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Take the expression model out of an identity-aware training."""
import copy
import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader

from mmfer.atomic import replacing, writing
from mmfer.version import __version__
from .stored_config import reading_doubt

#: Parts of the recogniser that exist for training only.
TRAINING_PARTS = ('identity_head', 'apex_decoder', 'identity_encoder')
#: What a config keeps.
TEST_SETTINGS = ('default_scope', 'custom_imports', 'model', 'dataset_type',
                 'data_root', 'ann_file', 'test_pipeline', 'test_dataloader',
                 'test_evaluator', 'test_cfg', 'default_hooks', 'env_cfg',
                 'log_processor', 'log_level', 'vis_backends', 'visualizer',
                 'launcher', 'randomness')


class ExportError(ValueError):
    """A checkpoint that does not fit its config."""


def expression_config(cfg: Config) -> Config:
    """Reduce a training config to what a test needs.

    Args:
        cfg (Config): Of an identity-aware or of a plain recogniser.

    Returns:
        Config: mmaction2's ``Recognizer2D`` and the test pipeline; no keyframe
        or apex stream, no identity, no optimiser.
    """
    content = {
        key: value
        for key, value in copy.deepcopy(cfg.to_dict()).items()
        if key in TEST_SETTINGS
    }
    model = content['model']
    for part in TRAINING_PARTS:
        model.pop(part, None)
    if model['type'].split('.')[-1] == 'IdentityAwareRecognizer':
        model['type'] = 'Recognizer2D'
    model.get('data_preprocessor', {}).pop('streams', None)
    checkpoint_hook = content.get('default_hooks', {}).get('checkpoint')
    if checkpoint_hook:
        content['default_hooks']['checkpoint'] = dict(type='CheckpointHook')
    return Config(content)


def expression_state(state: Dict[str, torch.Tensor],
                     names: List[str]) -> Dict[str, torch.Tensor]:
    """Keep the weights of the expression model.

    Args:
        state (dict): Weights of a training checkpoint.
        names (list[str]): Names of the weights of the expression model.

    Returns:
        dict: Copies of these, in the order of ``names``.

    Raises:
        ExportError: Some are missing, or some are left that belong to no
            known training part.
    """
    missing = [name for name in names if name not in state]
    prefixes = tuple(f'{part}.' for part in TRAINING_PARTS)
    left = [
        name for name in state
        if name not in set(names) and not name.startswith(prefixes)
    ]
    if missing or left:
        raise ExportError(
            f'{len(missing)} weights are missing ({", ".join(missing[:3])}), '
            f'{len(left)} are unknown ({", ".join(left[:3])}): the checkpoint '
            'belongs to another config')
    return {name: state[name].detach().cpu().clone() for name in names}


def read_checkpoint(path: str) -> Dict[str, Any]:
    """Read a training checkpoint, as data only.

    Args:
        path (str): The file.

    Returns:
        dict: Its content.

    Raises:
        ExportError: It cannot be read, or holds no weights.
    """
    try:
        loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except Exception as error:  # torch raises whatever it likes
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError('cannot be read as a checkpoint that holds data '
                          f'only ({line}); copy it again') from None
    state = loaded.get('state_dict', loaded) \
        if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(
            isinstance(name, str) and isinstance(value, torch.Tensor)
            for name, value in state.items()):
        raise ExportError('holds no weights; give a checkpoint of a training')
    return loaded


def load_expression_weights(model: torch.nn.Module, checkpoint: str) -> dict:
    """Fill an expression model from any checkpoint of its training.

    Args:
        model (nn.Module): Built from :func:`expression_config`.
        checkpoint (str): Of a training with whatever penalty, or without;
            read as data only.

    Returns:
        dict: The content of the checkpoint.

    Raises:
        ExportError: The checkpoint belongs to another network.
    """
    loaded = read_checkpoint(checkpoint)
    state = loaded.get('state_dict', loaded)
    kept = expression_state(state, list(model.state_dict()))
    try:
        model.load_state_dict(kept, strict=True)
    except RuntimeError as error:
        raise ExportError('the checkpoint belongs to another config '
                          f'({str(error).splitlines()[-1].strip()})') from None
    return loaded


def export_expression_model(cfg: Config, checkpoint: str, out: str,
                            out_config: str) -> Dict[str, Any]:
    """Write the part of a checkpoint that a test needs, and its config.

    The exported model is mmaction2's ``Recognizer2D``: whoever has it needs
    no face network, no estimator and no decoder, and cannot get at them.

    Args:
        cfg (Config): The training config.
        checkpoint (str): The training checkpoint; read as data only.
        out (str): Checkpoint to write.
        out_config (str): Config to write.

    Returns:
        dict: ``parameters`` of the exported model, ``dropped`` (parameters
        that were left out), ``bytes_before``, ``bytes_after``, ``doubt``
        (None, or how the config reads otherwise than the training did).

    Raises:
        ExportError: Config and checkpoint do not fit, or something would be
            overwritten that no export wrote.
    """
    check_outputs(out, out_config, [checkpoint, cfg.filename])
    reduced = expression_config(cfg)
    with DefaultScope.overwrite_default_scope(
            reduced.get('default_scope', 'mmaction')):
        model = MODELS.build(reduced.model)
    loaded = load_expression_weights(model, checkpoint)
    state = loaded.get('state_dict', loaded)
    kept = expression_state(state, list(model.state_dict()))
    meta = loaded.get('meta') or {}
    content = dict(
        meta=dict(
            mmfer_version=__version__,
            epoch=meta.get('epoch'),
            dataset_meta=meta.get('dataset_meta', {}),
            cfg=reduced.pretty_text),
        state_dict=kept)
    with writing(out, 'wb') as file:
        torch.save(content, file)
    with replacing(out_config) as temporary:
        # Its ending tells mmengine which format to write.
        reduced.dump(str(temporary))
    total = sum(tensor.numel() for tensor in state.values())
    size = sum(tensor.numel() for tensor in kept.values())
    return dict(
        doubt=reading_doubt(cfg.get('test_pipeline', []), meta),
        parameters=size,
        dropped=total - size,
        bytes_before=os.path.getsize(checkpoint),
        bytes_after=os.path.getsize(out))


def check_outputs(out: str, out_config: str,
                  read: Sequence[Optional[str]]) -> None:
    """See that an export overwrites nothing but an earlier export.

    Args:
        out (str): Checkpoint to write.
        out_config (str): Config to write.
        read (Sequence[str]): Files that the export reads; None is skipped.

    Raises:
        ExportError: It would, or the names do not fit what is written.
    """
    if not out.endswith('.pth') or not out_config.endswith('.py'):
        raise ExportError(f'{out}: give a name in .pth for the checkpoint; '
                          'its config gets the ending .py')
    for path in (out, out_config):
        for other in filter(None, read):
            if os.path.exists(path) and os.path.exists(other) and \
                    os.path.samefile(path, other):
                raise ExportError(f'{path}: would be overwritten, but the '
                                  'export reads it; give another name')
    # An earlier export left both.
    if os.path.exists(out_config) and not os.path.exists(out):
        raise ExportError(
            f'{out_config}: would be overwritten by the config of {out}, but '
            'is that of something else; give another name')


def default_outputs(checkpoint: str) -> Tuple[str, str]:
    """Name the files of an export after its checkpoint.

    Args:
        checkpoint (str): Training checkpoint.

    Returns:
        tuple[str, str]: Checkpoint and config.
    """
    stem = os.path.splitext(checkpoint)[0]
    return f'{stem}_expression.pth', f'{stem}_expression.py'
