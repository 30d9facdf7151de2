# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A frozen face network, from pictures to identity embeddings."""
import copy
from typing import Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mmfer.datasets.face_preprocess import FacePreprocess
from mmfer.datasets.identity_file import (IdentityEmbeddings,
                                          IdentityFileError)
from mmfer.registry import MODELS
from .encoder_settings import encoder_settings, same_encoder
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
        prepared (bool, optional): Whether the pictures that
            :meth:`encode_batch` gets have been cropped and resized before.
            Defaults to None: those of the size that the network reads have,
            others have not.
    """

    def __init__(self,
                 network: nn.Module,
                 preprocess: FacePreprocess,
                 normalize: bool = True,
                 batch_size: int = 64,
                 settings: Optional[Dict] = None,
                 whitening: Optional[Tuple] = None,
                 prepared: Optional[bool] = None) -> None:
        if batch_size < 1:
            raise ValueError(f'`batch_size` is at least 1, got {batch_size}')
        self.network = network.eval().requires_grad_(False)
        self.preprocess = preprocess
        self.normalize = normalize
        self.batch_size = batch_size
        self.settings = dict(settings or {})
        self.prepared = prepared
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
            faces = self._encode_prepared(faces.to(self._device))
            parts.append(faces.cpu().numpy())
        return np.concatenate(parts)

    def encode_batch(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embed a batch of pictures on whatever device they are.

        Pictures that are not prepared yet (see ``prepared``) are prepared as
        by :meth:`encode`, on the CPU.

        Args:
            pictures (torch.Tensor): RGB from 0 to 255, (N, 3, H, W), uint8
                or float.

        Returns:
            torch.Tensor: float32, (N, D), on the device of the pictures,
            without gradient.

        Raises:
            ValueError: Not such pictures, or nobody can tell whether they
                are prepared.
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
        if not self._are_prepared(tuple(pictures.shape[2:])):
            pictures = self._prepared(pictures)
        return self._encode_prepared(pictures)

    def _are_prepared(self, size: Tuple[int, int]) -> bool:
        """Tell whether pictures of a size have been cropped and resized."""
        fits = size == tuple(self.preprocess.size)
        if self.prepared and not fits:
            raise ValueError(
                f'prepared=True, but the keyframes are {size} and the network '
                f'reads {tuple(self.preprocess.size)}: give mmfer.Format'
                'Keyframe the `size` and `crop` of the encoder in '
                '`preprocess`')
        if self.prepared is not None or not fits:
            return bool(self.prepared)
        if self._crops(size):
            raise ValueError(
                f'the keyframes have the size {size} that the network reads, '
                f'so nobody can tell whether crop={self.preprocess.crop} was '
                'applied: set prepared=True in `identity_encoder` if '
                'mmfer.FormatKeyframe(preprocess=...) did it, prepared=False '
                'if not')
        return True

    def _crops(self, size: Tuple[int, int]) -> bool:
        """Tell whether preparing changes a picture of the right size."""
        crop = self.preprocess.crop
        if isinstance(crop, tuple):
            return crop != (0, 0, 1, 1)
        return crop is not None and (crop != 1 or size[0] != size[1])

    @torch.no_grad()
    def _encode_prepared(self, pictures: torch.Tensor) -> torch.Tensor:
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
            - ``prepared`` (bool, optional): Of :class:`IdentityEncoder`;
              needed with a ``crop`` and keyframes of the network's size.

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
    prepared = cfg.pop('prepared', None)
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
    settings = encoder_settings(
        cfg, repr(preprocess), normalize,
        None if weights is None else file_digest(weights))
    if whitening is not None:
        whitening = _stored_whitening(settings, **whitening)
    return IdentityEncoder(network, preprocess, normalize, batch_size,
                           settings, whitening, prepared)


def _stored_whitening(settings: dict,
                      file: str,
                      fold: Optional[int] = None) -> tuple:
    """Mean and projection from an identity file of the same encoder."""
    stored = IdentityEmbeddings.load(file)
    if not same_encoder(stored.metadata.get('encoder') or {}, settings):
        raise IdentityFileError(
            f'{file}: holds the embeddings of another face network, or of '
            'another preprocessing; make it with this encoder')
    return stored.whitening(fold)
