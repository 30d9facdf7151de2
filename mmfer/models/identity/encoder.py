# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A frozen face network, from pictures to identity embeddings."""
import copy
import json
from typing import Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mmfer.datasets.face_preprocess import FacePreprocess
from mmfer.datasets.identity_file import (IdentityEmbeddings,
                                          IdentityFileError)
from mmfer.registry import MODELS
from .weights import file_digest, load_face_weights


class IdentityEncoder:
    """A face network that is only ever read.

    Not an ``nn.Module``, on purpose: as an attribute of a model it adds no
    parameter, is in no checkpoint, is not averaged (a copy of the model
    shares it) and cannot be put into training mode.

    Args:
        network (nn.Module): Maps normalised faces to embeddings, (N, D).
        preprocess (FacePreprocess): What the network wants to see.
        normalize (bool): Whether embeddings get length one: face networks
            say nothing by it. Defaults to True.
        batch_size (int): Pictures at once in :meth:`encode`.
            Defaults to 64.
        settings (dict, optional): What identifies the encoder, to be stored
            beside its embeddings. Defaults to None.
        whitening (tuple, optional): Mean (D, ) and projection (D, d), applied
            last. Defaults to None.
    """

    def __init__(self,
                 network: nn.Module,
                 preprocess: FacePreprocess,
                 normalize: bool = True,
                 batch_size: int = 64,
                 settings: Optional[Dict] = None,
                 whitening: Optional[Tuple] = None) -> None:
        if batch_size < 1:
            raise ValueError(f'`batch_size` is at least 1, got {batch_size}')
        self.network = network.eval().requires_grad_(False)
        self.preprocess = preprocess
        self.normalize = normalize
        self.batch_size = batch_size
        self.settings = dict(settings or {})
        self._whitening = whitening and tuple(map(torch.as_tensor, whitening))
        self._device = torch.device('cpu')

    @property
    def out_channels(self) -> int:
        """Length of what comes out: D, or d if whitened."""
        if self._whitening is not None:
            return self._whitening[1].shape[1]
        return self.network.out_channels

    def __deepcopy__(self, memo: dict) -> 'IdentityEncoder':
        return self  # frozen, hence the same for every copy of a model

    def encode(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Embed pictures.

        Args:
            pictures (Sequence[np.ndarray]): uint8 RGB, each (H, W, 3), of
                any sizes.

        Returns:
            np.ndarray: float32, (N, D).
        """
        parts = [np.zeros((0, self.out_channels), np.float32)]
        for start in range(0, len(pictures), self.batch_size):
            faces = np.stack([
                self.preprocess.prepare(picture)
                for picture in pictures[start:start + self.batch_size]
            ])
            faces = torch.from_numpy(faces).permute(0, 3, 1, 2)
            faces = self.encode_batch(faces.to(self._device))
            parts.append(faces.cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def encode_batch(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embed a batch of pictures on whatever device they are.

        Pictures of the size that the network reads are taken as prepared;
        others are prepared as by :meth:`encode`, on the CPU.

        Args:
            pictures (torch.Tensor): RGB from 0 to 255, (N, 3, H, W), uint8
                or float.

        Returns:
            torch.Tensor: float32, (N, D), on the device of the pictures,
            without gradient.

        Raises:
            ValueError: Not such pictures.
        """
        if pictures.dim() != 4 or pictures.shape[1] != 3:
            raise ValueError(
                f'pictures are (N, 3, H, W), got {tuple(pictures.shape)}')
        if pictures.is_floating_point() and pictures.numel() and \
                pictures.min() < 0:
            raise ValueError(
                'an identity encoder reads pictures from 0 to 255 and '
                'normalises them itself: give the stream mean=[0.], std=[1.] '
                'in the data preprocessor')
        if not len(pictures):
            return pictures.new_zeros((0, self.out_channels)).float()
        if pictures.shape[2:] != self.preprocess.size:
            pictures = self._prepared(pictures)
        self.to(pictures.device)
        # Half precision would give other embeddings than the stored ones.
        with torch.autocast(pictures.device.type, enabled=False):
            embeddings = self.network(self.preprocess.normalize(pictures))
            embeddings = embeddings.float()
            if self.normalize:
                embeddings = F.normalize(embeddings)
            if self._whitening is not None:
                mean, projection = self._whitening
                embeddings = (embeddings - mean) @ projection
            return embeddings

    def _prepared(self, pictures: torch.Tensor) -> torch.Tensor:
        whole = pictures.float().round().clamp(0, 255).byte()
        whole = whole.permute(0, 2, 3, 1).cpu().numpy()
        faces = np.stack([self.preprocess.prepare(p) for p in whole])
        return torch.from_numpy(faces).permute(0, 3, 1, 2).to(pictures.device)

    def to(self, device) -> 'IdentityEncoder':
        """Move the network.

        Args:
            device (str | torch.device): Where to.

        Returns:
            IdentityEncoder: Itself.
        """
        device = torch.device(device)
        if device != self._device:
            self.network.to(device)
            if self._whitening is not None:
                self._whitening = tuple(
                    part.to(device) for part in self._whitening)
            self._device = device
        return self

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}({type(self.network).__name__}, '
                f'out_channels={self.out_channels}, {self.preprocess!r}, '
                f'normalize={self.normalize})')


