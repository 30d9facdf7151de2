# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Augmentations that keep the sign of signed data.

All of them treat the pictures of a sample alike, keep the data type (values
are rounded and clipped to its range, never wrapped), write new arrays and
never change shared ones, and leave joined streams (keyframe, apex) alone
unless they say otherwise. They also take uint8 pictures, so that the RGB twin
of a pipeline differs in nothing but the reading transform.
"""
import math
from typing import Sequence, Tuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.registry import TRANSFORMS


def _pictures(results: dict) -> list:
    """A new list of the pictures, each with its channel axis.

    OpenCV drops a channel axis of length one when it resizes.
    """
    return [
        img if img.ndim == 3 else img[:, :, None] for img in results['imgs']
    ]


def _num_residual_channels(results: dict) -> int:
    """Channels before the motion."""
    first = results['imgs'][0]
    channels = first.shape[2] if first.ndim == 3 else 1
    return results.get('num_residual_channels', channels)


def _num_own(results: dict) -> int:
    """Pictures before the joined streams."""
    return len(results['imgs']) - len(results.get('joined_streams', ()))


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round and clip real values, which are overwritten, to an integer type.
    """
    limits = np.iinfo(dtype)
    np.rint(values, out=values)
    np.clip(values, limits.min, limits.max, out=values)
    return values.astype(dtype)


def _scaled(img: np.ndarray, gain: float) -> np.ndarray:
    """Multiply, round and clip in one pass."""
    return cv2.addWeighted(img, gain, img, 0, 0)  # the latter adds nothing


def _with_channels(img: np.ndarray, first: np.ndarray) -> np.ndarray:
    """A new picture whose first channels are replaced."""
    if first.shape == img.shape:
        return first
    img = img.copy()
    img[..., :first.shape[2]] = first
    return img


def _mirrored(img: np.ndarray) -> np.ndarray:
    """A new picture, turned from left to right."""
    # OpenCV moves whole pixels, numpy single values.
    return cv2.flip(img, 1).reshape(img.shape)


def _check_range(name: str, value: Sequence[float], least: float) -> tuple:
    low, high = value
    if not least <= low <= high:
        raise ValueError(
            f'`{name}` is (low, high) with {least} <= low <= high, got '
            f'{tuple(value)}')
    return float(low), float(high)


@TRANSFORMS.register_module()
class FlipResidual(BaseTransform):
    """Mirror a sample from left to right; motion to the right turns left.

    mmaction2's ``Flip`` would leave the motion as it is, and its optical flow
    mode expects planes around 128.

    Required Keys:

    - imgs (list[np.ndarray])
    - num_residual_channels (int, optional): The channel after these is the
      motion x, which is negated.
    - joined_streams (tuple, optional): These are mirrored too.

    Modified Keys:

    - imgs

    Added Keys:

    - flip (bool), flip_direction (str)

    Args:
        flip_ratio (float): Probability. Defaults to 0.5.
    """

    def __init__(self, flip_ratio: float = 0.5) -> None:
        if not 0 <= flip_ratio <= 1:
            raise ValueError(f'`flip_ratio` is in [0, 1], got {flip_ratio}')
        self.flip_ratio = flip_ratio

    def transform(self, results: dict) -> dict:
        """Mirror the pictures or leave them.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        flip = bool(np.random.rand() < self.flip_ratio)
        results['flip'] = flip
        results['flip_direction'] = 'horizontal'
        if not flip:
            return results
        motion_x = _num_residual_channels(results)
        own = _num_own(results)
        imgs = []
        for number, img in enumerate(_pictures(results)):
            # A copy of its own: the same array may be listed twice.
            img = _mirrored(img)
            if number < own and motion_x < img.shape[2]:
                motion = cv2.extractChannel(img, motion_x)
                # Saturates: -(-32768) does not fit into int16.
                cv2.insertChannel(cv2.subtract(0, motion), img, motion_x)
            imgs.append(img)
        results['imgs'] = imgs
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(flip_ratio={self.flip_ratio})'


@TRANSFORMS.register_module()
class ResidualScale(BaseTransform):
    """Multiply a sample by one random gain.

    A subtle and a strong act of the same expression differ by about this, and
    so do a dark and a bright scene. Motion is not scaled.

    Required Keys:

    - imgs (list[np.ndarray])

    Modified Keys:

    - imgs

    Args:
        gain (tuple[float]): Lowest and highest gain; its logarithm is drawn
            uniformly. Defaults to (0.7, 1.4).
    """

    def __init__(self, gain: Tuple[float, float] = (0.7, 1.4)) -> None:
        self.gain = _check_range('gain', gain, 0.)
        if self.gain[0] == 0:
            raise ValueError('`gain` must be positive')

    def transform(self, results: dict) -> dict:
        """Scale the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        low, high = (math.log(gain) for gain in self.gain)
        gain = float(np.float32(math.exp(np.random.uniform(low, high))))
        channels = _num_residual_channels(results)
        imgs = _pictures(results)
        for number in range(_num_own(results)):
            img = imgs[number]
            if channels == img.shape[2]:
                imgs[number] = _scaled(img, gain).reshape(img.shape)
            else:
                planes = list(cv2.split(img))
                planes[:channels] = [_scaled(plane, gain)
                                     for plane in planes[:channels]]
                imgs[number] = cv2.merge(planes)
        results['imgs'] = imgs
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(gain={self.gain})'


