# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Exchange some channels between neighbouring pictures (TSM)."""
import torch
from torch import nn


class TemporalShift(nn.Module):
    """Shift some channels by one picture forwards, as many backwards.

    Costs no multiplication and lets a 2D network see motion. What is shifted
    in at both ends is zero. After Lin et al., "TSM: Temporal Shift Module for
    Efficient Video Understanding", ICCV 2019, section 4.2.

    Args:
        num_segments (int): Pictures per clip.
        shift_div (int): One ``shift_div``-th of the channels goes each way.
            Defaults to 8.
    """

    def __init__(self, num_segments: int, shift_div: int = 8) -> None:
        super().__init__()
        if num_segments < 1 or shift_div < 2:
            raise ValueError('`num_segments` >= 1 and `shift_div` >= 2, got '
                             f'{num_segments} and {shift_div}')
        self.num_segments = num_segments
        self.shift_div = shift_div

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shift.

        Args:
            x (torch.Tensor): (N * num_segments, C, H, W), clip by clip.

        Returns:
            torch.Tensor: The same shape.
        """
        if x.shape[0] % self.num_segments:
            raise ValueError(
                f'got {x.shape[0]} pictures, not a multiple of num_segments='
                f'{self.num_segments}: the pipeline samples another number '
                'than the backbone expects')
        fold = x.shape[1] // self.shift_div
        clips = x.unflatten(0, (-1, self.num_segments))
        # (N, T, C, H, W)
        shifted = torch.zeros_like(clips)
        shifted[:, :-1, :fold] = clips[:, 1:, :fold]
        shifted[:, 1:, fold:2 * fold] = clips[:, :-1, fold:2 * fold]
        shifted[:, :, 2 * fold:] = clips[:, :, 2 * fold:]
        return shifted.flatten(0, 1)

    def extra_repr(self) -> str:
        """Show the settings."""
        return f'num_segments={self.num_segments}, shift_div={self.shift_div}'
