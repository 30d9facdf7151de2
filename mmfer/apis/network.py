# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A trained network behind one call: samples in, probabilities out."""
import os
from typing import List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import MODELS, DefaultScope

from mmfer import compat
from mmfer.engine.expression_model import TRAINING_PARTS, expression_config
from mmfer.engine.stored_config import reading_doubt
from .clip_pipeline import UnsuitableConfig, class_names, dataset_meta

#: Endings of models that mmfer.deployment loads.
EXPORTED_SUFFIXES = ('.onnx', '.xml', '.torchscript')


def load_config(config: Union[str, os.PathLike, dict, Config]) -> Config:
    """Read a config.

    Args:
        config (str | PathLike | dict | Config): A file, or its content.

    Returns:
        Config: With a ``model`` and a ``test_pipeline``.

    Raises:
        UnsuitableConfig: It cannot be read or lacks one of the two.
    """
    if isinstance(config, (str, os.PathLike)):
        name = os.fspath(config)
        if not os.path.isfile(name):
            raise UnsuitableConfig(f'{name}: no such config')
        try:
            config = Config.fromfile(name)
        except Exception as error:
            raise UnsuitableConfig(
                f'{name}: cannot be read as a config '
                f'({_first_line(error)})') from None
    elif not isinstance(config, Config):
        name, config = 'the config', Config(dict(config))
    else:
        name = config.filename or 'the config'
    for key in ('model', 'test_pipeline'):
        if key not in config:
            raise UnsuitableConfig(f'{name}: has no `{key}`')
    return config


def pick_device(device: str) -> torch.device:
    """Check the name of a device.

    Args:
        device (str): 'cpu', 'cuda', 'cuda:1', …, or 'auto': a GPU if there is
            one.

    Returns:
        torch.device: The device.

    Raises:
        UnsuitableConfig: There is no such device here.
    """
    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UnsuitableConfig(
            f'device {device!r} cannot be used here ({_first_line(error)}); '
            "take 'cpu'") from None
    return chosen


class TorchNetwork:
    """A recogniser of a config with the weights of a checkpoint.

    Parts that exist for training only are not built.

    Args:
        cfg (Config): Of the training.
        checkpoint (str, optional): Read as data (``weights_only``), never as
            code. None: random weights.
        device (str): See :func:`pick_device`. Defaults to 'cpu'.

    Attributes:
        classes (tuple[str]): Names of the K classes.
        coding (dict): How the clips of the training were made, as far as the
            checkpoint tells.

    Raises:
        UnsuitableConfig: They do not belong together.
    """

    def __init__(self, cfg: Config, checkpoint=None,
                 device: str = 'cpu') -> None:
        self.device = pick_device(device)
        self._scope = cfg.get('default_scope', 'mmaction')
        reduced = expression_config(cfg)
        backbone = reduced.model.get('backbone', {})
        if backbone.get('pretrained'):
            backbone['pretrained'] = None
        with DefaultScope.overwrite_default_scope(self._scope):
            self.model = MODELS.build(reduced.model)
        meta = {}
        if checkpoint is not None:
            meta = self._load(os.fspath(checkpoint))
        self.model.to(self.device).eval()
        head = getattr(self.model, 'cls_head', None)
        self._is_probability = \
            getattr(head, 'average_clips', None) == 'prob'
        self.classes = class_names(meta, cfg, head.num_classes)
        self.coding = dict(dataset_meta(meta).get('coding') or {})

    def _load(self, path: str) -> dict:
        # Names of mmengine's that a checkpoint holds have to be known first.
        compat.apply(wait=False)
        if not os.path.isfile(path):
            raise UnsuitableConfig(f'{path}: no such checkpoint')
        try:
            content = torch.load(path, map_location='cpu', weights_only=True)
        except Exception as error:
            raise UnsuitableConfig(
                f'{path}: cannot be read as a checkpoint that holds data only '
                f'({_first_line(error)})') from None
        state = content.get('state_dict', content) \
            if isinstance(content, dict) else None
        if not isinstance(state, dict) or not all(
                isinstance(name, str) for name in state):
            raise UnsuitableConfig(
                f'{path}: holds no weights; give a checkpoint of a training')
        state = {name[7:] if name.startswith('module.') else name: value
                 for name, value in state.items()}
        own = self.model.state_dict()
        unfit = [
            name for name, value in own.items()
            if getattr(state.get(name), 'shape', None) != value.shape
        ]
        training = tuple(f'{part}.' for part in TRAINING_PARTS)
        unfit += [name for name in state
                  if name not in own and not name.startswith(training)]
        if unfit:
            raise UnsuitableConfig(
                f'{path}: {len(unfit)} weights do not fit the config, such as '
                f'{unfit[0]}; give the config of this training (it lies '
                'beside the checkpoint)')
        self.model.load_state_dict({name: state[name] for name in own})
        meta = content.get('meta')
        meta = dict(meta) if isinstance(meta, dict) else {}
        if not isinstance(meta.get('dataset_meta'), dict):
            meta['dataset_meta'] = {}
        return meta

    @torch.no_grad()
    def __call__(self, samples: List[dict]) -> np.ndarray:
        """Classify.

        Args:
            samples (list[dict]): Of :meth:`.ClipPipeline.finish`, of one
                shape.

        Returns:
            np.ndarray: float32 (N, K), probabilities.
        """
        with DefaultScope.overwrite_default_scope(self._scope):
            answers = self.model.test_step(pseudo_collate(samples))
        scores = []
        for answer in answers:
            score = answer.pred_score.float().cpu()
            if not self._is_probability:
                score = score.softmax(-1)
            scores.append(score.reshape(-1, score.shape[-1]).mean(0).numpy())
        return np.stack(scores)


