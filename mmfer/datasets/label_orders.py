# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""In which order other repositories number the classes.

Only for evaluating their checkpoints: ``mmfer`` labels by name. The same clips
are numbered in up to three orders in public repositories, and a checkpoint
that is read in the wrong order looks like a weak model, not like a mistake.
"""
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np

_DFEW = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
_ALPHABETICAL = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad',
                 'surprise')
_MAFW = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise',
         'contempt', 'anxiety', 'helplessness', 'disappointment')
_MAFW_DFER_CLIP = _DFEW + ('contempt', 'anxiety', 'helplessness',
                           'disappointment')
_MAFW_S2D = ('angry', 'anxiety', 'contempt', 'disappointment', 'disgust',
             'fear', 'happy', 'helplessness', 'neutral', 'sad', 'surprise')


@dataclass(frozen=True)
class LabelOrder:
    """The order in which a repository numbers the classes of a data set.

    Args:
        classes (tuple[str]): Common names; the first one is number 0.
        source (str): File of the repository that says so.
    """

    classes: Tuple[str, ...]
    source: str


#: Orders by data set (name of its adapter) and repository.
LABEL_ORDERS: Dict[str, Dict[str, LabelOrder]] = {
    'dfew': {
        's2d': LabelOrder(
            _DFEW, 'MSA-LMC/S2D data/DFEW, compared with the release'),
        'mae-dfer': LabelOrder(
            _DFEW, 'sunlicai/MAE-DFER preprocess/dfew.py: label - 1'),
        'dfer-clip': LabelOrder(
            _DFEW, 'zengqunzhao/DFER-CLIP annotation/DFEW_set_*.txt'),
        'former-dfer': LabelOrder(
            _DFEW, 'zengqunzhao/Former-DFER annotation/DFEW_set_*.txt'),
        'emoclip': LabelOrder(
            _DFEW, 'NickyFot/EmoCLIP DataLoaders/DFEW.py: CLASSES'),
        'ifdd': LabelOrder(_DFEW, 'IFDD, loader of its release: label - 1'),
    },
    'ferv39k': {
        's2d': LabelOrder(
            _ALPHABETICAL,
            'MSA-LMC/S2D data/FERV39K/Annotation/label_index.txt'),
        'ifdd': LabelOrder(_ALPHABETICAL, 'IFDD, loader of its release'),
        'mae-dfer': LabelOrder(
            _DFEW, 'sunlicai/MAE-DFER preprocess/ferv39k.py: label2idx'),
        'dfer-clip': LabelOrder(
            _DFEW, 'zengqunzhao/DFER-CLIP annotation/FERV39K_*.txt'),
        'former-dfer': LabelOrder(
            _DFEW, 'zengqunzhao/Former-DFER annotation/FERV39K_*.txt'),
        'emoclip': LabelOrder(
            _DFEW, 'NickyFot/EmoCLIP DataLoaders/FERV39K.py: CLASSES'),
    },
    'mafw': {
        's2d': LabelOrder(
            _MAFW_S2D, 'MSA-LMC/S2D data/MAFW/anno/single/no_caption/'
            'id_to_calss.txt, compared with the words row by row'),
        'mae-dfer': LabelOrder(
            _MAFW, 'sunlicai/MAE-DFER preprocess/mafw.py: labels'),
        'ifdd': LabelOrder(_MAFW, 'IFDD, loader of its release'),
        'emoclip': LabelOrder(
            _MAFW, 'NickyFot/EmoCLIP DataLoaders/MAFW.py: CLASSES'),
        'dfer-clip': LabelOrder(
            _MAFW_DFER_CLIP, 'zengqunzhao/DFER-CLIP annotation/MAFW_set_*.txt'
            ', compared with the words row by row'),
    },
    'afew': {
        'former-dfer': LabelOrder(
            _DFEW, 'zengqunzhao/Former-DFER annotation/AFEW_validation.txt, '
            'whose paths name the classes'),
        'emoclip': LabelOrder(
            _DFEW, 'NickyFot/EmoCLIP DataLoaders/AFEW.py: CLASSES'),
    },
    'crema-d': {
        'hicmae': LabelOrder(
            ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad'),
            'sunlicai/HiCMAE preprocess/creamd_av.py: labels'),
    },
    'ravdess': {
        'hicmae': LabelOrder(
            ('neutral', 'calm', 'happy', 'sad', 'angry', 'fear', 'disgust',
             'surprise'),
            'sunlicai/HiCMAE saved/data/ravdess: label = emotion code - 1'),
    },
}


def label_order(dataset: str, repository: str) -> LabelOrder:
    """Give the order of a repository.

    Args:
        dataset (str): Name of an adapter, e.g. 'ferv39k'.
        repository (str): For example 's2d'.

    Returns:
        LabelOrder: Classes in the order of the repository, and its source.

    Raises:
        ValueError: The order is not known.
    """
    orders = LABEL_ORDERS.get(dataset, {})
    if repository not in orders:
        known = ', '.join(orders) or 'none'
        raise ValueError(f'no label order of {repository!r} for {dataset!r}; '
                         f'known are: {known}')
    return orders[repository]


def foreign_columns(order: LabelOrder, classes: Sequence[str]) -> List[int]:
    """Find each of our classes among the foreign ones.

    Args:
        order (LabelOrder): The foreign order.
        classes (Sequence[str]): Our class names.

    Returns:
        list[int]: Foreign number of every class of ours.

    Raises:
        ValueError: The two do not have the same classes.

    Example:
        >>> order = label_order('ferv39k', 'mae-dfer')
        >>> foreign_columns(order, ('angry', 'disgust', 'fear', 'happy',
        ...                         'neutral', 'sad', 'surprise'))
        [3, 5, 6, 0, 2, 1, 4]
    """
    differing = sorted(set(classes) ^ set(order.classes))
    if differing:
        raise ValueError('the orders do not have the same classes; only one '
                         f'of them has {", ".join(differing)}')
    return [order.classes.index(name) for name in classes]


def map_scores(scores: np.ndarray, order: LabelOrder,
               classes: Sequence[str]) -> np.ndarray:
    """Bring scores of a foreign checkpoint into our order.

    Args:
        scores (np.ndarray): (..., K), last axis in the foreign order; a torch
            tensor is as good.
        order (LabelOrder): The foreign order.
        classes (Sequence[str]): Our class names, K of them.

    Returns:
        np.ndarray: (..., K) in our order; a copy of the same type.

    Raises:
        ValueError: The classes or the number of scores differ.
    """
    columns = foreign_columns(order, classes)
    if scores.shape[-1] != len(columns):
        raise ValueError(f'{scores.shape[-1]} scores for {len(columns)} '
                         'classes')
    return scores[..., columns]


def map_labels(labels: Sequence[int], order: LabelOrder,
               classes: Sequence[str]) -> List[int]:
    """Bring foreign label numbers into our order.

    Args:
        labels (Sequence[int]): Numbers in the foreign order.
        order (LabelOrder): The foreign order.
        classes (Sequence[str]): Our class names.

    Returns:
        list[int]: Numbers in our order.

    Raises:
        ValueError: The classes differ.
    """
    foreign_columns(order, classes)
    numbers = [tuple(classes).index(name) for name in order.classes]
    return [numbers[label] for label in labels]
