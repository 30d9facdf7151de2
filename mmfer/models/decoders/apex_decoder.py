# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Rebuild the apex face from expression and identity together."""
from typing import Dict, List, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import nn

from mmfer.registry import MODELS


@MODELS.register_module()
class ApexDecoder(BaseModule):
    """The complementary constraint of MI-FER.

    What is pushed out of the expression feature must not be lost: expression
    and identity together still have to show the face at the apex. A small
    decoder maps :math:`[f_E; f_I]` to the apex picture and the model's loss
    gains :math:`\\lambda_r` times the mean absolute difference, for clips
    whose apex is annotated. The abstract of the paper (Liu et al., Pattern
    Recognition 2021) fixes that such a constraint exists and needs the apex;
    form, size and weight are our reading.

    Clips without apex count as zero. So every parameter takes part in each
    step, and the average over processes is that of the joint batch.

    Args:
        expression_channels (int): Size of :math:`f_E`.
        identity_channels (int): Size of :math:`f_I`.
        size (int): Height and width of the rebuilt face, a multiple of 8.
            Defaults to 64.
        out_channels (int): 3 for RGB, 1 for grey. Defaults to 3.
        base_channels (int): Channels at full resolution; twice as many at
            each halving. Defaults to 16.
        weight (float): :math:`\\lambda_r`. Defaults to 1.0.
        init_cfg (dict, optional): mmengine's initialisation.
            Defaults to None.
    """

    def __init__(self,
                 expression_channels: int,
                 identity_channels: int,
                 size: int = 64,
                 out_channels: int = 3,
                 base_channels: int = 16,
                 weight: float = 1.0,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if size % 8:
            raise ValueError(f'`size` is a multiple of 8, got {size}')
        if out_channels not in (1, 3):
            raise ValueError(f'`out_channels` is 1 or 3, got {out_channels}')
        self.size = size
        self.out_channels = out_channels
        self.weight = weight
        channels = [8 * base_channels >> level for level in range(4)]
        self.start = nn.Linear(expression_channels + identity_channels,
                               channels[0] * (size // 8)**2)
        blocks: List[nn.Module] = []
        for before, after in zip(channels, channels[1:]):
            blocks += [
                nn.Upsample(scale_factor=2, mode='nearest'),
                nn.Conv2d(before, after, 3, padding=1),
                nn.GroupNorm(4, after),
                nn.ReLU(inplace=True)
            ]
        self.body = nn.Sequential(*blocks)
        self.end = nn.Conv2d(channels[-1], out_channels, 3, padding=1)

    def forward(self, expression: torch.Tensor,
                identity: torch.Tensor) -> torch.Tensor:
        """Rebuild faces.

        Args:
            expression (torch.Tensor): (N, D_E).
            identity (torch.Tensor): (N, D_I).

        Returns:
            torch.Tensor: (N, out_channels, size, size), between -1 and 1.
        """
        x = self.start(torch.cat([expression, identity], dim=1))
        x = x.unflatten(1, (-1, self.size // 8, self.size // 8))
        return self.end(self.body(x.relu())).tanh()

    def loss(self, expression: torch.Tensor, identity: torch.Tensor,
             apex: torch.Tensor,
             valid: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Compare the rebuilt faces with the apex pictures.

        Args:
            expression (torch.Tensor): (N, D_E); receives a gradient.
            identity (torch.Tensor): (N, D_I).
            apex (torch.Tensor): (N, 3, H, W), between -1 and 1; scaled down
                to the decoder's size.
            valid (torch.Tensor): (N, ), 1 where there is an apex, else 0.

        Returns:
            dict: ``loss_complementary``, weighted; ``apex_error``, the mean
            absolute difference of the clips with apex, for the log.
        """
        target = F.interpolate(
            apex.float(), size=(self.size, self.size), mode='area')
        if self.out_channels == 1:
            target = target.mean(dim=1, keepdim=True)
        rebuilt = self(expression, identity.detach()).float()
        error = (rebuilt - target).abs().mean(dim=(1, 2, 3))
        valid = valid.reshape(-1).to(error)
        total = (error * valid).sum()
        return dict(
            loss_complementary=self.weight * total / len(error),
            apex_error=total.detach() / valid.sum().clamp(min=1))
