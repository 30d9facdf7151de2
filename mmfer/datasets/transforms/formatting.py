# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The final shape of a sample."""
from mmaction.datasets.transforms import FormatShape

from mmfer.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FormatResidual(FormatShape):
    """mmaction2's ``FormatShape`` that also takes pictures of one channel.

    OpenCV drops a channel axis of length one when it resizes, after which
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
        results['imgs'] = [
            img if img.ndim == 3 else img[:, :, None]
            for img in results['imgs']
        ]
        return super().transform(results)
