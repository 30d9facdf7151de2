# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Labelled clips with an identity file beside them."""
from pathlib import Path
from typing import Sequence, Union

import numpy as np

from mmfer.datasets import read_annotations
from mmfer.datasets.identity_file import IdentityEmbeddings

from .labelled_clips import write_labelled_clips


def write_identities(annotations: Union[str, Path],
                     name: str = 'identity.npz',
                     channels: int = 24,
                     whitened: int = 16,
                     seed: int = 0,
                     parts: Sequence[str] = ('train', )) -> Path:
    """Write made-up identities: one direction for each person, and noise.

    Args:
        annotations (str | Path): Annotation file.
        name (str): File to write beside it. Defaults to 'identity.npz'.
        channels (int): D. Defaults to 24.
        whitened (int): d, of a stored whitening that keeps the first
            channels. Defaults to 16.
        seed (int): Defaults to 0.
        parts (Sequence[str]): Names of the whitenings: 'train', or 'fold1'
            for one that was fitted without fold 1. Defaults to ('train', ).

    Returns:
        Path: The identity file.
    """
    clips = read_annotations(str(annotations))[1]
    generator = np.random.default_rng(seed)
    persons = {}
    rows = []
    for clip in clips:
        if clip['subject'] not in persons:
            persons[clip['subject']] = generator.standard_normal(channels)
        noise = 0.1 * generator.standard_normal(channels)
        rows.append(persons[clip['subject']] + noise)
    path = Path(annotations).parent / name
    whitening = np.zeros(channels), np.eye(channels, whitened)
    IdentityEmbeddings([clip['path'] for clip in clips],
                       np.array(rows),
                       np.zeros(len(rows)),
                       metadata=dict(which='first'),
                       whitenings={part: whitening
                                   for part in parts}).save(path)
    return path


def write_identity_data(folder: Union[str, Path], **kwargs) -> Path:
    """Write clips and identities where the shipped configs look for them.

    Args:
        folder (str | Path): What ``MMFER_DATA`` should name.
        **kwargs: As :func:`write_labelled_clips`.

    Returns:
        Path: The folder of the data set.
    """
    target = Path(folder) / 'synthetic_faces'
    annotations = write_labelled_clips(target, **kwargs)
    for name in ('identity.npz', 'identity_same_gop.npz'):
        write_identities(annotations, name)
    return target
