# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The vectors that the classifier reads, of every clip of a data set."""
import copy
import logging
from dataclasses import dataclass, replace
from typing import Callable, List, Optional, Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmfer.atomic import writing
from mmfer.datasets.fer_dataset import UnreadableClip
from mmfer.progress import ProgressLine

#: Raised when the layout of the file changes.
VERSION = 1


@dataclass(frozen=True)
class FeatureSet:
    """Features of N clips and what is known of the clips.

    Args:
        features (np.ndarray): float32 (N, D), the input of the classifier.
        labels (np.ndarray): int64 (N, ), the true class.
        subjects (np.ndarray): str (N, ), the person; '' where unknown.
        paths (np.ndarray): str (N, ), as in the annotation file.
        scores (np.ndarray): float32 (N, K), the prediction.
        classes (tuple[str]): Names of the K classes; may be empty.
    """
    features: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    paths: np.ndarray
    scores: np.ndarray
    classes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.features)

    def of(self, mask: np.ndarray) -> 'FeatureSet':
        """Give some of the clips.

        Args:
            mask (np.ndarray): bool (N, ).
        """
        return replace(self, **{
            name: getattr(self, name)[mask] for name in
            ('features', 'labels', 'subjects', 'paths', 'scores')
        })

    def save(self, path: str) -> None:
        """Write an ``.npz`` file; nothing partial is left behind.

        Args:
            path (str): The file; replaced if it exists.
        """
        with writing(path, 'wb') as file:
            np.savez(
                file,
                version=VERSION,
                features=self.features.astype(np.float32),
                labels=self.labels.astype(np.int64),
                subjects=self.subjects.astype(str),
                paths=self.paths.astype(str),
                scores=self.scores.astype(np.float32),
                classes=np.array(self.classes, dtype=str))

    @classmethod
    def load(cls, path: str) -> 'FeatureSet':
        """Read what :meth:`save` wrote.

        Args:
            path (str): The file.

        Returns:
            FeatureSet: The features.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file['version']) != VERSION:
                    raise ValueError(f'version {int(file["version"])}')
                stored = {name: file[name] for name in file.files}
            del stored['version']
            classes = tuple(str(name) for name in stored.pop('classes'))
            return cls(classes=classes, **stored)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(
                f'{path}: not a feature file of version {VERSION} ({error}); '
                'extract the features again') from None


def find_classifier(model: nn.Module) -> List[nn.Linear]:
    """Find the linear layers of a recogniser's head that end in the classes.

    Args:
        model (nn.Module): An mmaction2 recogniser.

    Returns:
        list[nn.Linear]: At least one; of several, the last one to be run is
        the classifier.

    Raises:
        ValueError: The model has no head or the head no such layer.
    """
    head = getattr(model, 'cls_head', None)
    if not isinstance(head, nn.Module):
        raise ValueError(
            f'{type(model).__name__} has no `cls_head`, in front of which '
            'features could be taken')
    count = getattr(head, 'num_classes', None)
    found = [
        layer for layer in head.modules()
        if isinstance(layer, nn.Linear) and layer.out_features == count
    ]
    if not found:
        raise ValueError(
            f'{type(head).__name__} has no linear layer with {count} outputs, '
            'in front of which features could be taken')
    return found


@torch.no_grad()
def extract_features(model: nn.Module,
                     dataloader: DataLoader,
                     progress: bool = True,
                     skip_unreadable: bool = False) -> FeatureSet:
    """Run a recogniser in test mode and keep what its classifier reads.

    Works for every recogniser of mmaction2 whose head ends in a linear layer.
    For :class:`mmfer.FERHead` the features are those of ``head.embed``.
    Several views of a clip are averaged. The clips come in the order of the
    data set, whatever the sampler of the loader.

    Args:
        model (nn.Module): Recogniser, possibly inside a wrapper. Its training
            mode is restored afterwards.
        dataloader (DataLoader): Of a data set in test mode, with items as
            :class:`mmfer.FERDataset` makes them.
        progress (bool): Whether to report progress on stderr.
            Defaults to True.
        skip_unreadable (bool): Whether to leave clips out that cannot be
            read, with a warning, as a training does. Defaults to False.

    Returns:
        FeatureSet: Of all clips, float32.

    Raises:
        UnreadableClip: A clip cannot be read.
        ValueError: The head has no linear classifier or did not run it, or
            the data set exchanges clips (training mode).
    """
    if is_model_wrapper(model):
        model = model.module
    dataset = dataloader.dataset
    loader = _in_order(dataloader, skip_unreadable)
    inputs: List[torch.Tensor] = []

    def keep(layer: nn.Module, args: tuple) -> None:
        inputs.append(args[0].detach().float().cpu())

    hooks = [
        layer.register_forward_pre_hook(keep)
        for layer in find_classifier(model)
    ]
    training = model.training
    model.eval()
    features, scores, labels, read = [], [], [], []
    try:
        with ProgressLine('features', len(dataset), shown=progress) as line:
            for batch, readable in loader:
                read += readable
                if not any(readable):
                    continue
                inputs.clear()
                samples = model.test_step(batch)
                features.append(_per_sample(inputs, len(samples), model))
                for sample in samples:
                    score = sample.pred_score.float().cpu()
                    scores.append(
                        score.reshape(-1, score.shape[-1]).mean(dim=0))
                    labels.append(int(sample.gt_label))
                line.step(len(samples))
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    missing = [i['filename'] for i, there in zip(infos, read) if not there]
    if missing:
        print_log(
            f'{len(missing)} of {len(infos)} clips cannot be read and are '
            f'left out, the first: {missing[0]}',
            logger='current',
            level=logging.WARNING)
    if not features:
        raise UnreadableClip(f'none of the {len(infos)} clips can be read')
    infos = [info for info, there in zip(infos, read) if there]
    if labels != [info['label'] for info in infos]:
        raise ValueError(
            'the samples are not those of the annotation file: take the '
            'features of a data set with test_mode=True')
    paths = [str(i.get('path', i.get('filename', ''))) for i in infos]
    return FeatureSet(
        features=torch.cat(features).numpy(),
        labels=np.array(labels, dtype=np.int64),
        subjects=np.array([str(i.get('subject', '')) for i in infos]),
        paths=np.array(paths),
        scores=torch.stack(scores).numpy(),
        classes=tuple(getattr(dataset, 'metainfo', {}).get('classes', ())))


class _Readable(Dataset):
    """A data set that gives None for a clip that cannot be read."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Optional[dict]:
        try:
            return self.dataset[index]
        except UnreadableClip:
            return None


