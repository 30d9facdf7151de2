# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Clips that were being read when a run ended early."""
import dataclasses
from typing import Iterator, List

from .clip_progress import ClipProgress
from .prediction import ClipPrediction


class Unfinished:
    """Remember clips until they are done; a call is an ``on_window``."""

    def __init__(self) -> None:
        self._clips: List[ClipProgress] = []

    def __call__(self, clip: ClipProgress) -> None:
        """Note a clip of which a window was read.

        Args:
            clip (ClipProgress): Clips come one after the other.
        """
        if not self._clips or self._clips[-1] is not clip:
            self._clips.append(clip)

    def done(self, prediction: ClipPrediction) -> None:
        """Forget a clip.

        Args:
            prediction (ClipPrediction): Its answer.
        """
        for clip in self._clips:
            if clip.name == prediction.path:
                self._clips.remove(clip)
                return

    def predictions(self) -> Iterator[ClipPrediction]:
        """Give what is known of the others.

        Yields:
            ClipPrediction: With a warning; nothing of clips of which no
            window was answered.
        """
        for clip in self._clips:
            prediction = clip.prediction()
            if prediction.faces:
                yield dataclasses.replace(prediction, warnings=(
                    *prediction.warnings,
                    f'{clip.name}: the run ended after {clip.read_windows} of '
                    f'{clip.planned} windows'))
