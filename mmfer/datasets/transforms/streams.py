# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Further pictures of a training sample, cropped exactly like the residuals.

A method may need the keyframe or the apex picture during training. They are
read before the residuals, join ``imgs`` for the spatial transforms, and leave
again as streams of their own::

    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments'),
    dict(type='mmfer.ReadKeyframe'),
    dict(type='mmfer.ReadApex'),
    dict(type='mmfer.ReadResiduals'),
    dict(type='mmfer.JoinStreams', streams=('keyframe', 'apex')),
    ...                                         # crops, resizing, flips
    dict(type='mmfer.SplitStreams'),
    dict(type='mmfer.FormatResidual', input_format='NCHW'),
    dict(type='PackActionInputs', collect_keys=('imgs', 'keyframe', 'apex'),
         algorithm_keys=('apex_valid', ))

In test none of these is used: no picture is ever decoded there.
"""
from typing import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmfer.registry import TRANSFORMS
from ..identity_file import group_of


@TRANSFORMS.register_module()
class ReadKeyframe(BaseTransform):
    """Read one intra-coded picture, for what it tells about the person.

    Required Keys:

    - video (CompressedVideo): Stays open for the transform that reads
      ``imgs``.
    - frame_inds (np.ndarray)

    Added Keys:

    - keyframe (np.ndarray): uint8 RGB, (H, W, 3).

    Args:
        which (str): 'first', the first keyframe of the file; 'last', the
            last one before the sampled pictures end; 'same_gop', that of the
            group that most of the sampled pictures lie in.
            Defaults to 'first'.
    """

    def __init__(self, which: str = 'first') -> None:
        if which not in ('first', 'last', 'same_gop'):
            raise ValueError("`which` is 'first', 'last' or 'same_gop', got "
                             f'{which!r}')
        self.which = which

    def transform(self, results: dict) -> dict:
        """Decode the keyframe.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added key.
        """
        video = results['video']
        keyframes = np.asarray(video.keyframes)
        index = keyframes[0] if len(keyframes) else 0
        if self.which == 'last':
            earlier = keyframes[keyframes <= results['frame_inds'].max()]
            index = earlier[-1] if len(earlier) else index
        elif self.which == 'same_gop' and len(keyframes):
            index = keyframes[group_of(keyframes, results['frame_inds'])]
        results['keyframe'] = np.array(video.frame_at(int(index)))
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(which={self.which!r})'


@TRANSFORMS.register_module()
class ReadApex(BaseTransform):
    """Read the picture of the strongest expression, where it is annotated.

    Required Keys:

    - video (CompressedVideo): Stays open for the transform that reads
      ``imgs``.
    - apex (int, optional): Display index.

    Added Keys:

    - apex (np.ndarray): uint8 RGB, (H, W, 3); zeros where no apex is known.
    - apex_index (int): The display index, or -1.
    - apex_valid (torch.Tensor): float32, shape (1, ), 1 or 0. A loss on the
      apex is weighted by it, so that every sample has the same keys.
    """

    def transform(self, results: dict) -> dict:
        """Decode the apex.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.
        """
        video = results['video']
        index = results.get('apex')
        known = index is not None and 0 <= index < len(video)
        if known:
            picture = np.array(video.frame_at(int(index)))
        else:
            picture = np.zeros((video.height, video.width, 3), np.uint8)
        results['apex'] = picture
        results['apex_index'] = int(index) if known else -1
        results['apex_valid'] = torch.tensor([float(known)])
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


@TRANSFORMS.register_module()
class JoinStreams(BaseTransform):
    """Append pictures to ``imgs``, so that they are cropped and flipped alike.

    Required Keys:

    - imgs (list[np.ndarray])
    - the names in ``streams`` (np.ndarray): (H, W, C)

    Modified Keys:

    - imgs: Longer by one array per stream.

    Added Keys:

    - joined_streams (tuple[str]): The names, in the order of the arrays.

    Args:
        streams (Sequence[str]): Names of the keys.
            Defaults to ``('keyframe', )``.
    """

    def __init__(self, streams: Sequence[str] = ('keyframe', )) -> None:
        self.streams = tuple(streams)

    def transform(self, results: dict) -> dict:
        """Append the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.

        Raises:
            ValueError: A stream was not read, or has another size.
        """
        imgs = list(results['imgs'])
        for name in self.streams:
            picture = results.get(name)
            if not isinstance(picture, np.ndarray):
                raise ValueError(
                    f'no stream {name!r} to join: put its reading transform '
                    'before the one that reads `imgs`')
            if picture.shape[:2] != imgs[0].shape[:2]:
                raise ValueError(
                    f'stream {name!r} has {picture.shape[:2]}, `imgs` '
                    f'{imgs[0].shape[:2]} (height, width)')
            imgs.append(picture)
        results['imgs'] = imgs
        results['joined_streams'] = self.streams
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(streams={self.streams})'


@TRANSFORMS.register_module()
class SplitStreams(BaseTransform):
    """Take the joined pictures out of ``imgs`` again.

    Required Keys:

    - imgs (list[np.ndarray])
    - joined_streams (tuple[str])

    Modified Keys:

    - imgs: Without the joined pictures.
    - the names in ``joined_streams`` (np.ndarray): (C, H, W), cropped.

    Removed Keys:

    - joined_streams
    """

    def transform(self, results: dict) -> dict:
        """Take the pictures out.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.

        Raises:
            ValueError: A transform in between multiplied the pictures.
        """
        names = results.pop('joined_streams')
        imgs = list(results['imgs'])
        count = results['num_clips'] * results['clip_len']
        if len(imgs) != count + len(names):
            raise ValueError(
                f'expected {count} + {len(names)} pictures, got {len(imgs)}: '
                'crops that multiply pictures (ThreeCrop, TenCrop) do not go '
                'together with streams')
        for name, picture in zip(names, imgs[count:]):
            results[name] = np.ascontiguousarray(picture.transpose(2, 0, 1))
        results['imgs'] = imgs[:count]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
