# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Choose which pictures of a clip are read."""
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.codec import CompressedVideoError
from mmfer.registry import TRANSFORMS


class ClipTooShort(CompressedVideoError):
    """A clip with fewer pictures than the pipeline asks for."""


@TRANSFORMS.register_module()
class SampleSegments(BaseTransform):
    """Divide a clip into equal segments and take one picture from each.

    In training the picture is random within its segment, in test it is the
    centre one; with several test clips each of them takes another place
    within the segments. A clip with fewer pictures than segments gives some
    of them several times, as separate arrays.

    Required Keys:

    - total_frames (int)

    Added Keys:

    - frame_inds (np.ndarray): Display indices, int64, ascending in each clip,
      shape (num_clips * num_segments, ).
    - clip_starts (np.ndarray): First picture of the window of each clip,
      int64, shape (num_clips, ).
    - clip_len (int): ``num_segments``.
    - num_clips (int)
    - frame_interval (int): Distance of the centres, at least 1.

    Args:
        num_segments (int): Pictures per clip. Defaults to 8.
        num_clips (int): Clips per sample. Defaults to 1.
        window (int, optional): Only look at this many consecutive pictures: at
            a random place in training, in the middle in test; several test
            clips are spread evenly. Defaults to None, the whole file.
        min_frames (int): A file with fewer pictures is an unreadable one.
            Defaults to 2, because the first picture has no residual.
        test_mode (bool): Whether to take centres. Defaults to False.
    """

    def __init__(self,
                 num_segments: int = 8,
                 num_clips: int = 1,
                 window: Optional[int] = None,
                 min_frames: int = 2,
                 test_mode: bool = False) -> None:
        for name, value in (('num_segments', num_segments),
                            ('num_clips', num_clips),
                            ('min_frames', min_frames),
                            ('window', 1 if window is None else window)):
            if value < 1:
                raise ValueError(f'`{name}` must be at least 1, got {value}')
        self.num_segments = num_segments
        self.num_clips = num_clips
        self.window = window
        self.min_frames = min_frames
        self.test_mode = test_mode

    def _clip_starts(self, total: int, length: int) -> np.ndarray:
        """Place the windows; shape (num_clips, )."""
        spare = total - length
        if not spare:
            return np.zeros(self.num_clips, np.int64)
        if self.test_mode:
            places = (np.arange(self.num_clips) + 0.5) / self.num_clips
            return np.floor(places * (spare + 1)).astype(np.int64)
        return np.random.randint(0, spare + 1, self.num_clips).astype(np.int64)

    def _offsets(self, length: int) -> np.ndarray:
        """Places within each window; shape (num_clips, num_segments)."""
        segment = np.arange(self.num_segments)[None]
        if not self.test_mode:
            within = np.random.rand(self.num_clips, self.num_segments)
        elif self.window is None:
            # All clips see the same window, so they part the segments.
            within = (np.arange(self.num_clips)[:, None] +
                      0.5) / self.num_clips
        else:
            within = 0.5
        offsets = (segment + within) * length / self.num_segments
        return np.minimum(np.floor(offsets), length - 1).astype(np.int64)

    def transform(self, results: dict) -> dict:
        """Sample the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.

        Raises:
            ClipTooShort: The file has fewer than ``min_frames`` pictures.
        """
        total = results['total_frames']
        if total < self.min_frames:
            raise ClipTooShort(
                f'{total} pictures, but at least {self.min_frames} are needed')
        length = total if self.window is None else min(self.window, total)
        starts = self._clip_starts(total, length)
        indices = starts[:, None] + self._offsets(length)
        results['frame_inds'] = indices.reshape(-1)
        results['clip_starts'] = starts
        results['clip_len'] = self.num_segments
        results['num_clips'] = self.num_clips
        results['frame_interval'] = max(1, length // self.num_segments)
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(num_segments={self.num_segments}, '
                f'num_clips={self.num_clips}, window={self.window}, '
                f'min_frames={self.min_frames}, test_mode={self.test_mode})')
