# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The codes of the last batches."""
from typing import Tuple

import torch
from torch import nn


class PairMemory(nn.Module):
    """A ring of the last pairs of expression and identity codes, and labels.

    The idea is that of cross-batch memories in metric learning (Wang et al.,
    "Cross-Batch Memory for Embedding Learning", CVPR 2020): codes drift
    slowly, so that those of the last few batches still stand for the model.

    Args:
        size (int): Pairs that are kept.
        expression_channels (int): Size of the expression code.
        identity_channels (int): Size of the identity code.
    """

    def __init__(self, size: int, expression_channels: int,
                 identity_channels: int) -> None:
        super().__init__()
        # Buffers, so that a resumed training remembers the same.
        self.register_buffer('expression',
                             torch.zeros(size, expression_channels))
        self.register_buffer('identity', torch.zeros(size, identity_channels))
        self.register_buffer('labels', torch.zeros(size, dtype=torch.long))
        self.register_buffer('count', torch.zeros((), dtype=torch.long))

    def join(
        self, expression: torch.Tensor, identity: torch.Tensor,
        labels: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Put new pairs before the remembered ones.

        Args:
            expression (torch.Tensor): (N, D_E).
            identity (torch.Tensor): (N, D_I).
            labels (torch.Tensor): int64 (N, ).

        Returns:
            tuple: (N + M, D_E), (N + M, D_I) and (N + M, ); the M remembered
            rows have no gradient.
        """
        known = min(int(self.count), len(self.expression))
        return (torch.cat([expression, self.expression[:known]]),
                torch.cat([identity, self.identity[:known]]),
                torch.cat([labels, self.labels[:known]]))

    @torch.no_grad()
    def remember(self, expression: torch.Tensor, identity: torch.Tensor,
                 labels: torch.Tensor) -> None:
        """Keep new pairs in the places of the oldest ones.

        Args:
            expression (torch.Tensor): (N, D_E).
            identity (torch.Tensor): (N, D_I).
            labels (torch.Tensor): int64 (N, ).
        """
        size = len(self.expression)
        new = torch.arange(len(expression), device=self.count.device)
        places = (self.count + new)[-size:] % size
        self.expression.index_copy_(
            0, places, expression.detach()[-size:].float())
        self.identity.index_copy_(0, places, identity.detach()[-size:].float())
        self.labels.index_copy_(0, places, labels[-size:])
        self.count += len(expression)
