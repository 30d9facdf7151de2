# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""WAR, UAR and what reviewers ask beside them."""
from functools import partial
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmfer.registry import METRICS
from .functional import (bootstrap_interval, confusion_matrix, macro_f1,
                         per_class_recall, unweighted_average_recall,
                         weighted_average_recall)


@METRICS.register_module()
class FERMetric(BaseMetric):
    """Metric of expression recognition.

    Logs, all as shares between 0 and 1: ``fer/WAR``, ``fer/UAR``,
    ``fer/macro_F1``, the 95 % interval of UAR over clips, and the recall of
    every class. The averages are over all classes of the label set; see
    :mod:`mmfer.evaluation.functional`. mmaction2's ``mean1`` is not UAR: it
    also averages over classes that are only predicted.

    To keep the best checkpoint, name the direction:
    ``CheckpointHook(save_best='fer/UAR', rule='greater')``.

    Args:
        classes (Sequence[str], optional): Names of the classes. Defaults to
            None: those of the data set, or their numbers.
        show_confusion (bool): Whether to log the confusion matrix.
            Defaults to False.
        bootstrap (int): Samples for the interval of UAR; 0 leaves it out.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.
        collect_device (str): As in mmengine. Defaults to 'cpu'.
        prefix (str, optional): Defaults to None, which means 'fer'.
    """

    default_prefix = 'fer'

    def __init__(self,
                 classes: Optional[Sequence[str]] = None,
                 show_confusion: bool = False,
                 bootstrap: int = 1000,
                 seed: int = 0,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.classes = classes
        self.show_confusion = show_confusion
        self.bootstrap = bootstrap
        self.seed = seed

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the label and the scores of each sample.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``gt_label``, (1, ), and
                ``pred_score``, (K, ) or (views, K), which is averaged.
        """
        for sample in data_samples:
            score = torch.as_tensor(sample['pred_score']).float()
            score = score.reshape(-1, score.shape[-1]).mean(dim=0)
            label = torch.as_tensor(sample['gt_label']).reshape(-1)
            if len(label) != 1:
                raise ValueError('FERMetric needs one label per clip, got '
                                 f'{label.tolist()}')
            self.results.append(
                dict(score=score.detach().cpu().numpy(), label=int(label)))

    def evaluate(self, size: int) -> Dict[str, float]:
        """Refuse scores that are NaN in all processes, then as mmengine.

        One process alone computes, while the others wait for its values.

        Args:
            size (int): Length of the whole data set.

        Returns:
            dict[str, float]: The values by name, with prefix.

        Raises:
            ValueError: A score is NaN.
        """
        counts = all_gather_object(
            sum(bool(np.isnan(result['score']).any())
                for result in self.results))
        _check_scores(sum(counts), size)
        return super().evaluate(size)

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Compute everything.

        Args:
            results (list[dict]): ``score`` and ``label`` of each sample.

        Returns:
            dict[str, float]: The values by name, without prefix.
        """
        scores = np.stack([result['score'] for result in results])
        labels = [result['label'] for result in results]
        names = self.classes or (self.dataset_meta or {}).get('classes')
        metrics = self.calculate(
            scores, labels, names, bootstrap=self.bootstrap, seed=self.seed)
        confusion = metrics.pop('confusion')
        if self.show_confusion:
            print_log(
                'Confusion matrix (rows: true class)\n' +
                format_confusion(confusion, names),
                logger='current')
        return metrics

    @staticmethod
    def calculate(scores: np.ndarray,
                  labels: Sequence[int],
                  classes: Optional[Sequence[str]] = None,
                  bootstrap: int = 1000,
                  seed: int = 0) -> Dict[str, Any]:
        """Compute everything from scores, without a runner.

        Args:
            scores (np.ndarray): (N, K).
            labels (Sequence[int]): True classes, (N, ).
            classes (Sequence[str], optional): Names of the K classes.
                Defaults to None, their numbers.
            bootstrap (int): Samples for the interval. Defaults to 1000.
            seed (int): Seed of the bootstrap. Defaults to 0.

        Returns:
            dict: ``WAR``, ``UAR``, ``macro_F1``, ``UAR_low``, ``UAR_high``,
            ``recall/<name>`` (float; NaN without clips) and ``confusion``,
            int64 (K, K).

        Raises:
            ValueError: A score is NaN, or there are other than K names.

        Examples:
            >>> import numpy as np
            >>> scores = np.array([[.9, .1], [.2, .8], [.4, .6]])
            >>> result = FERMetric.calculate(scores, [0, 1, 0], ['a', 'b'])
            >>> result['UAR'], result['recall/a']
            (0.75, 0.5)
        """
        scores = np.asarray(scores)
        count = scores.shape[1]
        names = _names(classes, count)
        _check_scores(int(np.isnan(scores).any(axis=1).sum()), len(scores))
        predictions = scores.argmax(axis=1)
        confusion = confusion_matrix(labels, predictions, count)
        metrics = dict(
            WAR=float(weighted_average_recall(confusion)),
            UAR=float(unweighted_average_recall(confusion)),
            macro_F1=float(macro_f1(confusion)))
        if bootstrap:
            metrics['UAR_low'], metrics['UAR_high'] = bootstrap_interval(
                labels,
                predictions,
                count,
                partial(unweighted_average_recall, warn=False),
                num_samples=bootstrap,
                seed=seed)
        recall = per_class_recall(confusion)
        for name, value in zip(names, recall):
            metrics[f'recall/{name}'] = float(value)
        metrics['confusion'] = confusion
        return metrics


def _check_scores(unknown: int, size: int) -> None:
    # The largest of several NaN would be that of the first class.
    if unknown:
        raise ValueError(
            f'{unknown} of {size} clips have scores that are NaN: the '
            'weights of the model are damaged, or the training has diverged')


def _names(classes: Optional[Sequence[str]], count: int) -> List[str]:
    if classes is None:
        return [str(number) for number in range(count)]
    if len(classes) != count:
        raise ValueError(
            f'{len(classes)} class names {list(classes)}, but the model gives '
            f'{count} scores: set `num_classes` of the head')
    return list(classes)


def format_confusion(confusion: np.ndarray,
                     classes: Optional[Sequence[str]] = None) -> str:
    """Write a confusion matrix as text, true classes in rows.

    Args:
        confusion (np.ndarray): (K, K).
        classes (Sequence[str], optional): Names of the K classes.
            Defaults to None, their numbers.

    Returns:
        str: K + 1 lines.
    """
    names = _names(classes, len(confusion))
    width = max(6, *(len(name) for name in names)) + 1
    lines = [''.join(name.rjust(width) for name in ['', *names])]
    for name, row in zip(names, confusion):
        lines.append(''.join(str(cell).rjust(width) for cell in [name, *row]))
    return '\n'.join(lines)