class ExportedNetwork:
    """An exported model, see :mod:`mmfer.deployment`.

    Args:
        path (str): The ``.onnx``, ``.xml`` or ``.torchscript`` file.
        cfg (Config): Of the training.

    Attributes:
        classes (tuple[str]), coding (dict): As in :class:`TorchNetwork`.
    """

    def __init__(self, path: str, cfg: Config) -> None:
        from mmfer.deployment import load_exported
        if not os.path.isfile(path):
            raise UnsuitableConfig(f'{path}: no such exported model')
        self._model = load_exported(path, torch.get_num_threads())
        meta = dict(self._model.metadata)
        names = meta.get('classes')
        count = cfg.model.cls_head.num_classes
        self.classes = class_names(
            dict(dataset_meta=dict(classes=names)), cfg, count)
        self.coding = dict(meta.get('coding') or {})

    def __call__(self, samples: Sequence[dict]) -> np.ndarray:
        """Classify.

        Args:
            samples (list[dict]): Of one shape.

        Returns:
            np.ndarray: float32 (N, K), probabilities.
        """
        inputs = np.stack([
            np.asarray(sample['inputs'], np.float32) for sample in samples
        ])
        return np.asarray(self._model(inputs), np.float32)


def load_network(cfg: Config, checkpoint, device: str):
    """Load a checkpoint or an exported model, by its ending.

    Args:
        cfg (Config): Of the training.
        checkpoint (str | PathLike, optional): The file.
        device (str): Of a checkpoint.

    Returns:
        TorchNetwork | ExportedNetwork: The network.
    """
    if checkpoint is not None and os.fspath(checkpoint).endswith(
            EXPORTED_SUFFIXES):
        return ExportedNetwork(os.fspath(checkpoint), cfg)
    return TorchNetwork(cfg, checkpoint, device)


def checkpoint_doubt(config: str, checkpoint: str) -> Optional[str]:
    """Tell whether a config reads files otherwise than the training did.

    Args:
        config (str): The file.
        checkpoint (str): The file; exported models have but one config.

    Returns:
        str | None: In one line, what differs. What cannot be read is told
        elsewhere.
    """
    if checkpoint.endswith(EXPORTED_SUFFIXES):
        return None
    compat.apply(wait=False)
    try:
        pipeline = load_config(config).test_pipeline
        content = torch.load(checkpoint, map_location='cpu',
                             weights_only=True, mmap=True)
        return reading_doubt(pipeline, content.get('meta'))
    except Exception:  # torch raises whatever it likes
        return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