@TRANSFORMS.register_module()
class ResidualNoise(BaseTransform):
    """Add Gaussian noise, as a coarser quantiser or a worse sensor would.

    Required Keys:

    - imgs (list[np.ndarray])

    Modified Keys:

    - imgs

    Args:
        std (tuple[float]): Lowest and highest standard deviation in grey
            levels, drawn once per sample. Defaults to (0., 3.).
    """

    def __init__(self, std: Tuple[float, float] = (0., 3.)) -> None:
        self.std = _check_range('std', std, 0.)

    def transform(self, results: dict) -> dict:
        """Add the noise.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        std = np.random.uniform(*self.std)
        channels = _num_residual_channels(results)
        imgs = _pictures(results)
        for number in range(_num_own(results)):
            img = imgs[number]
            noise = np.random.standard_normal(img.shape[:2] + (channels, ))
            imgs[number] = _with_channels(
                img, _rounded(img[..., :channels] + noise * std, img.dtype))
        results['imgs'] = imgs
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(std={self.std})'


@TRANSFORMS.register_module()
class ResidualErase(BaseTransform):
    """Erase one rectangle from all pictures of a sample, as a hand would.

    It is set to zero in signed data ("nothing changed here", in the motion
    too) and to middle grey in uint8 pictures.

    Required Keys:

    - imgs (list[np.ndarray])

    Modified Keys:

    - imgs

    Args:
        erase_ratio (float): Probability. Defaults to 0.5.
        area (tuple[float]): Smallest and largest share of the picture.
            Defaults to (0.02, 0.2).
        aspect (tuple[float]): Smallest and largest height per width.
            Defaults to (0.4, 2.5).
    """

    def __init__(self,
                 erase_ratio: float = 0.5,
                 area: Tuple[float, float] = (0.02, 0.2),
                 aspect: Tuple[float, float] = (0.4, 2.5)) -> None:
        if not 0 <= erase_ratio <= 1:
            raise ValueError(f'`erase_ratio` is in [0, 1], got {erase_ratio}')
        self.erase_ratio = erase_ratio
        self.area = _check_range('area', area, 0.)
        self.aspect = _check_range('aspect', aspect, 0.)
        if self.area[1] > 1 or self.aspect[0] == 0:
            raise ValueError('`area` is at most 1 and `aspect` positive')

    def transform(self, results: dict) -> dict:
        """Erase the rectangle or leave the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        if np.random.rand() >= self.erase_ratio:
            return results
        height, width = results['imgs'][0].shape[:2]
        area = np.random.uniform(*self.area) * height * width
        aspect = math.exp(np.random.uniform(*map(math.log, self.aspect)))
        tall = min(height, max(1, round(math.sqrt(area * aspect))))
        wide = min(width, max(1, round(math.sqrt(area / aspect))))
        top = np.random.randint(0, height - tall + 1)
        left = np.random.randint(0, width - wide + 1)
        imgs = _pictures(results)
        for number in range(_num_own(results)):
            img = imgs[number].copy()
            grey = 128 if img.dtype == np.uint8 else 0
            img[top:top + tall, left:left + wide] = grey
            imgs[number] = img
        results['imgs'] = imgs
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(erase_ratio={self.erase_ratio}, '
                f'area={self.area}, aspect={self.aspect})')
