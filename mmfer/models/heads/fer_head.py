# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Classify expressions from the features of several pictures."""
from typing import Dict, List, Optional

import torch
from mmaction.models.heads import BaseHead
from mmengine.model import normal_init
from torch import nn

from mmfer.registry import MODELS


class TemporalMean(nn.Module):
    """Mean over time: (N, T, C) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Average."""
        return x.mean(dim=1)


class TemporalAttention(nn.Module):
    """Weighted mean over time with learned weights: (N, T, C) to (N, C).

    Starts as the plain mean.

    Args:
        channels (int): C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # A bias would cancel in the softmax.
        self.score = nn.Linear(channels, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Average with the weights softmax(score)."""
        weights = self.score(x).softmax(dim=1)
        return (weights * x).sum(dim=1)


class TemporalConv(nn.Module):
    """Convolution over time, then mean and maximum: (N, T, C) to (N, 2 * D).

    Onset and offset look alike to a mean over time; a convolution tells them
    apart, and the maximum finds the apex wherever it lies.

    Args:
        channels (int): C.
        hidden (int): D.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, hidden, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve and pool."""
        x = self.norm(self.conv(x.transpose(1, 2))).relu()
        # (N, D, T)
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


@MODELS.register_module()
class FERHead(BaseHead):
    """Head for expressions behind a 2D backbone.

    Class weights and soft labels are those of mmaction2:
    ``loss_cls=dict(type='CrossEntropyLoss', class_weight=[...])`` and
    ``label_smooth_eps=0.1``.

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Channels of the backbone's output.
        num_segments (int): Pictures per clip. A sample of several clips gets
            one score per clip, which are averaged in test.
        consensus (str): Over the pictures of a clip: 'mean', 'attention' or
            'conv' (see :class:`TemporalConv`). Defaults to 'mean'.
        hidden_channels (int): Channels of the temporal convolution.
            Defaults to 128.
        pool_size (int): The feature map is averaged to this many fields in
            height and width before it is flattened: 3 keeps eyes, nose and
            mouth apart, which a global average (1) mixes. Defaults to 1.
        dropout_ratio (float): Before consensus. Defaults to 0.5.
        feature_norm (bool): Whether the feature that the classifier reads is
            brought to mean 0 and variance 1 (LayerNorm without parameters).
            A penalty on the dependence between this feature and another one
            could otherwise be lowered by its scale alone. Defaults to False.
        topk (tuple[int]): Accuracies logged in training.
            Defaults to ``(1, )``.
        average_clips (str): 'prob' or 'score'. Defaults to 'prob', so that
            the scores of a prediction are probabilities.
        init_std (float): Standard deviation of the classifier's weights.
            Defaults to 0.01.
        **kwargs: Arguments of mmaction2's ``BaseHead``.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 num_segments: int,
                 consensus: str = 'mean',
                 hidden_channels: int = 128,
                 pool_size: int = 1,
                 dropout_ratio: float = 0.5,
                 feature_norm: bool = False,
                 topk: tuple = (1, ),
                 average_clips: Optional[str] = 'prob',
                 init_std: float = 0.01,
                 **kwargs) -> None:
        super().__init__(
            num_classes,
            in_channels,
            topk=topk,
            average_clips=average_clips,
            **kwargs)
        self.num_segments = num_segments
        self.init_std = init_std
        self.pool = nn.AdaptiveAvgPool2d(pool_size)
        self.dropout = nn.Dropout(dropout_ratio)
        features = in_channels * pool_size**2
        if consensus == 'mean':
            self.consensus = TemporalMean()
        elif consensus == 'attention':
            self.consensus = TemporalAttention(features)
        elif consensus == 'conv':
            self.consensus = TemporalConv(features, hidden_channels)
            features = 2 * hidden_channels
        else:
            raise ValueError("`consensus` is 'mean', 'attention' or 'conv', "
                             f'got {consensus!r}')
        self.feature_norm = \
            nn.LayerNorm(features, elementwise_affine=False) \
            if feature_norm else nn.Identity()
        #: Channels of the feature that :meth:`embed` gives.
        self.feature_channels = features
        self.fc_cls = nn.Linear(features, num_classes)

    def init_weights(self) -> None:
        """Draw the classifier's weights."""
        super().init_weights()
        normal_init(self.fc_cls, std=self.init_std)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Summarise each clip in one vector.

        Args:
            x (torch.Tensor): (N * num_segments, in_channels, h, w).

        Returns:
            torch.Tensor: (N, D).
        """
        x = self.pool(x).flatten(1)
        # (N * T, in_channels * pool_size ** 2)
        x = self.dropout(x).unflatten(0, (-1, self.num_segments))
        # (N, T, ...)
        return self.feature_norm(self.consensus(x))

    def forward(self,
                x: torch.Tensor,
                num_segs: Optional[int] = None,
                **kwargs) -> torch.Tensor:
        """Classify.

        Args:
            x (torch.Tensor): (B * num_segs, in_channels, h, w).
            num_segs (int, optional): Pictures per sample, a multiple of
                ``num_segments``; given by the recogniser. Defaults to None.

        Returns:
            torch.Tensor: One score per clip, (B * num_segs / num_segments,
            num_classes).
        """
        if num_segs is not None and num_segs % self.num_segments:
            raise ValueError(
                f'got {num_segs} pictures per sample, not a multiple of '
                f'num_segments={self.num_segments}: the pipeline samples '
                'another number than the head expects')
        return self.classify(self.embed(x))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Classify what :meth:`embed` gave.

        Args:
            features (torch.Tensor): (N, D).

        Returns:
            torch.Tensor: Scores, (N, num_classes).
        """
        return self.fc_cls(features)

    def loss_by_feat(self, cls_scores: torch.Tensor,
                     data_samples: List) -> Dict[str, torch.Tensor]:
        """Give the losses of scores.

        Args:
            cls_scores (torch.Tensor): (N, num_classes).
            data_samples (list[ActionDataSample]): With ``gt_label``.

        Returns:
            dict: ``loss_cls`` and accuracies.
        """
        # numpy, which counts the hits, has no bfloat16.
        return super().loss_by_feat(cls_scores.float(), data_samples)

    def predict_by_feat(self, cls_scores: torch.Tensor,
                        data_samples: List) -> List:
        """Give each sample its scores and its class.

        Args:
            cls_scores (torch.Tensor): (N * clips, num_classes).
            data_samples (list[ActionDataSample]): N samples.

        Returns:
            list[ActionDataSample]: With ``pred_score``, float32, and
            ``pred_label``.
        """
        return super().predict_by_feat(cls_scores.float(), data_samples)
