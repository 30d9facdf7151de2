# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The final shape of a sample."""
from typing import List

import cv2
import numpy as np
from mmaction.datasets.transforms import FormatShape

from mmfer.registry import TRANSFORMS

_SPLIT_BY_OPENCV = (np.uint8, np.int16, np.float32)


@TRANSFORMS.register_module()
class FormatResidual(FormatShape):
    """mmaction2's ``FormatShape``, quicker, and also for a single channel.

    The values and the shape are those of ``FormatShape``. That one leaves the
    channels of each pixel side by side in memory, so that it takes long to put
    the sample into a batch; here each channel lies in one piece. And OpenCV
    drops a channel axis of length one when it resizes, after which
    ``FormatShape`` fails; here the axis is put back.

    Required Keys:

    - imgs (list[np.ndarray]): (H, W, C) or (H, W).
    - num_clips, clip_len (int)

    Modified Keys:

    - imgs (np.ndarray): Of the same type. 'NCHW': (num_clips * clip_len, C, H,
      W). 'NCTHW': (num_clips, C, clip_len, H, W).

    Added Keys:

    - input_shape (tuple)

    Args:
        input_format (str): 'NCHW' or 'NCTHW'. Defaults to 'NCHW'.
    """

    def __init__(self, input_format: str = 'NCHW') -> None:
        if input_format not in ('NCHW', 'NCTHW'):
            raise ValueError(
                f"`input_format` is 'NCHW' or 'NCTHW', got {input_format!r}")
        super().__init__(input_format)

    def transform(self, results: dict) -> dict:
        """Stack and transpose the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        results['imgs'] = _stacked([
            img if img.ndim == 3 else img[:, :, None]
            for img in results['imgs']
        ])
        return super().transform(results)


def _stacked(imgs: List[np.ndarray]) -> np.ndarray:
    """Stack pictures, (H, W, C) to (M, H, W, C), each channel in one piece."""
    first = imgs[0]
    height, width, channels = first.shape
    if channels == 1 or first.dtype not in _SPLIT_BY_OPENCV or any(
            img.shape != first.shape or img.dtype != first.dtype
            for img in imgs):
        return np.array(imgs)
    planes = np.empty((len(imgs), channels, height, width), first.dtype)
    for img, own in zip(imgs, planes):
        cv2.split(img, list(own))  # several times quicker than numpy
    return planes.transpose(0, 2, 3, 1)
