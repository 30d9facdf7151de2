# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measure the identity leakage of a trained recogniser."""
import logging
from typing import NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.logging import print_log
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmfer.codec import CompressedVideo
from mmfer.datasets.identity_file import IdentityEmbeddings
from mmfer.evaluation.leakage import (LeakageData, LeakageReport,
                                      leakage_report)
from mmfer.models.identity.encoder_settings import same_encoder
from .features import FeatureSet, extract_features, split_dataloader

#: Pictures for the inversion attack are kept at this height and width.
FACE_SIZE = 64


class Measured(NamedTuple):
    """What :func:`measure_leakage` gives.

    Args:
        report (LeakageReport): The numbers.
        features (FeatureSet): Of the measured clips.
        fit_features (FeatureSet | None): Of the clips fitted on.
        data (LeakageData): What the battery read.
        fit (LeakageData | None): Likewise.
    """
    report: LeakageReport
    features: FeatureSet
    fit_features: Optional[FeatureSet]
    data: LeakageData
    fit: Optional[LeakageData]


def measure_leakage(model: nn.Module,
                    dataloader: DataLoader,
                    fit_dataloader: Optional[DataLoader] = None,
                    identity: Optional[IdentityEmbeddings] = None,
                    encoder=None,
                    level: str = 'full',
                    seed: int = 0,
                    progress: bool = True) -> Measured:
    """Extract features of unseen persons and run the battery on them.

    Args:
        model (nn.Module): A recogniser of mmaction2.
        dataloader (DataLoader): Persons that the model was not trained on.
        fit_dataloader (DataLoader, optional): Other persons, usually those of
            the training, in test mode. Persons who are in both are left out
            here. Defaults to None.
        identity (IdentityEmbeddings, optional): Face embeddings of all clips.
            Defaults to None: no dependence, no information, no inversion.
        encoder (IdentityEncoder, optional): The network that made them, for
            the inversion attack. Defaults to None, no attack.
        level (str): 'fast' or 'full'. Defaults to 'full'.
        seed (int): Of the battery. Defaults to 0.
        progress (bool): Whether to show progress bars. Defaults to True.

    Returns:
        Measured: Report, features and data.
    """
    pictures = encoder is not None and level == 'full' and \
        fit_dataloader is not None
    if encoder is not None:
        _check_encoder(encoder, identity)
    features = extract_features(model, dataloader, progress)
    data = gather(features, identity,
                  read_faces(dataloader.dataset, features.paths, identity)
                  if pictures else None)
    fit_features = fit = None
    if fit_dataloader is not None:
        # A training goes on without clips that cannot be read, and without
        # their embeddings; so do the attacks, which are fitted on it.
        fit_features = extract_features(model, fit_dataloader, progress,
                                        skip_unreadable=True)
        if identity is not None:
            fit_features = fit_features.of(
                np.array([path in identity for path in fit_features.paths]))
        faces = read_faces(fit_dataloader.dataset, fit_features.paths,
                           identity) if pictures else None
        fit = _others(gather(fit_features, identity, faces), data)
    report = leakage_report(data, fit,
                            encoder.encode if pictures and fit else None,
                            level, seed)
    return Measured(report, features, fit_features, data, fit)


def gather(features: FeatureSet,
           identity: Optional[IdentityEmbeddings] = None,
           faces: Optional[np.ndarray] = None) -> LeakageData:
    """Put features and identities of the same clips together.

    Args:
        features (FeatureSet): Of N clips.
        identity (IdentityEmbeddings, optional): Of at least these clips; the
            raw embeddings are taken. Defaults to None.
        faces (np.ndarray, optional): uint8 (N, H, W, 3) RGB.
            Defaults to None.

    Returns:
        LeakageData: Without the clips whose person is not known.

    Raises:
        IdentityFileError: A clip has no embedding.
    """
    embeddings = None if identity is None else np.stack(
        [identity[path] for path in features.paths])
    return LeakageData(features.features, features.labels, features.subjects,
                       embeddings, features.scores, faces)


def read_faces(dataset: Dataset,
               paths: Sequence[str],
               identity: Optional[IdentityEmbeddings] = None) -> np.ndarray:
    """Decode one keyframe of each clip.

    Args:
        dataset (Dataset): A :class:`mmfer.FERDataset`.
        paths (Sequence[str]): N of its clips, in its order.
        identity (IdentityEmbeddings, optional): Says which picture was
            embedded. Defaults to None, the first.

    Returns:
        np.ndarray: uint8 (N, 64, 64, 3) RGB.
    """
    frames = {}
    if identity is not None:
        for path, number in zip(identity.row_paths, identity.frames.tolist()):
            frames.setdefault(path, number)
    faces, wanted = [], set(paths)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if info['path'] not in wanted:
            continue
        # -1 stands for the mean of all keyframes: the first represents it.
        frame = max(frames.get(info['path'], 0), 0)
        with CompressedVideo(info['filename']) as video:
            picture = video.frame_at(frame)
        faces.append(
            cv2.resize(
                picture, (FACE_SIZE, FACE_SIZE),
                interpolation=cv2.INTER_AREA))
    return np.stack(faces)


def leakage_dataloaders(config: dict,
                        split: Optional[str] = None,
                        fit_split: Optional[str] = None
                        ) -> Tuple[DataLoader, DataLoader]:
    """Build the loaders of measured and of other persons from one config.

    With splits, the measured persons are those of the test and the others
    those of the training; with folds, the others are those of all other folds.

    Args:
        config (dict): ``cfg.test_dataloader``.
        split (str, optional): Measured split. Defaults to None, that of the
            config.
        fit_split (str, optional): Defaults to None, 'train'.

    Returns:
        tuple[DataLoader, DataLoader]: Measured and others, in test mode.
    """
    measured = split_dataloader(config, split)
    if config['dataset'].get('fold') is not None:
        return measured, split_dataloader(config, fold_role='train')
    return measured, split_dataloader(config, fit_split or 'train')


def _others(fit: LeakageData, data: LeakageData) -> Optional[LeakageData]:
    """Only the persons who are not measured; None if fewer than two."""
    known = np.isin(fit.subjects, np.unique(data.subjects))
    if known.any():
        print_log(
            f'{len(np.unique(fit.subjects[known]))} persons are measured and '
            'were trained on: the attacks are fitted without them, and the '
            'leakage is not that of unseen persons',
            logger='current',
            level=logging.WARNING)
        fit = LeakageData(*(value if value is None else value[~known]
                            for value in _values(fit)))
    return fit if len(np.unique(fit.subjects)) > 1 else None


def _values(data: LeakageData) -> Sequence[Optional[np.ndarray]]:
    return (data.features, data.labels, data.subjects, data.identity,
            data.scores, data.faces)


def _check_encoder(encoder, identity: Optional[IdentityEmbeddings]) -> None:
    if identity is None:
        raise ValueError('the inversion attack compares with the identity '
                         'embeddings of the same encoder: give their file')
    stored = identity.metadata.get('encoder')
    if stored and encoder.settings and \
            not same_encoder(stored, encoder.settings):
        raise ValueError(
            f'{identity.name}: was made by another face network: '
            f'{stored} instead of {encoder.settings}')
