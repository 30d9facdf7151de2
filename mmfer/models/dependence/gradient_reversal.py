# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""An adversary that reads y from x."""
import torch

from mmfer.registry import DEPENDENCE

from .base import DependencePenalty
from .networks import perceptron


@DEPENDENCE.register_module(name='gradient_reversal')
class GradientReversal(DependencePenalty):
    r"""Regress y on x; the model gets the gradient with its sign reversed.

    .. math::

        -\frac{1}{N d_y} \sum_i |y_i - g(x_i)|^2

    The estimator minimises the error of g, the model maximises it: min-max,
    with as many steps of g as wanted, else the same as a gradient reversal
    layer. For a whitened y, 1 plus the value is the share of its variance
    that g explains. Without limit from below: use a small weight, and a
    LayerNorm on x. Source: Ganin and Lempitsky, "Unsupervised Domain
    Adaptation by Backpropagation", ICML 2015, here with a regression of the
    identity code in the place of a classifier, since there are no labels of
    identities.

    Args:
        x_channels (int): Size of the learned code.
        y_channels (int): Size of the given code.
        hidden_channels (int): Width of g. Defaults to 256.
        num_layers (int): Hidden layers of g. Defaults to 2.
    """

    direction = 'y_from_x'

    def __init__(self,
                 x_channels: int,
                 y_channels: int,
                 hidden_channels: int = 256,
                 num_layers: int = 2) -> None:
        super().__init__(x_channels, y_channels)
        self.adversary = perceptron(x_channels, y_channels, hidden_channels,
                                    num_layers)

    def _learning_loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((y - self.adversary(x))**2).mean()

    def _penalty(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -self._learning_loss(x, y)
