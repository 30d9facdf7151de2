# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Two optimisers: one for the model, one for the estimator it plays with."""
import copy
from typing import Optional, Union

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.optim.optimizer import DefaultOptimWrapperConstructor
from torch import nn

from mmfer.registry import OPTIM_WRAPPER_CONSTRUCTORS

#: What mmaction2's ``tools/train.py --amp`` and users set for all optimisers.
SHARED = ('type', 'loss_scale', 'dtype', 'use_fsdp', 'cache_enabled')


class MinMinOptimWrapperDict(OptimWrapperDict):
    """The optimisers 'model' and 'estimator'.

    Differs from mmengine's dict in one thing: the number of the first and of
    the last iteration reach the model's optimiser, without which the last,
    shorter window of accumulated gradients would be lost.
    """

    def initialize_count_status(self, model: nn.Module, cur_iter: int,
                                max_iters: int) -> None:
        """Tell the model's optimiser where the training stands.

        Args:
            model (nn.Module): The model.
            cur_iter (int): First iteration.
            max_iters (int): Number of iterations.
        """
        self['model'].initialize_count_status(model, cur_iter, max_iters)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MinMinOptimWrapperConstructor:
    """Build the optimisers of :class:`mmfer.IdentityAwareRecognizer`.

    The config is an ordinary one with one more entry::

        optim_wrapper = dict(
            constructor='mmfer.MinMinOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=5e-3, weight_decay=0.05),
            clip_grad=dict(max_norm=5., norm_type=2),
            estimator=dict(optimizer=dict(type='Adam', lr=1e-3)))

    ``type``, ``loss_scale`` and ``dtype`` (which ``--amp`` sets) hold for both
    optimisers unless ``estimator`` says otherwise; ``accumulative_counts`` and
    ``paramwise_cfg`` for the model's only: the estimator takes all its steps.
    ``--auto-scale-lr`` scales both rates.

    A model whose penalty learns nothing has no estimator. It gets a plain
    ``OptimWrapper``, and ``estimator`` is not looked at.

    Args:
        optim_wrapper_cfg (dict): As above, without ``constructor`` and
            ``paramwise_cfg``.
        paramwise_cfg (dict, optional): Of the model's optimiser, as in
            mmengine. Defaults to None.
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None) -> None:
        cfg = copy.deepcopy(optim_wrapper_cfg)
        self.estimator_cfg = cfg.pop('estimator', None)
        self.model_cfg = cfg
        self.paramwise_cfg = paramwise_cfg

    def __call__(self,
                 model: nn.Module) -> Union[OptimWrapper, OptimWrapperDict]:
        """Build them.

        Args:
            model (nn.Module): The recogniser, or a wrapper around it.

        Returns:
            OptimWrapper | MinMinOptimWrapperDict: See the class.

        Raises:
            ValueError: The penalty learns, but ``estimator`` is missing.
        """
        build_model = DefaultOptimWrapperConstructor(self.model_cfg,
                                                     self.paramwise_cfg)
        module = model.module if is_model_wrapper(model) else model
        estimator = getattr(module, 'estimator', None)
        if estimator is None:
            return build_model(model)
        if not self.estimator_cfg:
            raise ValueError(
                f'{type(estimator).__name__} has to be trained: give '
                '`optim_wrapper` an entry such as '
                "estimator=dict(optimizer=dict(type='Adam', lr=1e-3))")
        shared = {
            key: self.model_cfg[key]
            for key in SHARED if key in self.model_cfg
        }
        build_estimator = DefaultOptimWrapperConstructor(
            dict(shared, **self.estimator_cfg))
        with module.without_estimator():
            model_wrapper = build_model(module)
        estimator_wrapper = build_estimator(estimator)
        if estimator_wrapper.clip_grad_kwargs:
            # Both would otherwise be logged as one.
            estimator_wrapper.grad_name = \
                f'estimator_{estimator_wrapper.grad_name}'
        return MinMinOptimWrapperDict(
            model=model_wrapper, estimator=estimator_wrapper)
