# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Open a compressed file; nothing is decoded."""
import hashlib
import os
import os.path as osp
from typing import Dict, Optional, Union

from mmcv.transforms import BaseTransform
from mmengine import fileio

from mmfer.codec import CompressedVideo, CompressedVideoError, VideoIndex
from mmfer.registry import TRANSFORMS
from ..warning import warn_once


@TRANSFORMS.register_module()
class OpenCompressedVideo(BaseTransform):
    """Open the clip of a sample for the transforms that read from it.

    Required Keys:

    - filename (str | PathLike | bytes): A file, or the bytes of one.

    Added Keys:

    - video (CompressedVideo): Open; the reading transforms close it.
    - total_frames (int): Number of pictures.
    - original_shape (tuple): Height and width.

    Args:
        backend_args (dict, optional): Storage of the clips, as in
            ``mmengine.fileio``; the bytes are fetched at once. Defaults to
            None: the file is read from disk, and only the packets needed.
        index_cache (str, optional): Folder for the indices of the files
            (positions and order of their packets), so that a file is scanned
            only once. An index is used only while the size and the time of
            the file stay the same. Defaults to None, no cache.
        pictures_kept (int): Each process also keeps indices in memory, so
            that it scans a file once and not in every epoch: those of the
            files that come first, of so many pictures in all, at 25 to 50
            bytes a picture. Defaults to 500,000; 0 keeps none.
    """

    def __init__(self,
                 backend_args: Optional[dict] = None,
                 index_cache: Optional[str] = None,
                 pictures_kept: int = 500_000) -> None:
        self.backend_args = backend_args
        self.index_cache = index_cache
        self.pictures_kept = pictures_kept
        self._kept: Dict[tuple, VideoIndex] = {}
        self._room = pictures_kept

    def transform(self, results: dict) -> dict:
        """Open the file.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.

        Raises:
            FileNotFoundError: There is no such file.
            CompressedVideoError: The file cannot be used.
        """
        source = results['filename']
        if not isinstance(source, (str, os.PathLike)):
            video = CompressedVideo(source)
        elif self.backend_args is not None:
            video = CompressedVideo(
                fileio.get(source, backend_args=self.backend_args))
        else:
            video = self._open(source)
        results['video'] = video
        results['total_frames'] = len(video)
        results['original_shape'] = (video.height, video.width)
        return results

    def _open(self, path: Union[str, os.PathLike]) -> CompressedVideo:
        """Open a file with its index, if there is one."""
        state = os.stat(path)
        key = os.fspath(path), state.st_size, state.st_mtime_ns
        index = self._kept.get(key)
        if index is not None:
            return CompressedVideo(path, index=index)
        if self.index_cache is not None:
            index = self._stored_index(*key)
        video = CompressedVideo(path, index=index)
        # Payloads are packets themselves: far too much to be kept.
        if len(video) <= self._room and not video.index.payloads:
            self._kept[key] = video.index
            self._room -= len(video)
        return video

    def _stored_index(self, path: str, size: int, time: int) -> VideoIndex:
        """Return an index from the folder, where it is put first."""
        path = osp.abspath(path)
        key = f'{path}\n{size}\n{time}'
        name = hashlib.sha1(key.encode()).hexdigest() + '.npz'
        cached = osp.join(self.index_cache, name)
        try:
            return VideoIndex.load(cached)
        except FileNotFoundError:
            pass
        except (CompressedVideoError, OSError):
            warn_once(f'{self.index_cache}: indices that are damaged or of '
                      'another version are made again')
        index = VideoIndex.build(path)
        try:
            # Atomic: another worker may write the same index at that time.
            index.save(cached)
        except OSError as error:
            warn_once(f'{self.index_cache}: indices are not kept '
                      f'({error.strerror or error})')
        return index

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(backend_args={self.backend_args}, '
                f'index_cache={self.index_cache!r}, '
                f'pictures_kept={self.pictures_kept})')
