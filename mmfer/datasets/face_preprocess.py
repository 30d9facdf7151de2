# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How a picture becomes the input of a face network."""
from typing import Sequence, Union

import cv2
import numpy as np
import torch

Numbers = Union[float, Sequence[float]]


class FacePreprocess:
    """Crop, resize and normalise pictures, as one face network wants them.

    Every network has settings of its own, hence they belong to the config of
    the encoder and are stored beside the embeddings.

    Args:
        size (int | Sequence[int]): Side of the face in pixels, or height and
            width.
        mean (float | Sequence[float]): Subtracted, per channel of the input
            or for all. Defaults to 127.5.
        std (float | Sequence[float]): Divides. Defaults to 127.5.
        channel_order (str): 'rgb' or 'bgr', what the network reads; pictures
            are given as RGB. Defaults to 'rgb'.
        crop (float | Sequence[float], optional): What part of the picture is
            the face. A number: a centred square of this share of the shorter
            side; (left, top, right, bottom): a box in shares of the width
            and height. Defaults to None, the whole picture.
    """

    def __init__(self,
                 size: Union[int, Sequence[int]],
                 mean: Numbers = 127.5,
                 std: Numbers = 127.5,
                 channel_order: str = 'rgb',
                 crop: Union[float, Sequence[float], None] = None) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(
                f'`size` is a side or (height, width), got {size}')
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(
                f"`channel_order` is 'rgb' or 'bgr', got {channel_order!r}")
        self.mean = _per_channel('mean', mean)
        self.std = _per_channel('std', std)
        if not (self.std > 0).all():
            raise ValueError(f'`std` must be positive, got {std}')
        self.channel_order = channel_order
        self.crop = crop if crop is None or isinstance(crop, (int, float)) \
            else tuple(crop)
        _check_crop(self.crop)

    def prepare(self, picture: np.ndarray) -> np.ndarray:
        """Crop and resize one picture.

        Args:
            picture (np.ndarray): uint8 RGB, (H, W, 3).

        Returns:
            np.ndarray: uint8 RGB, (height, width, 3), as ``size`` says.
        """
        picture = np.asarray(picture)
        if picture.dtype != np.uint8 or picture.ndim != 3 or \
                picture.shape[2] != 3:
            raise ValueError('a picture is uint8 RGB of (H, W, 3), got '
                             f'{picture.dtype} {picture.shape}')
        left, top, right, bottom = self._box(*picture.shape[:2])
        face = np.ascontiguousarray(picture[top:bottom, left:right])
        if face.shape[:2] == self.size:
            return face
        height, width = self.size
        # Averaging areas keeps fine patterns from folding over.
        smaller = face.shape[0] >= height and face.shape[1] >= width
        return cv2.resize(
            face, (width, height),
            interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)

    def _box(self, height: int, width: int) -> tuple:
        """Pixels (left, top, right, bottom) of the face."""
        if self.crop is None:
            return 0, 0, width, height
        if isinstance(self.crop, tuple):
            left, top, right, bottom = self.crop
            left, right = round(left * width), round(right * width)
            top, bottom = round(top * height), round(bottom * height)
            return left, top, max(right, left + 1), max(bottom, top + 1)
        side = max(1, round(self.crop * min(height, width)))
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def normalize(self, faces: torch.Tensor) -> torch.Tensor:
        """Normalise prepared pictures.

        Args:
            faces (torch.Tensor): RGB from 0 to 255, (N, 3, height, width).

        Returns:
            torch.Tensor: float32 of the same shape, in ``channel_order``.
        """
        faces = faces.float()
        if self.channel_order == 'bgr':
            faces = faces.flip(1)
        return (faces - self.mean.to(faces.device)) / self.std.to(faces.device)

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(size={self.size}, '
                f'mean={self.mean.flatten().tolist()}, '
                f'std={self.std.flatten().tolist()}, '
                f'channel_order={self.channel_order!r}, crop={self.crop})')


def _per_channel(name: str, value: Numbers) -> torch.Tensor:
    values = torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1)
    if len(values) not in (1, 3):
        raise ValueError(f'`{name}` has one or three numbers, got {value}')
    return values


def _check_crop(crop) -> None:
    if crop is None:
        return
    if isinstance(crop, tuple):
        good = len(crop) == 4 and 0 <= crop[0] < crop[2] <= 1 and \
            0 <= crop[1] < crop[3] <= 1
    else:
        good = 0 < crop <= 1
    if not good:
        raise ValueError('`crop` is a share in (0, 1] or (left, top, right, '
                         f'bottom) in shares, got {crop}')
