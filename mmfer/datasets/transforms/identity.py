# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Who a clip shows: its keyframe, or the stored embedding of it."""
import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleKeyframe(BaseTransform):
    """Sample one intra-coded picture, as ``SampleSegments`` samples segments.

    For face recognition, with ``ReadFrames`` behind it.

    Required Keys:

    - video (CompressedVideo): Stays open.
    - total_frames (int)

    Added Keys:

    - frame_inds (np.ndarray): int64, shape (1, ).
    - clip_starts (np.ndarray): int64, shape (1, ).
    - clip_len, num_clips, frame_interval (int): 1.

    Args:
        which (str): 'first' or 'last' of the file. Defaults to 'first'.
    """

    def __init__(self, which: str = 'first') -> None:
        if which not in ('first', 'last'):
            raise ValueError(f"`which` is 'first' or 'last', got {which!r}")
        self.which = which

    def transform(self, results: dict) -> dict:
        """Sample the picture.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.
        """
        keyframes = results['video'].keyframes
        index = 0
        if len(keyframes):
            index = keyframes[0 if self.which == 'first' else -1]
        results['frame_inds'] = np.array([index], np.int64)
        results['clip_starts'] = np.array([index], np.int64)
        results['clip_len'] = results['num_clips'] = 1
        results['frame_interval'] = 1
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(which={self.which!r})'
