# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train embeddings that tell persons apart."""
import math
from typing import Dict, List, Optional

import torch
from mmaction.models.heads import BaseHead
from torch import nn
from torch.nn import functional as F

from mmfer.registry import MODELS


@MODELS.register_module()
class ArcFaceHead(BaseHead):
    """Additive angular margin (Deng et al., "ArcFace", CVPR 2019, eq. 3).

    The score of class j is ``scale * cos(angle(x, w_j))``; in training the
    angle to the true class is made larger by ``margin`` radians first. Where
    that would pass 180 degrees, the score goes on falling linearly.

    In test the classes of the training are of no use, since the persons are
    others: each sample gets its embedding, normalised to length one, as
    ``pred_embedding``.

    Args:
        num_classes (int): Persons of the training data.
        in_channels (int): Length D of the embedding.
        scale (float): Defaults to 64, the paper's; small sets of persons
            learn faster with less.
        margin (float): Radians. Defaults to 0.5, the paper's.
        topk (tuple[int]): Accuracies logged in training, without the margin.
            Defaults to ``(1, )``.
        **kwargs: Arguments of mmaction2's ``BaseHead``.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 scale: float = 64.,
                 margin: float = 0.5,
                 topk: tuple = (1, ),
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, topk=topk, **kwargs)
        if scale <= 0 or not 0 <= margin < math.pi / 2:
            raise ValueError('`scale` > 0 and 0 <= `margin` < pi / 2, got '
                             f'{scale} and {margin}')
        self.scale = scale
        self.margin = margin
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels))

    def init_weights(self) -> None:
        """Draw the directions of the classes."""
        super().init_weights()
        nn.init.normal_(self.weight, std=0.01)

    def forward(self,
                x: torch.Tensor,
                num_segs: Optional[int] = None,
                **kwargs) -> torch.Tensor:
        """Cosines between embeddings and classes.

        Args:
            x (torch.Tensor): Embeddings, (N * num_segs, D).
            num_segs (int, optional): Pictures per sample, which are taken
                as samples of their own. Defaults to None.

        Returns:
            torch.Tensor: float32, (N * num_segs, num_classes).
        """
        # Half precision is too coarse for the angles near the true class.
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(
                F.normalize(x.float()), F.normalize(self.weight.float()))

    def loss_by_feat(self, cls_scores: torch.Tensor,
                     data_samples: List) -> Dict[str, torch.Tensor]:
        """Cross-entropy of the scores with the margin.

        Args:
            cls_scores (torch.Tensor): Cosines, (N * num_segs, num_classes).
            data_samples (list): With ``gt_label``, (1, ).

        Returns:
            dict: ``loss_cls`` and accuracies.
        """
        labels = torch.cat([sample.gt_label for sample in data_samples])
        labels = labels.to(cls_scores.device).repeat_interleave(
            len(cls_scores) // len(labels))
        true = cls_scores.gather(1, labels[:, None])
        scores = cls_scores.scatter(1, labels[:, None], self._harder(true))
        losses = dict(loss_cls=self.loss_cls(scores * self.scale, labels))
        for k in self.topk:
            hit = cls_scores.topk(k, dim=1).indices == labels[:, None]
            losses[f'top{k}_acc'] = hit.any(dim=1).float().mean()
        return losses

    def _harder(self, cosine: torch.Tensor) -> torch.Tensor:
        """cos(angle + margin), continued where the sum passes pi."""
        sine = (1 - cosine**2).clamp(min=1e-7).sqrt()
        shifted = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        limit = -math.cos(self.margin)
        return torch.where(cosine > limit, shifted,
                           cosine - 1 + math.cos(self.margin))

    def predict(self, feats: torch.Tensor, data_samples: List,
                **kwargs) -> List:
        """Give each sample its embedding.

        Args:
            feats (torch.Tensor): (N * num_segs, D).
            data_samples (list): The samples.
            **kwargs: Ignored.

        Returns:
            list: The samples with ``pred_embedding``, float32 (D, ): the mean
            over the sample's pictures of unit vectors, of unit length.
        """
        units = F.normalize(feats.float()).unflatten(
            0, (len(data_samples), -1))
        for sample, unit in zip(data_samples, F.normalize(units.mean(1))):
            sample.set_field(unit, 'pred_embedding')
        return data_samples
