# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The last layer of a face network, for batches of any size."""
import torch
from torch import nn
from torch.nn import functional as F


class EmbeddingNorm(nn.BatchNorm1d):
    """BatchNorm over embeddings that takes a single one in training, too.

    The last batch of an epoch may hold one picture, and one embedding has no
    spread: the running statistics stand in for that of the batch, and stay as
    they are. Names and shapes are those of ``nn.BatchNorm1d``.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise.

        Args:
            x (torch.Tensor): Embeddings, (N, D).

        Returns:
            torch.Tensor: (N, D).
        """
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var,
                                self.weight, self.bias, eps=self.eps)
        return super().forward(x)
