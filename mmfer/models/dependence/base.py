# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What every penalty on the dependence of two codes has in common."""
from typing import Optional

import torch
from torch import nn

DIRECTIONS = ('y_from_x', 'x_from_y')


class DependencePenalty(nn.Module):
    """How much a code x that is learned tells of a code y that is given.

    In this project x is the expression code and y the frozen identity code.
    A training step has two halves:

    1. The estimator's: minimise ``learning_loss(x, y)`` over the parameters
       of the penalty, with x and y detached. Penalties without parameters
       (``learns`` is False) skip it.
    2. The model's: minimise ``forward(x, y)`` over the model that made x.
       Gradients reach the penalty's own parameters too: freeze them, or clear
       their gradients before the next estimator's half.

    Both halves compute in float32 with autocast off (in float64 where the
    parameters, or without parameters the input, are float64), because
    exponentials and small differences do not survive half precision. A
    batch that is too small for the formula gives 0 with gradient 0. Every
    formula is about the batch as a whole: gather x and y over the processes
    before.

    Attributes:
        learns (bool): Whether there is an estimator to train.
        bound (str | None): What the value is to the mutual information
            I(x; y) (after training the estimator): 'upper', 'lower', or
            None for another measure. A bound at training time is no
            evidence that x has forgotten y.
        direction (str): Which code is predicted: 'y_from_x' or
            'x_from_y'; 'symmetric' where none is.
        min_samples (int): The smallest batch that the formula is defined on.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
    """

    learns: bool = True
    bound: Optional[str] = None
    direction: str = 'symmetric'
    min_samples: int = 1

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__()
        if x_channels < 1 or y_channels < 1:
            raise ValueError('`x_channels` and `y_channels` are at least 1, '
                             f'got {x_channels} and {y_channels}')
        self.x_channels = x_channels
        self.y_channels = y_channels

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Give the value that the model minimises.

        Args:
            x (torch.Tensor): (N, x_channels); gradients flow.
            y (torch.Tensor): (N, y_channels); is detached.

        Returns:
            torch.Tensor: Scalar, float32.
        """
        x, y = self._prepare(x, y.detach())
        if len(x) < self.min_samples:
            return (0. * x).sum()
        with torch.autocast(x.device.type, enabled=False):
            return self._penalty(x, y)

    def learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Give the value that the estimator minimises.

        Args:
            x (torch.Tensor): (N, x_channels); is detached.
            y (torch.Tensor): (N, y_channels); is detached.

        Returns:
            torch.Tensor: Scalar, float32.

        Raises:
            RuntimeError: If there is no estimator.
        """
        if not self.learns:
            raise RuntimeError(
                f'{type(self).__name__} has no estimator to train: skip the '
                'estimator\'s step where `learns` is False')
        x, y = self._prepare(x.detach(), y.detach())
        if len(x) < self.min_samples:
            return 0. * sum(p.sum() for p in self.parameters())
        with torch.autocast(x.device.type, enabled=False):
            return self._learning_loss(x, y)

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _prepare(self, x: torch.Tensor, y: torch.Tensor):
        """Check the shapes and leave half precision."""
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or \
                x.shape[1] != self.x_channels or \
                y.shape[1] != self.y_channels:
            raise ValueError(
                f'{type(self).__name__} takes x (N, {self.x_channels}) and y '
                f'(N, {self.y_channels}), got {tuple(x.shape)} and '
                f'{tuple(y.shape)}')
        own = next(self.parameters(), x)
        dtype = torch.promote_types(own.dtype, torch.float32)
        return x.to(dtype), y.to(dtype)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return (f'x_channels={self.x_channels}, y_channels={self.y_channels}, '
                f'direction={self.direction!r}, bound={self.bound!r}')


def check_direction(direction: str) -> str:
    """Refuse a direction that does not exist.

    Args:
        direction (str): 'y_from_x' or 'x_from_y'.

    Returns:
        str: The same.
    """
    if direction not in DIRECTIONS:
        raise ValueError("`direction` is 'y_from_x' or 'x_from_y', got "
                         f'{direction!r}')
    return direction
