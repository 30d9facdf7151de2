# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The test pipeline of a config, taken apart at the places of inference.

A test reads a file as a whole. Inference reads windows of a file that stays
open, and cuts faces out before the pipeline goes on. The transforms are those
of the config and do what they do in a test, so a window that is the whole
file gives the sample of the test.
"""
import copy
from typing import Any, Callable, Dict, Optional, Sequence, Set, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import DefaultScope

from mmfer.codec import CompressedVideo
from mmfer.datasets.preparation.crop import Box, cut

_OPENING, _SAMPLING = 'OpenCompressedVideo', 'SampleSegments'
_READING = ('ReadResiduals', 'ReadFrames')
_RESIDUALS = ('residuals_at', 'chained_at', 'accumulated_at')
#: Where nothing tells how large the clips of the training were.
_CLIP_SIZE = 224
_MULTIPLE = 16


class UnsuitableConfig(ValueError):
    """A config or a checkpoint that no prediction can be made with."""


class ClipPipeline:
    """Make samples for a network out of windows of an open video.

    Args:
        steps (Sequence[dict]): ``test_pipeline`` of a config: it opens with
            ``mmfer.OpenCompressedVideo``, samples with
            ``mmfer.SampleSegments`` and reads with ``mmfer.ReadResiduals`` or
            ``mmfer.ReadFrames``.
        scope (str): Default scope of the config. Defaults to 'mmaction'.

    Attributes:
        reader: The reading transform.
        num_segments (int): Pictures that are read of a window.

    Raises:
        UnsuitableConfig: The pipeline does something else.
    """

    def __init__(self, steps: Sequence[dict], scope: str = 'mmaction') -> None:
        steps = [copy.deepcopy(dict(step)) for step in steps]
        names = [str(step['type']).split('.')[-1] for step in steps]
        if 'StoredReader' in names:
            place = names.index('StoredReader')
            steps[place] = dict(steps[place]['reader'])
            names[place] = str(steps[place]['type']).split('.')[-1]
        if names[:2] != [_OPENING, _SAMPLING] or len(names) < 3 or \
                names[2] not in _READING:
            raise UnsuitableConfig(
                'the `test_pipeline` of the config begins with '
                f'{", ".join(names[:3])}; inference needs '
                f'mmfer.{_OPENING}, mmfer.{_SAMPLING} and one of '
                f'{", ".join("mmfer." + name for name in _READING)}')
        with DefaultScope.overwrite_default_scope(scope):
            self._sampler, self.reader = map(ROOT_TRANSFORMS.build, steps[1:3])
            self._rest = Compose(steps[3:])
        self._steps = steps
        self.num_segments = \
            self._sampler.num_segments * self._sampler.num_clips

    def read(self, video: CompressedVideo, first: int,
             stop: int) -> Dict[str, Any]:
        """Read what a network is shown of a window.

        Args:
            video (CompressedVideo): Stays open.
            first, stop (int): Display indices; the last one is outside.

        Returns:
            dict: The sample behind the reading transform: ``imgs``, …, and
            ``damaged_inds``, the pictures whose residuals are damaged or
            whose header cannot be read, as far as they were asked for.

        Raises:
            CompressedVideoError: The window cannot be read.
        """
        results = dict(
            filename=video.name, label=-1, start_index=0,
            total_frames=stop - first,
            original_shape=(video.height, video.width))
        results = self._sampler(results)
        results['frame_inds'] = results['frame_inds'] + first
        results['clip_starts'] = results['clip_starts'] + first
        results['video'] = watched = _Watched(video)
        results = self._reader_of(first)(results)
        kinds = video.index.known_types
        unread = {at for at in range(first, stop) if kinds[at] == '?'}
        return dict(results, damaged_inds=sorted(watched.damaged | unread))

    def _reader_of(self, first: int):
        """A chain from a fixed picture starts there within the window."""
        start = getattr(self.reader, 'start', 'window')
        if not first or start == 'window':
            return self.reader
        reader = copy.copy(self.reader)
        reader.start = start + first
        return reader

    def finish(self, results: Dict[str, Any]) -> Dict[str, Any]:
        """Do what the config does behind the reading.

        Args:
            results (dict): Of :meth:`read` or :meth:`cropped`.

        Returns:
            dict: ``inputs`` and ``data_samples``, for the model.
        """
        return self._rest(dict(results, imgs=list(results['imgs'])))

    def cropped(self, results: Dict[str, Any], box: Box,
                size: int) -> Dict[str, Any]:
        """Cut a face out and bring it to the size of the training's clips.

        What is outside of the picture did not change: it is zero. Motion is
        in pixels, so it shrinks with the picture.

        Args:
            results (dict): Of :meth:`read`; not changed.
            box (tuple[int]): Left, top, right, bottom.
            size (int): Side of the result in pixels.

        Returns:
            dict: A sample with pictures of its own.
        """
        channels = results.get('num_residual_channels',
                               results['imgs'][0].shape[2])
        scale = size / (box[2] - box[0])
        imgs = []
        for img in results['imgs']:
            part = cut(img, box)
            part = part if part.ndim == 3 else part[:, :, None]
            planes = [_resized(part[..., :channels], size)]
            if part.shape[2] > channels:
                motion = _resized(part[..., channels:], size) * scale
                planes.append(np.rint(motion).astype(part.dtype))
            imgs.append(np.concatenate(planes, axis=2))
        return dict(results, imgs=imgs, img_shape=(size, size))

    def clip_size(self, coding: Optional[dict] = None) -> int:
        """Tell how large a cropped clip of the training was.

        Args:
            coding (dict, optional): How the clips were prepared, from the
                checkpoint. Defaults to None.

        Returns:
            int: Side in pixels.
        """
        size = (((coding or {}).get('encoding')) or {}).get('size')
        if size:
            return int(np.max(size))
        for step in self._steps[3:]:
            name = str(step['type']).split('.')[-1]
            if name == 'Resize':
                return _side(step['scale'])
            if name.endswith('Crop') and 'crop_size' in step:
                # The usual margin of a centre crop: 7/8 of the clip.
                side = _side(step['crop_size']) * 8 / 7
                return round(side / _MULTIPLE) * _MULTIPLE
        return _CLIP_SIZE


class _Watched:
    """A video that the reading transform does not close.

    It notes which of the residuals that are read are damaged.
    """

    def __init__(self, video: CompressedVideo) -> None:
        self._video = video
        self.damaged: Set[int] = set()

    def __enter__(self) -> '_Watched':
        return self

    def __exit__(self, *_) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._video, name)
        return self._noting(found) if name in _RESIDUALS else found

    def __len__(self) -> int:
        return len(self._video)

    def _noting(self, read: Callable) -> Callable:
        def noted(*args, **options):
            residuals = read(*args, **options)
            self.damaged.update(
                one.index for one in residuals if one.damaged)
            return residuals

        return noted


def _side(scale) -> int:
    sides = scale if isinstance(scale, (tuple, list)) else (scale, )
    finite = [int(side) for side in sides if 0 < side < np.inf]
    return max(finite) if finite else _CLIP_SIZE


def _resized(planes: np.ndarray, size: int) -> np.ndarray:
    """Resize (H, W, C), at most four channels, and keep the channel axis."""
    if planes.shape[:2] == (size, size):
        return planes
    shrinks = planes.shape[0] > size
    resized = cv2.resize(
        np.ascontiguousarray(planes), (size, size),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized if resized.ndim == 3 else resized[:, :, None]


def dataset_meta(meta: dict) -> dict:
    """Return what a checkpoint tells about the data of its training.

    Args:
        meta (dict): ``meta`` of the checkpoint.

    Returns:
        dict: Empty where it tells nothing.
    """
    found = meta.get('dataset_meta')
    return found if isinstance(found, dict) else {}


def class_names(meta: dict, cfg: Config, count: int) -> Tuple[str, ...]:
    """Find the names of a model's classes.

    Args:
        meta (dict): ``meta`` of the checkpoint, which comes first.
        cfg (Config): ``classes`` of its test data set come next.
        count (int): Classes of the head.

    Returns:
        tuple[str]: As many names; numbers where nobody knows better.

    Raises:
        UnsuitableConfig: There are names, but not as many.
    """
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    for names in (dataset_meta(meta).get('classes'),
                  dataset.get('classes'),
                  (dataset.get('metainfo') or {}).get('classes')):
        if names:
            if len(names) != count:
                raise UnsuitableConfig(
                    f'the checkpoint names {len(names)} classes, the head of '
                    f'the config has {count}: they do not belong together')
            return tuple(map(str, names))
    return tuple(map(str, range(count)))
