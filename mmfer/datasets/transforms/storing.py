# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Read a clip once, and take later epochs' pictures from disk."""
import hashlib
import os
import os.path as osp

import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.atomic import writing
from mmfer.registry import TRANSFORMS


@TRANSFORMS.register_module()
class StoredReader(BaseTransform):
    """Keep what a reader makes of a whole clip in a folder.

    The first time, the reader reads every picture of the clip and the result
    is written as one array; from then on the sampled pictures come from
    there. Worth its disk space for readers that walk through the clip
    (chained and accumulated residuals, true pictures) and many epochs; 36
    pictures of 112x112 with three channels take 2.7 MB. The samples are
    those that the reader itself would give.

    Required Keys:

    - filename (str | PathLike), video, total_frames, and what the reader
      requires

    Added, Modified and Removed Keys: those of the reader.

    Args:
        reader (dict): Config of ``ReadResiduals`` or ``ReadFrames``.
        folder (str): Where the arrays go. A clip that changes gets another
            one; the folder may be deleted at any time.
    """

    def __init__(self, reader: dict, folder: str) -> None:
        self.reader = TRANSFORMS.build(reader)
        self.folder = folder

    def transform(self, results: dict) -> dict:
        """Read the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample as the reader would return it.

        Raises:
            ValueError: The clip is not sampled as a whole.
        """
        if np.any(results['clip_starts']):
            raise ValueError(
                'StoredReader keeps whole clips, but the pipeline samples '
                'windows: set window=None in SampleSegments')
        path = self._path(results['filename'])
        if not osp.exists(path):
            self._store(path, results)
        results.pop('video').close()
        stored = np.load(path, mmap_mode='r', allow_pickle=False)
        results['imgs'] = [
            np.array(stored[index]) for index in results['frame_inds']
        ]
        results['img_shape'] = stored.shape[1:3]
        results['modality'] = \
            'RGB' if stored.dtype == np.uint8 else 'Residual'
        if results['modality'] == 'Residual':
            results['num_residual_channels'] = \
                stored.shape[3] - (2 if self.reader.motion else 0)
        return results

    def _store(self, path: str, results: dict) -> None:
        """Write every picture of the clip, under a temporary name first."""
        total = results['total_frames']
        whole = dict(
            results,
            frame_inds=np.arange(total),
            clip_starts=np.zeros(1, np.int64),
            clip_len=total,
            num_clips=1)
        pictures = np.stack(self.reader(whole)['imgs'])
        with writing(path, 'wb') as file:
            np.save(file, pictures)

    def _path(self, filename) -> str:
        state = os.stat(filename)
        name = (f'{osp.abspath(filename)} {state.st_size} '
                f'{state.st_mtime_ns} {self.reader!r}')
        digest = hashlib.sha256(name.encode()).hexdigest()[:24]
        return osp.join(self.folder, f'{digest}.npy')

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(reader={self.reader!r}, '
                f'folder={self.folder!r})')
