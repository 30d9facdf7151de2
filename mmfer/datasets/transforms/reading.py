# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Read residuals, or the true pictures for comparison, into ``imgs``."""
from typing import List, Union

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmfer.codec import CompressedVideoError, Residual
from mmfer.codec.motion import dense
from mmfer.registry import TRANSFORMS

#: Motion is stored in units of a quarter pixel, the precision of the codecs.
MOTION_UNITS_PER_PIXEL = 4

MODES = ('single', 'chained', 'accumulated')
CHANNELS = ('bgr', 'yuv', 'y')


class MotionNotStored(CompressedVideoError):
    """Motion was asked of a stream whose decoder does not export it."""


@TRANSFORMS.register_module()
class ReadResiduals(BaseTransform):
    """Read what the encoder stored, without decoding the pictures.

    Required Keys:

    - video (CompressedVideo)
    - frame_inds, clip_starts, clip_len, num_clips (see ``SampleSegments``)

    Added Keys:

    - imgs (list[np.ndarray]): One array of its own per picture, int16,
      (H, W, C). Residuals in grey levels of 8 bits, signed. With ``motion``
      the last two channels are the motion x and y, from the picture to its
      reference, in quarter pixels of the clip: transforms that resize the
      pictures leave these numbers as they are, so the clips of a data set
      should have one size.
    - img_shape (tuple): Height and width.
    - modality (str): 'Residual'.
    - num_residual_channels (int): Channels before the motion.

    Removed Keys:

    - video: Closed.

    Args:
        mode (str): What a residual stands for. 'single': the residual of one
            packet, exact, read by random access. 'chained': all packets from
            ``start`` on applied to a flat grey picture, that is the picture
            minus the motion-compensated first one; no I picture is read.
            'accumulated': picture minus the I picture warped along the motion
            (CoViAR), which needs full decoding. Defaults to 'chained'.
        channels (str): 'bgr', 'yuv' (three channels) or 'y' (one, the
            fastest). Defaults to 'bgr'.
        motion (bool): Whether to append the motion. In the mode 'chained' it
            is summed up along the chain. Defaults to False.
        otherwise (str): With 'single', what to read in place of a picture that
            has no residual: 'nearest_p', 'zeros', 'error', or 'pixels' for B
            pictures of H.264. Defaults to 'nearest_p'.
        start (str | int): With 'chained', where the chain begins: 'window',
            at the window that was sampled; a number, at that picture.
            Defaults to 'window', which is 0 if the whole clip is sampled.
        pictures (str): With 'chained', 'P' leaves B pictures out (nothing
            refers to them) and reads their nearest P, 'all' includes them.
            Defaults to 'P'.
        at_keyframe (str): With 'chained', what an I picture within the window
            does: 'skip' carries on, 'restart' begins again from grey.
            Defaults to 'skip'.
        intra (str): With 'chained', what becomes of blocks that are not
            predicted: 'keep' them as decoded, or 'zero'. Defaults to 'keep'.
        interpolation (str): With 'accumulated', 'integer' as CoViAR, or
            'subpel'. Defaults to 'integer'.
    """

    def __init__(self,
                 mode: str = 'chained',
                 channels: str = 'bgr',
                 motion: bool = False,
                 otherwise: str = 'nearest_p',
                 start: Union[str, int] = 'window',
                 pictures: str = 'P',
                 at_keyframe: str = 'skip',
                 intra: str = 'keep',
                 interpolation: str = 'integer') -> None:
        _one_of('mode', mode, MODES)
        _one_of('channels', channels, CHANNELS)
        _one_of('otherwise', otherwise,
                ('nearest_p', 'zeros', 'error', 'pixels'))
        _one_of('pictures', pictures, ('P', 'all'))
        _one_of('at_keyframe', at_keyframe, ('skip', 'restart'))
        _one_of('intra', intra, ('keep', 'zero'))
        _one_of('interpolation', interpolation, ('integer', 'subpel'))
        if start != 'window' and not (isinstance(start, int) and start >= 0):
            raise ValueError(
                f"`start` is 'window' or a display index, got {start!r}")
        self.mode = mode
        self.channels = channels
        self.motion = motion
        self.otherwise = otherwise
        self.start = start
        self.pictures = pictures
        self.at_keyframe = at_keyframe
        self.intra = intra
        self.interpolation = interpolation

    def transform(self, results: dict) -> dict:
        """Read the residuals.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.

        Raises:
            CompressedVideoError: The stream has no usable residuals.
        """
        with results.pop('video') as video:
            # Nothing must hold the residuals when the video is closed: what
            # they have not been asked for would be copied.
            imgs = [self._array(r) for r in self._read(video, results)]
        results['imgs'] = imgs
        results['img_shape'] = imgs[0].shape[:2]
        results['modality'] = 'Residual'
        results['num_residual_channels'] = \
            imgs[0].shape[2] - (2 if self.motion else 0)
        return results

    def _read(self, video, results: dict) -> List[Residual]:
        indices = [int(i) for i in results['frame_inds']]
        if self.mode == 'single':
            return video.residuals_at(indices, otherwise=self.otherwise)
        if self.mode == 'accumulated':
            return video.accumulated_at(
                indices, interpolation=self.interpolation)
        residuals = []
        length = results['clip_len']
        for clip, window in enumerate(results['clip_starts']):
            start = int(window) if self.start == 'window' else self.start
            # The chain walks forwards: what lies before it reads its start.
            asked = indices[clip * length:(clip + 1) * length]
            residuals += video.chained_at(
                [max(i, start) for i in asked],
                start=start,
                pictures=self.pictures,
                at_keyframe=self.at_keyframe,
                intra=self.intra,
                motion=self.motion)
        return residuals

    def _array(self, residual: Residual) -> np.ndarray:
        """Put a residual into an array of its own, (H, W, C) int16."""
        if self.channels == 'bgr':
            planes = residual.to_bgr()
        else:
            planes = residual.to_yuv() if self.channels == 'yuv' \
                else residual.y[:, :, None]
            if residual.bit_depth > 8:  # to_bgr has done so itself
                planes = _to_eight_bits(planes, residual.bit_depth)
        if not self.motion:
            return planes
        if residual.motion is None:
            raise MotionNotStored(
                'this stream gives no motion vectors (HEVC does not export '
                'them): set motion=False, or transcode to MPEG-4 or H.264')
        # Rounded before it is spread over the pixels of its cells.
        motion = np.rint(residual.motion * np.float32(MOTION_UNITS_PER_PIXEL))
        limits = np.iinfo(np.int16)
        motion = np.clip(motion, limits.min, limits.max).astype(np.int16)
        height, width = planes.shape[:2]
        axes = [dense(motion[..., axis], height, width) for axis in (0, 1)]
        return cv2.merge([planes, *axes])

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(mode={self.mode!r}, '
                f'channels={self.channels!r}, motion={self.motion}, '
                f'otherwise={self.otherwise!r}, start={self.start!r}, '
                f'pictures={self.pictures!r}, '
                f'at_keyframe={self.at_keyframe!r}, intra={self.intra!r}, '
                f'interpolation={self.interpolation!r})')