def build_identity_encoder(cfg: dict) -> IdentityEncoder:
    """Build a frozen encoder from its config.

    Example:
        >>> build_identity_encoder(dict(                    # doctest: +SKIP
        ...     type='mmfer.IResNet', depth=50,
        ...     checkpoint='checkpoints/ms1mv3_arcface_r50.pth',
        ...     preprocess=dict(crop=0.9)))

    Args:
        cfg (dict): ``type`` and arguments of a face network, and

            - ``checkpoint`` (str): Its weights; not for ``mmfer.OnnxFace``,
              which is one with its ``file``. None leaves them random, for
              tests and as a control.
            - ``preprocess`` (dict, optional): What differs from the settings
              that the network was published with, see
              :class:`FacePreprocess`.
            - ``normalize`` (bool, optional): Length one. Defaults to True.
            - ``batch_size`` (int, optional): Defaults to 64.
            - ``whitening`` (dict, optional): ``file``, an identity file of
              this encoder, and ``fold``, the fold that is tested: its
              whitening is applied, as ``mmfer.LoadIdentity`` does.

    Returns:
        IdentityEncoder: In evaluation mode, without gradients.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        IdentityFileError: The whitening is missing, or was fitted on another
            network's embeddings.
        KeyError: There is no such network, or no ``checkpoint``.
        ValueError: The checkpoint is another network's.
    """
    cfg = copy.deepcopy(dict(cfg))
    preprocess = cfg.pop('preprocess', None) or {}
    normalize = cfg.pop('normalize', True)
    batch_size = cfg.pop('batch_size', 64)
    whitening = cfg.pop('whitening', None)
    given = 'checkpoint' in cfg
    checkpoint = cfg.pop('checkpoint', None)
    network = MODELS.build(cfg)
    if not given and not hasattr(network, 'file'):
        raise KeyError(
            f'the config of {cfg["type"]} has no `checkpoint`: name the file '
            'of its weights, or say checkpoint=None for random ones')
    weights = checkpoint or getattr(network, 'file', None)
    if checkpoint is not None:
        load_face_weights(network, checkpoint)
    elif given and hasattr(network, 'init_weights'):
        network.init_weights()
    preprocess = FacePreprocess(**{**network.preprocess, **preprocess})
    # Not the path: the same weights elsewhere are the same encoder.
    cfg.pop('file', None)
    settings = dict(
        network=cfg,
        preprocess=repr(preprocess),
        normalize=normalize,
        weights=None if weights is None else file_digest(weights))
    if whitening is not None:
        whitening = _stored_whitening(settings, **whitening)
    return IdentityEncoder(network, preprocess, normalize, batch_size,
                           settings, whitening)


def _stored_whitening(settings: dict,
                      file: str,
                      fold: Optional[int] = None) -> tuple:
    """Mean and projection from an identity file of the same encoder."""
    stored = IdentityEmbeddings.load(file)
    # As JSON makes it, which has no tuples.
    if stored.metadata.get('encoder') != json.loads(json.dumps(settings)):
        raise IdentityFileError(
            f'{file}: holds the embeddings of another face network, or of '
            'another preprocessing; make it with this encoder')
    return stored.whitening(fold)
