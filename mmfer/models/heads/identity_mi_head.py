# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Weigh the dependence between the expression feature and the identity."""
import logging
from collections import deque
from typing import Dict, List, Optional

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from mmengine.logging import MessageHub, print_log
from mmengine.model import BaseModule

from mmfer.registry import DEPENDENCE, MODELS
from ..dependence.base import DependencePenalty
from .pair_memory import PairMemory

#: An upper bound that is negative in more than this share of the last steps
#: bounds nothing any more.
ALARM_STEPS, ALARM_SHARE = 200, 0.2


@MODELS.register_module()
class IdentityMIHead(BaseModule):
    """Penalty on what the expression feature says about the identity.

    With :math:`f_E` the feature that the classifier reads, :math:`f_I` the
    frozen embedding of the person, :math:`D` a dependence penalty (a bound on
    mutual information or a dependence measure) and :math:`\\lambda` the
    weight, the model's loss gains :math:`\\lambda D(f_E, f_I)`. Penalties with
    an estimator of their own are trained by
    :class:`mmfer.IdentityAwareRecognizer` in ``steps`` inner steps before each
    step of the model.

    The weight is zero during a warm-up, then rises linearly. Both are shares
    of the training, read from the runner's progress, so that a resumed
    training goes on where it was. Without a runner the full weight is in
    force.

    In distributed training the features of all processes are gathered: the
    penalty is that of the joint batch, and the gradient after the averaging
    of ``DistributedDataParallel`` is that of a single process with the joint
    batch.

    The value of the penalty during training is no evidence that identity is
    gone: an estimator may lag behind the encoder. Evidence is what fresh
    probes read afterwards, see :mod:`mmfer.evaluation.leakage`.

    Args:
        penalty (dict): Config of a penalty of the registry ``DEPENDENCE``,
            for example ``dict(type='dcor')``.
        expression_channels (int): Size of :math:`f_E`.
        identity_channels (int): Size of :math:`f_I`.
        weight (float): :math:`\\lambda`. Defaults to 1.0.
        warmup (float): Share of the training without penalty.
            Defaults to 0.1.
        ramp (float): Share of the training in which the weight then rises
            from zero to its value. Defaults to 0.1.
        steps (int): K, steps of the estimator before each step of the model;
            without meaning for penalties that learn nothing. Defaults to 5.
        memory (int): Pairs of codes of earlier batches that a penalty without
            estimator looks at beside the batch. Dependence in a batch of 32 is
            mostly chance, and the gradient of chance disturbs what the
            classifier learns; codes move slowly, so that those of the last
            batches tell the same with less noise. They are held fixed; the
            gradient of the batch is scaled as if all were new. Saved in
            checkpoints. Defaults to 0, the batch alone.
        given_expression (bool): Whether the mean code of each expression (in
            the batch and the memory) is taken off the expression codes
            first: the dependence *given* the expression. Most of what a code
            says is the expression; who happens to show which in a batch is
            chance, and its gradient works against the classifier. What is
            left within an expression is where a person is. Needs the labels
            of expressions only. Defaults to False.
        init_cfg (dict, optional): mmengine's initialisation.
            Defaults to None.

    Raises:
        ValueError: A share or the number of steps is out of range.
    """

    def __init__(self,
                 penalty: dict,
                 expression_channels: int,
                 identity_channels: int,
                 weight: float = 1.0,
                 warmup: float = 0.1,
                 ramp: float = 0.1,
                 steps: int = 5,
                 memory: int = 0,
                 given_expression: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if warmup < 0 or ramp < 0 or warmup + ramp > 1:
            raise ValueError(
                '`warmup` and `ramp` are shares of the training, together at '
                f'most 1, got {warmup} and {ramp}')
        if steps < 1:
            raise ValueError(f'`steps` is at least 1, got {steps}')
        if memory < 0:
            raise ValueError(f'`memory` is at least 0, got {memory}')
        self.penalty = build_penalty(penalty, expression_channels,
                                     identity_channels)
        self.identity_channels = identity_channels
        self.weight = weight
        self.warmup = warmup
        self.ramp = ramp
        self.steps = steps
        if memory and self.learns:
            raise ValueError(
                f'`memory` is for penalties without estimator, not for '
                f'{type(self.penalty).__name__}')
        self.memory = PairMemory(memory, expression_channels,
                                 identity_channels) if memory else None
        self.given_expression = given_expression
        self._negative = deque(maxlen=ALARM_STEPS)
        self._alarmed = False

    @property
    def learns(self) -> bool:
        """Whether the penalty has an estimator that has to be trained."""
        return self.penalty.learns

    def current_weight(self) -> float:
        """Give the weight at this point of the training.

        Returns:
            float: Between 0 and ``weight``.
        """
        hub = MessageHub.get_current_instance()
        total = hub.get_info('max_iters', None) \
            if 'max_iters' in hub.runtime_info else None
        if not total or 'iter' not in hub.runtime_info:
            return self.weight
        progress = hub.get_info('iter') / total - self.warmup
        if progress < 0:
            return 0.
        if progress >= self.ramp:
            return self.weight
        return self.weight * progress / self.ramp

    def identities(self, data_samples: List) -> torch.Tensor:
        """Stack the identity embeddings of a batch.

        Args:
            data_samples (list[ActionDataSample]): With ``identity``, (D, ).

        Returns:
            torch.Tensor: float32, (N, D).

        Raises:
            ValueError: A sample has none, or one of another size.
        """
        stack = []
        for sample in data_samples:
            identity = sample.get('identity')
            if identity is None:
                raise ValueError(
                    'a training sample has no identity: add mmfer.LoadIdentity'
                    " to the training pipeline and algorithm_keys=('identity',"
                    ') to PackActionInputs')
            stack.append(torch.as_tensor(identity).float().reshape(-1))
        if len(stack[0]) != self.identity_channels:
            raise ValueError(
                f'the identity has {len(stack[0])} entries, but the identity '
                f'head identity_channels={self.identity_channels}')
        return torch.stack(stack)

    def learning_loss(self, expression: torch.Tensor, identity: torch.Tensor,
                      labels: torch.Tensor) -> torch.Tensor:
        """Give what the estimator minimises.

        Args:
            expression (torch.Tensor): (N, D_E), of all processes.
            identity (torch.Tensor): (N, D_I), of all processes.
            labels (torch.Tensor): Expressions, int64 (N, ), likewise.

        Returns:
            torch.Tensor: Scalar; no gradient reaches the model.
        """
        expression = expression.detach()
        if self.given_expression:
            expression = without_class_means(expression, labels)
        return self.penalty.learning_loss(expression, identity.detach())

    def loss(self, expression: torch.Tensor, identity: torch.Tensor,
             labels: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Give what the model minimises.

        Args:
            expression (torch.Tensor): (N, D_E), of this process.
            identity (torch.Tensor): (N, D_I), of this process.
            labels (torch.Tensor): Expressions, int64 (N, ), of this process.

        Returns:
            dict: ``loss_identity``, weighted, the only one with a gradient;
            ``identity_penalty`` and ``identity_weight`` for the log.
        """
        weight = self.current_weight()
        # The gradient is taken even at weight zero, so that every parameter
        # takes part in each step, as DistributedDataParallel demands.
        value = self._value(
            gather(expression), gather(identity.detach()), gather(labels))
        self._watch(value)
        processes = get_world_size()
        if processes > 1:
            # Every process differentiates the joint value by its own features
            # only; the averaging over processes then divides by their number.
            value = value.detach() + processes * (value - value.detach())
        return dict(
            loss_identity=weight * value,
            identity_penalty=value.detach(),
            identity_weight=value.new_tensor(weight))

    def _value(self, expression: torch.Tensor, identity: torch.Tensor,
               labels: torch.Tensor) -> torch.Tensor:
        """Penalty of the joint batch, with what is remembered."""
        # A model in half precision is remembered in single precision.
        new = expression.float(), identity.float(), labels
        if self.memory is not None:
            codes, identities, classes = self.memory.join(*new)
            if self.training:
                self.memory.remember(*new)
        else:
            codes, identities, classes = new
        if self.given_expression:
            codes = without_class_means(codes, classes)
        value = self.penalty(codes, identities)
        scale = len(codes) / len(expression)
        return value.detach() + scale * (value - value.detach())

    def _watch(self, value: torch.Tensor) -> None:
        """Warn once when an upper bound is negative too often."""
        if self.penalty.bound != 'upper' or self._alarmed:
            return
        self._negative.append(float(value.detach()) < 0)
        if len(self._negative) == ALARM_STEPS \
                and sum(self._negative) > ALARM_SHARE * ALARM_STEPS:
            self._alarmed = True
            print_log(
                f'{type(self.penalty).__name__}: negative in more than '
                f'{ALARM_SHARE:.0%} of the last {ALARM_STEPS} steps, so it is '
                'no upper bound here: give the estimator more steps or a '
                'faster learning rate, or lower the weight',
                logger='current',
                level=logging.WARNING)


def build_penalty(cfg: dict, x_channels: int,
                  y_channels: int) -> DependencePenalty:
    """Build a penalty of the registry ``DEPENDENCE``.

    Args:
        cfg (dict): ``type``, for example 'dcor', and options.
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.

    Returns:
        DependencePenalty: The penalty.

    Raises:
        ValueError: There is none of that name.
    """
    options = dict(cfg)
    name = options.pop('type')
    kind = DEPENDENCE.get(name)
    if kind is None:
        raise ValueError(f'no dependence penalty {name!r}; there are '
                         f'{", ".join(sorted(DEPENDENCE.module_dict))}')
    return kind(x_channels=x_channels, y_channels=y_channels, **options)


def without_class_means(codes: torch.Tensor,
                        labels: torch.Tensor) -> torch.Tensor:
    """Take the mean code of each class off the codes.

    Args:
        codes (torch.Tensor): (N, D).
        labels (torch.Tensor): int64 (N, ).

    Returns:
        torch.Tensor: (N, D); the rows of each class add up to zero.
    """
    _, members, sizes = labels.unique(return_inverse=True, return_counts=True)
    sums = codes.new_zeros((len(sizes), codes.shape[1])).index_add(
        0, members, codes)
    return codes - (sums / sizes[:, None])[members]


def gather(features: torch.Tensor) -> torch.Tensor:
    """Collect the features of all processes.

    Args:
        features (torch.Tensor): (N, D), the same N in every process.

    Returns:
        torch.Tensor: (N * processes, D) in the order of the ranks; a gradient
        flows back to this process' own rows only.
    """
    if get_world_size() == 1:
        return features
    parts = all_gather(features.detach().contiguous())
    parts[get_rank()] = features
    return torch.cat(parts)
