# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What an export costs in accuracy."""
from typing import Any, Dict, List, Sequence

import numpy as np

from mmfer.evaluation.functional import (confusion_matrix,
                                         unweighted_average_recall,
                                         weighted_average_recall)

#: An export may lose this much UAR, one point.
ALLOWED_LOSS = 0.01


class Comparison:
    """Collect the scores of the original and of an export on the same clips.

    Args:
        num_classes (int): K.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._labels: List[int] = []
        self._original: List[np.ndarray] = []
        self._exported: List[np.ndarray] = []

    def add(self, labels: Sequence[int], original: np.ndarray,
            exported: np.ndarray) -> None:
        """Take a batch.

        Args:
            labels (Sequence[int]): True classes, (N, ).
            original (np.ndarray): Probabilities of eager torch, (N, K).
            exported (np.ndarray): Of the export, (N, K).
        """
        self._labels += [int(label) for label in labels]
        self._original.append(np.asarray(original, np.float64))
        self._exported.append(np.asarray(exported, np.float64))

    def summary(self) -> Dict[str, Any]:
        """Compare.

        Returns:
            dict: ``clips``, ``UAR`` and ``WAR`` of the export, ``UAR_eager``
            and ``WAR_eager`` of the original, ``UAR_loss`` (positive: the
            export is worse), ``same_class`` (share of clips that get the same
            class) and ``largest_difference`` of a probability.
        """
        original = np.concatenate(self._original)
        exported = np.concatenate(self._exported)
        if not np.isfinite(exported).all():
            raise ValueError('the export gives scores that are no numbers')
        uar, war = self._rates(exported)
        uar_eager, war_eager = self._rates(original)
        return dict(
            clips=len(self._labels),
            UAR=uar,
            WAR=war,
            UAR_eager=uar_eager,
            WAR_eager=war_eager,
            UAR_loss=uar_eager - uar,
            same_class=float(
                (original.argmax(1) == exported.argmax(1)).mean()),
            largest_difference=float(np.abs(original - exported).max()))

    def _rates(self, scores: np.ndarray):
        confusion = confusion_matrix(
            self._labels, scores.argmax(1), self.num_classes)
        return (float(unweighted_average_recall(confusion)),
                float(weighted_average_recall(confusion)))


def is_acceptable(summary: Dict[str, Any],
                  allowed: float = ALLOWED_LOSS) -> bool:
    """Decide whether an export may be used.

    Args:
        summary (dict): Of :meth:`Comparison.summary`.
        allowed (float): Loss of UAR, 0 to 1. Defaults to 0.01.

    Returns:
        bool: Whether it loses no more.
    """
    # Shares of counts: do not stumble over their last digit.
    return summary['UAR_loss'] <= allowed + 1e-9
