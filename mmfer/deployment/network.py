# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A trained recogniser as one function of a tensor."""
import copy
import hashlib
import os
from typing import Any, Dict, List, Optional, Tuple

import torch
from mmaction.registry import MODELS
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from mmfer.engine.expression_model import (expression_config,
                                           load_expression_weights)
from mmfer.engine.stored_config import reading_doubt
from mmfer.models.backbones.temporal_shift import TemporalShift


class ShiftByConcatenation(nn.Module):
    """A temporal shift that writes into nothing, for graph compilers.

    Args:
        shift (TemporalShift): Whose work it does.
    """

    def __init__(self, shift: TemporalShift) -> None:
        super().__init__()
        self.num_segments = shift.num_segments
        self.shift_div = shift.shift_div

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shift (N * num_segments, C, H, W)."""
        fold = x.shape[1] // self.shift_div
        clips = x.unflatten(0, (-1, self.num_segments))
        # (N, T, C, H, W)
        forth, back = clips[:, :, :fold], clips[:, :, fold:2 * fold]
        nothing = torch.zeros_like(clips[:, :1, :fold])
        return torch.cat([
            torch.cat([forth[:, 1:], nothing], dim=1),
            torch.cat([nothing, back[:, :-1]], dim=1), clips[:, :, 2 * fold:]
        ], dim=2).flatten(0, 1)


class PoolByMatrices(nn.Module):
    """Adaptive average pooling of one input size as two multiplications.

    It is an ordinary pooling only where the output's size divides the input's.

    Args:
        size (tuple[int]): Height and width of the input.
        output (tuple[int]): Height and width of the output.
    """

    def __init__(self, size: Tuple[int, int],
                 output: Tuple[int, int]) -> None:
        super().__init__()
        rows = self._weights(size[0], output[0])
        self.register_buffer('rows', rows, persistent=False)
        columns = self._weights(size[1], output[1]).t().contiguous()
        self.register_buffer('columns', columns, persistent=False)

    @staticmethod
    def _weights(size: int, output: int) -> torch.Tensor:
        """Matrix (output, size): pooling is linear, so pool the identity."""
        identity = torch.eye(size)[None]
        return nn.functional.adaptive_avg_pool1d(identity, output)[0].t()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool (N, C, H, W)."""
        return self.rows @ x @ self.columns


class DeployableNetwork(nn.Module):
    """Normalisation, network, softmax and mean over clips in one module.

    No part of it exists for training. Convolutions have taken in the batch
    normalisations behind them; convolutions of pictures keep their data in
    channels-last order.

    Args:
        recognizer (nn.Module): mmaction2's ``Recognizer2D`` or
            ``Recognizer3D``. Its copy is changed, not itself.
    """

    def __init__(self, recognizer: nn.Module) -> None:
        super().__init__()
        recognizer = copy.deepcopy(recognizer).eval()
        preprocessor = recognizer.data_preprocessor
        normalizers = getattr(preprocessor, 'normalizers', None)
        source = preprocessor if normalizers is None else normalizers['imgs']
        # Channels are in front of (H, W) or (T, H, W).
        mean = getattr(source, 'mean', torch.zeros(1, 1, 1))
        self.register_buffer('mean', mean.detach().clone())
        std = getattr(source, 'std', torch.ones(1, 1, 1))
        self.register_buffer('std', std.detach().clone())
        # How clips are averaged, see BaseHead.average_clip.
        self.average_clips = recognizer.cls_head.average_clips
        self.num_classes = recognizer.cls_head.num_classes
        recognizer = fuse_conv_bn(recognizer)
        _exchange(recognizer, TemporalShift, ShiftByConcatenation)
        self.is_2d = not any(
            isinstance(m, nn.Conv3d) for m in recognizer.modules())
        if self.is_2d:
            recognizer.to(memory_format=torch.channels_last)
        self.recognizer = recognizer
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Classify.

        Args:
            x (torch.Tensor): What the pipeline packs, float32 (N, M, C, H, W)
                or (N, M, C, T, H, W).

        Returns:
            torch.Tensor: Probabilities, (N, K).
        """
        count = x.shape[0]
        x = (x - self.mean) / self.std
        features, options = self.recognizer.extract_feat(x, test_mode=True)
        scores = self.recognizer.cls_head(features, **options)
        scores = scores.reshape(count, -1, self.num_classes)
        # (N, clips, K)
        if self.average_clips == 'score':
            return scores.mean(dim=1).softmax(dim=-1)
        return scores.softmax(dim=-1).mean(dim=1)

    def fix_input(self, sample: torch.Tensor) -> None:
        """Put adaptive pooling otherwise, for one input size.

        Exporters know adaptive pooling to one field only.

        Args:
            sample (torch.Tensor): A batch of that size.
        """
        sizes: Dict[nn.Module, Tuple[int, int]] = {}
        hooks = [
            module.register_forward_hook(
                lambda module, inputs, _: sizes.update(
                    {module: tuple(inputs[0].shape[-2:])}))
            for module in self.modules()
            if isinstance(module, nn.AdaptiveAvgPool2d)
        ]
        with torch.no_grad():
            self(sample)
        for hook in hooks:
            hook.remove()

        def pool(module: nn.AdaptiveAvgPool2d) -> nn.Module:
            output = module.output_size
            output = output if isinstance(output, tuple) else (output, ) * 2
            size = sizes.get(module)
            if size is None or None in output or tuple(output) == (1, 1):
                return module
            if any(a % b for a, b in zip(size, output)):
                return PoolByMatrices(size, output)
            return nn.AvgPool2d([a // b for a, b in zip(size, output)])

        _exchange(self, nn.AdaptiveAvgPool2d, pool)


def _exchange(module: nn.Module, kind: type, make) -> None:
    """Replace all parts of a kind by what ``make`` makes of them."""
    for name, child in module.named_children():
        if isinstance(child, kind):
            setattr(module, name, make(child))
        else:
            _exchange(child, kind, make)


def load_recognizer(
        cfg: Config,
        checkpoint: Optional[str]) -> Tuple[nn.Module, Dict[str, Any]]:
    """Build what a test needs of a training, with its weights.

    Args:
        cfg (Config): Of the training.
        checkpoint (str, optional): Read as data only. None: random weights,
            to measure times.

    Returns:
        tuple: The recogniser in eval mode, and what the checkpoint tells:
        ``classes``, ``coding``, ``checkpoint`` (its name), ``sha256``, and
        ``doubt`` if the config reads otherwise than the training did.

    Raises:
        ExportError: Config and checkpoint do not belong together.
    """
    reduced = expression_config(cfg)
    backbone = reduced.model.get('backbone', {})
    if checkpoint is not None and backbone.get('pretrained'):
        backbone['pretrained'] = None
    with DefaultScope.overwrite_default_scope(
            reduced.get('default_scope', 'mmaction')):
        model = MODELS.build(reduced.model)
    if checkpoint is None:
        return model.eval(), {}
    loaded = load_expression_weights(model, checkpoint)
    meta = loaded.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    facts = dict(
        classes=_names(dataset_meta.get('classes')),
        coding=dict(dataset_meta.get('coding') or {}),
        checkpoint=os.path.basename(checkpoint),
        sha256=file_digest(checkpoint),
        doubt=reading_doubt(cfg.get('test_pipeline', []), meta))
    return model.eval(), facts


def _names(classes) -> Optional[List[str]]:
    return [str(name) for name in classes] if classes else None


def file_digest(path: str) -> str:
    """Fingerprint of a file.

    Args:
        path (str): The file.

    Returns:
        str: SHA-256 in hexadecimal.
    """
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
