# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Read a clip once, and take later epochs' pictures from disk."""
import hashlib
import os
import os.path as osp
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.atomic import writing
from mmfer.registry import TRANSFORMS
from ..warning import warn_once


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
            one; the folder may be deleted at any time. Where it is full,
            the reader reads every time.
    """

    def __init__(self, reader: dict, folder: str) -> None:
        self.reader = TRANSFORMS.build(reader)
        if getattr(self.reader, 'otherwise', None) == 'error':
            raise ValueError(
                'StoredReader reads every picture of a clip, also those that '
                "have no residual: choose another `otherwise` than 'error'")
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
        stored = self._stored(path)
        if stored is None:
            stored = self._read(results)
            self._store(path, stored)
        results.pop('video').close()
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

    def _stored(self, path: str) -> Optional[np.ndarray]:
        """Open what is stored of a clip; None if there is nothing whole."""
        try:
            return np.load(path, mmap_mode='r', allow_pickle=False)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, EOFError):
            warn_once(f'{self.folder}: damaged arrays are made again')
        return None

    def _read(self, results: dict) -> np.ndarray:
        """Read every picture of the clip."""
        total = results['total_frames']
        whole = dict(
            results,
            frame_inds=np.arange(total),
            clip_starts=np.zeros(1, np.int64),
            clip_len=total,
            num_clips=1)
        return np.stack(self.reader(whole)['imgs'])

    def _store(self, path: str, pictures: np.ndarray) -> None:
        """Keep them, under a temporary name first."""
        try:
            with writing(path, 'wb') as file:
                np.save(file, pictures)
        except OSError as error:
            warn_once(f'{self.folder}: what is read is not kept '
                      f'({error.strerror or error})')

    def _path(self, filename) -> str:
        state = os.stat(filename)
        name = (f'{osp.abspath(filename)} {state.st_size} '
                f'{state.st_mtime_ns} {self.reader!r}')
        digest = hashlib.sha256(name.encode()).hexdigest()[:24]
        return osp.join(self.folder, f'{digest}.npy')

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(reader={self.reader!r}, '
                f'folder={self.folder!r})')
