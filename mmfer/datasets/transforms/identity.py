# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Who a clip shows: its keyframe, or the stored embedding of it."""
from typing import Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmfer.registry import TRANSFORMS
from ..face_preprocess import FacePreprocess
from ..identity_file import IdentityEmbeddings


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


@TRANSFORMS.register_module()
class FormatKeyframe(BaseTransform):
    """Make an untouched keyframe a stream for an identity encoder.

    The pictures in ``imgs`` may be cropped and flipped; the keyframe stays as
    it was decoded, so that the encoder gives the embedding that would be
    stored. Goes anywhere behind ``ReadKeyframe``, without ``JoinStreams``.
    The data preprocessor must leave the stream alone:
    ``streams=dict(keyframe=dict(mean=[0.], std=[1.]))``.

    Required Keys:

    - keyframe (np.ndarray): uint8 RGB, (H, W, 3).

    Modified Keys:

    - keyframe: (3, H, W).

    Args:
        preprocess (dict, optional): ``size`` and ``crop`` of the encoder, to
            prepare the picture in the worker process; needed where clips
            differ in size. Defaults to None: the encoder does it.
    """

    def __init__(self, preprocess: Optional[dict] = None) -> None:
        self.preprocess = \
            None if preprocess is None else FacePreprocess(**preprocess)

    def transform(self, results: dict) -> dict:
        """Format the picture.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample.
        """
        picture = results['keyframe']
        if self.preprocess is not None:
            picture = self.preprocess.prepare(picture)
        results['keyframe'] = np.ascontiguousarray(picture.transpose(2, 0, 1))
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(preprocess={self.preprocess!r})'


@TRANSFORMS.register_module()
class LoadIdentity(BaseTransform):
    """Look up who a clip shows in an identity file, for training.

    ``tools/data/extract_identity.py`` makes the file. Goes anywhere behind
    ``SampleSegments``; packed by
    ``PackActionInputs(algorithm_keys=('identity', ))``. A test pipeline has
    no use for it.

    Required Keys:

    - path (str): The clip as the annotation file writes it.
    - frame_inds (np.ndarray): Only for a file with several keyframes a clip
      (``--which same_gop``): that of the group that most of the sampled
      pictures lie in is taken.

    Added Keys:

    - identity (torch.Tensor): float32, (D, ) or, whitened, (d, ).

    Args:
        file (str): The identity file.
        whiten (bool): Whether to apply the whitening that is stored beside
            the embeddings. Defaults to True.
        fold (int, optional): The fold that is tested, where the whitening
            was fitted without each fold. Defaults to None.

    Raises:
        IdentityFileError: The file is missing, damaged, or holds no such
            whitening; in use: no such clip.
    """

    def __init__(self,
                 file: str,
                 whiten: bool = True,
                 fold: Optional[int] = None) -> None:
        self.file = file
        self.whiten = whiten
        self.fold = fold
        # Read here, so that a wrong file is told before the training.
        self.identities = IdentityEmbeddings.load(file)
        if whiten:
            self.identities.whiten(self.identities.embeddings[:1], fold)

    def transform(self, results: dict) -> dict:
        """Look the clip up.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with the added key.
        """
        if self.identities.metadata.get('which') == 'same_gop':
            identity = self.identities.at(results['path'],
                                          results['frame_inds'])
        else:
            identity = self.identities[results['path']]
        if self.whiten:
            identity = self.identities.whiten(identity, self.fold)
        results['identity'] = torch.from_numpy(identity)
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(file={self.file!r}, '
                f'whiten={self.whiten}, fold={self.fold})')
