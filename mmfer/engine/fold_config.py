# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where a config says which clips are trained, validated and tested."""
import copy
import os.path as osp
from typing import Any, Dict, Iterator, List, Optional, Tuple

from mmengine.registry import init_default_scope

from mmfer.registry import DATASETS

#: Data loaders, and the clips of a fold that each of them takes.
LOADERS = dict(
    train_dataloader='train', val_dataloader='test', test_dataloader='test')


class FoldError(ValueError):
    """A config whose folds cannot be understood; one line for the user."""


def loader_datasets(cfg, loader: str) -> List[Tuple[str, dict]]:
    """Find the annotated data sets of one data loader, inside of wrappers.

    Args:
        cfg (dict): A whole config.
        loader (str): For example 'train_dataloader'.

    Returns:
        list[tuple]: Place with dots, as ``--cfg-options`` takes it, and the
        dict of each data set that has an ``ann_file``.
    """
    dataset = (cfg.get(loader) or {}).get('dataset')
    return list(_annotated(dataset, f'{loader}.dataset'))


def _annotated(config: Any, path: str) -> Iterator[Tuple[str, dict]]:
    if isinstance(config, dict):
        if 'ann_file' in config:
            yield path, config
            return
        children = config.items()
    elif isinstance(config, (list, tuple)):
        children = enumerate(config)
    else:
        return
    for key, value in children:
        yield from _annotated(value, f'{path}.{key}')


def annotation_path(dataset) -> str:
    """Give the annotation file of a data set.

    Args:
        dataset (dict): Config of a data set.

    Returns:
        str: Path.
    """
    return osp.join(dataset.get('data_root') or '', dataset['ann_file'])


def check_folds(cfg) -> None:
    """Refuse a config whose loaders name different folds.

    Args:
        cfg (dict): A whole config. A ``fold`` at its top counts as well: it
            is what people try to change first.

    Raises:
        FoldError: They differ.
    """
    folds = {place: dataset['fold']
             for loader in LOADERS
             for place, dataset in loader_datasets(cfg, loader)
             if dataset.get('fold') is not None}
    if folds and cfg.get('fold') is not None:
        folds['fold'] = cfg['fold']
    if len(set(folds.values())) > 1:
        named = ', '.join(f'{place}: {fold}' for place, fold in folds.items())
        raise FoldError(
            f'the config names several folds ({named}); choose one for all: '
            'set MMFER_FOLD before the command, where the config reads it, or '
            'use tools/cross_validate.py')


def set_fold(cfg, fold: int, annotations: Optional[str] = None) -> None:
    """Let the loaders use one fold.

    Data sets of another annotation file than the tested one are trained with
    as they are, unless they name a fold themselves.

    Args:
        cfg (Config): Modified.
        fold (int): The fold to test.
        annotations (str, optional): Another annotation file, whose clips lie
            where those of the tested one lie. Defaults to None.

    Raises:
        FoldError: The pipeline whitens identities with a fit on the folds of
            the old annotation file; folds are made of the tested data while
            others have folds of their own; or nothing that is trained with
            would depend on the fold.
    """
    tested = {osp.realpath(annotation_path(dataset))
              for _, dataset in loader_datasets(cfg, 'test_dataloader')}
    parts, whitenings = [], []
    for loader, role in LOADERS.items():
        for place, dataset in loader_datasets(cfg, loader):
            known = osp.realpath(annotation_path(dataset)) in tested
            if not known and dataset.get('fold') is None:
                continue
            if not known and annotations is not None:
                raise FoldError(
                    f'{place}: {annotation_path(dataset)} has folds of its '
                    f'own, which do not fit those of {annotations}; give it '
                    'a split instead')
            parts.append((dataset, role))
            whitenings += [
                step for step in dataset.get('pipeline') or ()
                if str(step.get('type')).endswith('LoadIdentity')
                and step.get('whiten', True)
            ]
    trained = loader_datasets(cfg, 'train_dataloader')
    if trained and not any(dataset is part for _, dataset in trained
                           for part, _ in parts):
        raise FoldError(
            f'{trained[0][0]}: trains on {annotation_path(trained[0][1])} '
            'alone, which may hold the tested clips; name its `fold`, or '
            'take the tested annotation file as well')
    encoder = (cfg.get('model') or {}).get('identity_encoder') or {}
    if encoder.get('whitening'):
        whitenings.append(encoder['whitening'])
    if whitenings and annotations is not None:
        raise FoldError(
            f'{whitenings[0]["file"]}: its whitening was fitted on other '
            f'folds; extract identities with {annotations}, which has the '
            'new ones, and use it as `ann_file`')
    if cfg.get('fold') is not None:
        cfg['fold'] = fold
    for dataset, role in parts:
        if annotations is not None:
            _set_annotations(dataset, annotations)
        if dataset.get('fold') is None:
            dataset['fold_role'] = role
        dataset['split'] = None
        dataset['fold'] = fold
    for whitening in whitenings:  # fitted without the tested fold
        whitening['fold'] = fold


def _set_annotations(dataset, annotations: str) -> None:
    """Give other annotations to a data set whose clips stay where they are."""
    folder = osp.dirname(osp.abspath(annotation_path(dataset)))
    prefix = dataset.get('data_prefix') or ''
    if not isinstance(prefix, str):
        prefix = prefix.get('video', '')
    if prefix:
        folder = osp.abspath(osp.join(dataset.get('data_root') or '', prefix))
    dataset['data_prefix'] = dict(video=folder)
    dataset['ann_file'] = osp.abspath(annotations)


def build_without_pictures(dataset, **changes):
    """Build a data set for its annotations alone.

    Args:
        dataset (dict): Config of a data set.
        **changes: Arguments to replace; None takes one away.

    Returns:
        FERDataset: Without pipeline; files are not looked for.
    """
    init_default_scope('mmaction')
    config = copy.deepcopy(dict(dataset))
    config.update(pipeline=[], check_files=False, lazy_init=False, **changes)
    return DATASETS.build(
        {key: value for key, value in config.items() if value is not None})


def clip_files(cfg, loader: str) -> set:
    """List the clips of a loader.

    Args:
        cfg (dict): A whole config.
        loader (str): For example 'val_dataloader'.

    Returns:
        set[str]: File names.
    """
    return {
        dataset.get_data_info(i)['filename']
        for _, config in loader_datasets(cfg, loader)
        for dataset in [build_without_pictures(config)]
        for i in range(len(dataset))
    }


def describe_loader(cfg, loader: str) -> Dict[str, Any]:
    """Name annotation file, split and fold of a loader.

    Args:
        cfg (dict): A whole config.
        loader (str): For example 'train_dataloader'.

    Returns:
        dict: ``ann_file, split, fold``; None where there is none or several.
    """
    found = [dict(ann_file=annotation_path(dataset),
                  split=dataset.get('split'), fold=dataset.get('fold'))
             for _, dataset in loader_datasets(cfg, loader)]
    return {
        key: found[0][key]
        if len({str(each[key]) for each in found}) == 1 else None
        for key in ('ann_file', 'split', 'fold')
    }