class _CollateReadable:
    """Gives the batch of what could be read, and for each clip whether."""

    def __init__(self, collate: Callable) -> None:
        self.collate = collate

    def __call__(self, samples: list) -> tuple:
        there = [sample for sample in samples if sample is not None]
        return (self.collate(there) if there else None,
                [sample is not None for sample in samples])


def _in_order(loader: DataLoader, skip_unreadable: bool) -> DataLoader:
    """The same loader without shuffling, and the whole set on one rank.

    Its generator is its own, so that a training that stops to look at the
    features goes on as if it had not.
    """
    return DataLoader(
        _Readable(loader.dataset) if skip_unreadable else loader.dataset,
        batch_size=loader.batch_size or 1,
        num_workers=loader.num_workers,
        collate_fn=_CollateReadable(loader.collate_fn),
        generator=torch.Generator())


def _per_sample(inputs: List[torch.Tensor], count: int,
                model: nn.Module) -> torch.Tensor:
    """One vector per sample from the input of the classifier.

    Args:
        inputs (list[torch.Tensor]): What the layers read in this batch, each
            (count * views, ..., D).
        count (int): Samples of the batch.
        model (nn.Module): For the message.

    Returns:
        torch.Tensor: float32 (count, D).
    """
    if not inputs:
        raise ValueError(
            f'{type(model.cls_head).__name__} did not run its linear layer '
            'in test mode: no features can be taken from this head')
    last = inputs[-1]
    # Views of a sample lie next to each other.
    return last.reshape(count, -1, last.shape[-1]).mean(dim=1)


def split_dataloader(config: dict,
                     split: Optional[str] = None,
                     fold_role: Optional[str] = None) -> DataLoader:
    """Build the test loader of a config for another part of the data.

    Args:
        config (dict): ``cfg.test_dataloader``; it is not changed.
        split (str, optional): Split to read with the pipeline of the test.
            Defaults to None, that of the config.
        fold_role (str, optional): For cross-validation: 'train' for the clips
            of the other folds. Defaults to None, that of the config.

    Returns:
        DataLoader: In order, in test mode.
    """
    config = copy.deepcopy(config)
    dataset = config['dataset']
    if split is not None:
        dataset['split'] = split
    if fold_role is not None:
        dataset['fold_role'] = fold_role
    dataset['test_mode'] = True
    config['sampler'] = dict(type='DefaultSampler', shuffle=False)
    config['persistent_workers'] = False
    config.pop('batch_sampler', None)
    # With a seed the sampler asks no other process for one.
    return Runner.build_dataloader(config, seed=0)
