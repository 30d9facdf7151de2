# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Weigh the classes in the loss by how rare they are in the training data."""
import logging
from typing import Sequence

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper

from mmfer.datasets.samplers import ClassBalancedSampler, clip_labels
from mmfer.registry import HOOKS


def class_weights(counts: Sequence[int], power: float = 1.) -> np.ndarray:
    """Compute inverse-frequency weights.

    Args:
        counts (Sequence[int]): Clips per class, (K, ).
        power (float): The weight is proportional to ``count ** -power``: 1
            for the inverse frequency, 0.5 for its square root, 0 for none.
            Defaults to 1.

    Returns:
        np.ndarray: float64, (K, ), scaled such that the weights of all clips
        sum to the number of clips: the loss keeps its size. A class without
        clips weighs 1.

    Examples:
        >>> class_weights([30, 10, 0]).round(3).tolist()
        [0.667, 2.0, 1.0]
    """
    counts = np.asarray(counts, dtype=np.float64)
    there = counts > 0
    weights = np.ones_like(counts)
    weights[there] = counts[there]**-power
    weights[there] *= counts.sum() / (weights[there] @ counts[there])
    return weights


@HOOKS.register_module()
class ClassWeightHook(Hook):
    """Give the loss the class weights of the training data.

    Weights that are written down,
    ``loss_cls=dict(type='CrossEntropyLoss', class_weight=[...])``, are wrong
    as soon as the fold or the data set changes; this hook counts the clips
    that are trained on and sets ``model.cls_head.loss_cls.class_weight``
    before training. The weights are no parameters: they are not stored in a
    checkpoint but computed again when a training is resumed. In the config::

        custom_hooks = [dict(type='mmfer.ClassWeightHook', power=0.5)]

    Args:
        power (float): 1 for inverse frequencies, 0.5 for the square root of
            them. Defaults to 1.

    Raises:
        ValueError: ``power`` is outside of [0, 1].
    """

    priority = 'NORMAL'

    def __init__(self, power: float = 1.) -> None:
        if not 0 <= power <= 1:
            raise ValueError(f'`power` is between 0 and 1, got {power}')
        self.power = power

    def before_train(self, runner) -> None:
        """Count and set.

        Args:
            runner (Runner): The runner.

        Raises:
            ValueError: The loss takes no class weights or has some already.
        """
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        loss = getattr(getattr(model, 'cls_head', None), 'loss_cls', None)
        if not hasattr(loss, 'class_weight'):
            raise ValueError(
                'ClassWeightHook sets model.cls_head.loss_cls.class_weight, '
                f'which this model does not have (the loss is a '
                f'{type(loss).__name__}): use CrossEntropyLoss or leave the '
                'hook out')
        if loss.class_weight is not None:
            raise ValueError(
                'class weights are given twice, by `class_weight` of the loss '
                'and by ClassWeightHook: leave one of them out')
        loader = runner.train_dataloader
        counts = np.bincount(
            clip_labels(loader.dataset), minlength=model.cls_head.num_classes)
        weights = class_weights(counts, self.power)
        loss.class_weight = torch.tensor(weights, dtype=torch.float32)
        print_log(
            'Class weights: ' + ', '.join(f'{w:.3f}' for w in weights),
            logger='current')
        if isinstance(loader.sampler, ClassBalancedSampler) and self.power:
            print_log(
                'Rare classes are drawn more often (ClassBalancedSampler) and '
                'weigh more (ClassWeightHook): one of both is usual',
                logger='current',
                level=logging.WARNING)