@TRANSFORMS.register_module()
class ReadFrames(BaseTransform):
    """Read the true pictures at the same places: the RGB twin.

    Required Keys:

    - video (CompressedVideo)
    - frame_inds (np.ndarray)

    Added Keys:

    - imgs (list[np.ndarray]): One array of its own per picture, uint8 RGB,
      (H, W, 3).
    - img_shape (tuple): Height and width.
    - modality (str): 'RGB'.

    Removed Keys:

    - video: Closed.
    """

    def transform(self, results: dict) -> dict:
        """Decode the pictures.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added keys.

        Raises:
            CompressedVideoError: The stream cannot be decoded.
        """
        with results.pop('video') as video:
            frames = video.frames_at([int(i) for i in results['frame_inds']])
        # A picture that is asked for twice must not be flipped twice.
        results['imgs'] = [np.array(frame) for frame in frames]
        results['img_shape'] = results['imgs'][0].shape[:2]
        results['modality'] = 'RGB'
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


def _one_of(name: str, value: str, allowed: tuple) -> None:
    if value not in allowed:
        listed = ', '.join(repr(a) for a in allowed)
        raise ValueError(f'`{name}` is one of {listed}, got {value!r}')


def _to_eight_bits(planes: np.ndarray, bit_depth: int) -> np.ndarray:
    """Round residuals of a deeper stream to grey levels of 8 bits."""
    scale = np.float32(2.**(8 - bit_depth))
    return np.rint(planes * scale).astype(np.int16)
