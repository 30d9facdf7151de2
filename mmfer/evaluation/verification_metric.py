# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How well embeddings tell apart persons who were never seen."""
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from mmfer.registry import METRICS


@METRICS.register_module()
class VerificationMetric(BaseMetric):
    """Equal error rate and rank-1 identification of unseen persons.

    Logs, as shares between 0 and 1:

    - ``identity/EER``: over all pairs of clips, the error at the threshold on
      the cosine where as many pairs of one person are rejected as pairs of
      two persons are accepted. Chance is 0.5.
    - ``identity/rank1``: share of the clips whose most similar clip, among
      those with *another expression*, shows the same person.
    - ``identity/rank1_chance``: what random embeddings would give.

    Args:
        collect_device (str): As in mmengine. Defaults to 'cpu'.
        prefix (str, optional): Defaults to None, which means 'identity'.
    """

    default_prefix = 'identity'

    def __init__(self,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the embedding of each sample.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``pred_embedding``, (D, ),
                ``subject`` and ``expression`` (str).
        """
        for sample in data_samples:
            missing = {'pred_embedding', 'subject', 'expression'} - set(sample)
            if missing:
                raise ValueError(
                    f'VerificationMetric needs {", ".join(sorted(missing))}: '
                    "name 'subject' and 'expression' in `meta_keys` of "
                    'PackActionInputs, and use a head that embeds')
            self.results.append(
                dict(
                    embedding=sample['pred_embedding'].cpu().numpy(),
                    subject=str(sample['subject']),
                    expression=str(sample['expression'])))

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Compute everything.

        Args:
            results (list[dict]): What :meth:`process` kept.

        Returns:
            dict[str, float]: The values by name, without prefix.
        """
        return self.calculate(
            np.stack([result['embedding'] for result in results]),
            [result['subject'] for result in results],
            [result['expression'] for result in results])

    @staticmethod
    def calculate(embeddings: np.ndarray,
                  subjects: Sequence[str],
                  expressions: Optional[Sequence[str]] = None
                  ) -> Dict[str, float]:
        """Compute everything without a runner.

        Args:
            embeddings (np.ndarray): (N, D), of any length.
            subjects (Sequence[str]): (N, ).
            expressions (Sequence[str], optional): (N, ). Defaults to None: a
                clip is compared with all others.

        Returns:
            dict: ``EER``, ``rank1`` and ``rank1_chance``; NaN where there are
            no pairs to say it of.

        Examples:
            >>> import numpy as np
            >>> x = np.array([[1., 0], [.9, .1], [0, 1], [.1, .9]])
            >>> VerificationMetric.calculate(x, list('aabb'))['rank1']
            1.0
        """
        x = np.asarray(embeddings, np.float64)
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        _, subjects = np.unique(np.asarray(subjects, str), return_inverse=True)
        cosine = x @ x.T
        same = subjects[:, None] == subjects
        if expressions is None:
            gallery = ~np.eye(len(x), dtype=bool)
        else:
            expressions = np.asarray(expressions, str)
            gallery = expressions[:, None] != expressions
        pairs = np.triu_indices(len(x), 1)
        # A clip whose person shows no other expression cannot be found.
        asked = (gallery & same).any(axis=1)
        nearest = np.where(gallery, cosine, -np.inf).argmax(axis=1)
        found = same[np.arange(len(x)), nearest]
        share = (gallery & same).sum(1) / np.maximum(gallery.sum(1), 1)
        return dict(
            EER=equal_error_rate(cosine[pairs], same[pairs]),
            rank1=float(found[asked].mean()) if asked.any() else np.nan,
            rank1_chance=float(share[asked].mean()) if asked.any() else np.nan)


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Error where both kinds of error are equally frequent.

    Args:
        scores (np.ndarray): Similarities of pairs, (P, ).
        same (np.ndarray): Whether a pair shows one person, bool (P, ).

    Returns:
        float: Share between 0 and 1, interpolated between thresholds; NaN if
        there are no pairs of one of the kinds.
    """
    scores, same = np.asarray(scores), np.asarray(same, bool)
    if same.all() or not same.any():
        return float('nan')
    order = np.argsort(-scores, kind='stable')
    # Equal scores are accepted together.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    false_accept = np.append(0, np.cumsum(~same[order])[last] / (~same).sum())
    false_reject = np.append(1, 1 - np.cumsum(same[order])[last] / same.sum())
    gap = false_accept - false_reject  # rises from -1 to 1
    right = int(np.argmax(gap >= 0))
    left = right - 1
    part = -gap[left] / (gap[right] - gap[left])
    return float(false_accept[left] + part *
                 (false_accept[right] - false_accept[left]))
