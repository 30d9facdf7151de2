# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The numbers of a cross-validation, as the literature defines them.

* WAR and UAR of k folds are the **means of the per-fold values**; published
  totals of DFEW and MAFW are computed in this way. Their spread is the
  standard deviation over folds (n - 1).
* Where a fold is a person (leave one subject out), most folds lack some
  classes, and a mean over persons means little. There UF1 and UAR are
  computed **once, from the sums** of true positives, false positives and
  false negatives over all folds.

Both are given; ``headline`` says which one to quote.
"""
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .functional import (confusion_matrix, macro_f1, per_class_recall,
                         unweighted_average_recall, weighted_average_recall)
from .intervals import (bootstrap_clips, bootstrap_groups, interval,
                        mean_over_folds)

_uar = partial(unweighted_average_recall, warn=False)

#: Measures of a fold, as functions of confusion matrices.
MEASURES = dict(WAR=weighted_average_recall, UAR=_uar, macro_F1=macro_f1)


@dataclass
class Run:
    """What one trained model said about the clips of one fold.

    Args:
        fold (int | str): Name of the fold.
        seed (int): Seed of the training.
        labels (np.ndarray): True classes, int64 (N, ).
        predictions (np.ndarray): Predicted classes, int64 (N, ).
        clips (Sequence[str], optional): Names of the clips, (N, ).
            Defaults to None.
        subjects (Sequence[str], optional): Who is seen, (N, ).
            Defaults to None, not known.
        epoch (int, optional): After which the model was taken.
            Defaults to None.
    """

    fold: Any
    seed: int
    labels: np.ndarray
    predictions: np.ndarray
    clips: Optional[Sequence[str]] = None
    subjects: Optional[Sequence[str]] = None
    epoch: Optional[int] = None


def summarise(runs: Sequence[Run],
              classes: Sequence[str],
              leave_one_out: bool = False,
              bootstrap: int = 1000,
              seed: int = 0) -> Dict[str, Any]:
    """Compute everything that is reported about one checkpoint selection.

    Args:
        runs (Sequence[Run]): One per fold and seed; each seed has the same
            folds.
        classes (Sequence[str]): Names of the K classes.
        leave_one_out (bool): Whether a fold is a person. Defaults to False.
        bootstrap (int): Samples for intervals; 0 leaves them out.
            Defaults to 1000.
        seed (int): Seed of the bootstrap. Defaults to 0.

    Returns:
        dict: Of plain types, as JSON stores them. Shares between 0 and 1:

        * ``runs``: per run ``fold, seed, epoch, clips, WAR, UAR, macro_F1``
          and ``absent``, the classes without clips, which UAR leaves out;
        * ``mean``, ``std``: over folds, of the means over seeds;
          ``std`` is None with a single fold;
        * ``seed_std``: over seeds, of the means over folds; None with one;
        * ``pooled``: ``WAR, UAR, UF1`` and ``recall`` by class from the
          summed ``confusion`` matrix;
        * ``intervals``: 95 % of ``WAR``, ``UAR`` (means of folds) over clips,
          ``pooled_UAR`` and ``pooled_UF1`` over clips, ``subjects_UAR`` and
          ``subjects_UF1`` (pooled) over persons, where they are known;
        * ``headline``: 'mean' or 'pooled'.

    Raises:
        ValueError: No runs, or seeds with different folds or clips.
    """
    count = len(classes)
    folds = _by_fold(runs)
    rows = [_row(run, classes) for run in runs]
    values = {
        name: np.array([[measure(_confusion(run, count)) for run in group]
                        for group in folds])
        for name, measure in MEASURES.items()
    }
    # (folds, seeds)
    confusion = sum(_confusion(run, count) for run in runs)
    result = dict(
        runs=rows,
        mean={name: float(v.mean()) for name, v in values.items()},
        std={name: _std(v.mean(axis=1)) for name, v in values.items()},
        seed_std={name: _std(v.mean(axis=0)) for name, v in values.items()},
        pooled=_pooled(confusion, classes),
        intervals={},
        headline='pooled' if leave_one_out else 'mean')
    if bootstrap:
        result['intervals'] = _intervals(folds, count, bootstrap, seed)
    return result


def _by_fold(runs: Sequence[Run]) -> List[List[Run]]:
    """Group the runs: folds in the order given, seeds ascending."""
    if not runs:
        raise ValueError('there is no finished run to report')
    groups: Dict[Any, List[Run]] = {}
    for run in runs:
        groups.setdefault(run.fold, []).append(run)
    seeds = sorted(run.seed for run in runs if run.fold == runs[0].fold)
    for fold, group in groups.items():
        group.sort(key=lambda run: run.seed)
        if [run.seed for run in group] != seeds:
            raise ValueError(
                f'fold {fold} has the seeds {[run.seed for run in group]} and '
                f'fold {runs[0].fold} {seeds}: all folds need the same ones')
        for run in group[1:]:
            if not np.array_equal(run.labels, group[0].labels):
                raise ValueError(
                    f'the seeds {group[0].seed} and {run.seed} of fold {fold} '
                    'were tested on different clips')
    return list(groups.values())


def _confusion(run: Run, count: int) -> np.ndarray:
    return confusion_matrix(run.labels, run.predictions, count)


def _row(run: Run, classes: Sequence[str]) -> Dict[str, Any]:
    confusion = _confusion(run, len(classes))
    row = dict(fold=run.fold, seed=run.seed, epoch=run.epoch,
               clips=len(run.labels))
    row.update(
        (name, float(measure(confusion))) for name, measure in
        MEASURES.items())
    row['absent'] = [name for name, total in zip(classes, confusion.sum(1))
                     if not total]
    return row


def _std(values: np.ndarray) -> Optional[float]:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _pooled(confusion: np.ndarray, classes: Sequence[str]) -> Dict[str, Any]:
    recall = per_class_recall(confusion)
    return dict(
        WAR=float(weighted_average_recall(confusion)),
        UAR=float(_uar(confusion)),
        UF1=float(macro_f1(confusion)),
        recall={
            name: None if np.isnan(value) else float(value)
            for name, value in zip(classes, recall)
        },
        confusion=confusion.tolist())


def _intervals(folds: List[List[Run]], count: int, samples: int,
               seed: int) -> Dict[str, Any]:
    """Bootstrap; a fold draws with a seed of its own."""
    labels = [group[0].labels for group in folds]
    predictions = [np.stack([run.predictions for run in group])
                   for group in folds]
    drawn = [
        bootstrap_clips(truth, said, count, samples, seed + number)
        for number, (truth, said) in enumerate(zip(labels, predictions))
    ]
    with warnings.catch_warnings():
        # A draw of persons may miss a class altogether.
        warnings.simplefilter('ignore', RuntimeWarning)
        pooled = sum(drawn)
        result = dict(
            WAR=interval(mean_over_folds(drawn, weighted_average_recall)),
            UAR=interval(mean_over_folds(drawn, _uar)),
            pooled_UAR=interval(_uar(pooled).mean(axis=1)),
            pooled_UF1=interval(macro_f1(pooled).mean(axis=1)))
        persons = [group[0].subjects for group in folds]
        if all(p is not None and None not in p for p in persons) and \
                len({name for p in persons for name in p}) > 1:
            drawn = bootstrap_groups(
                np.concatenate(labels), np.concatenate(predictions, axis=1),
                [str(name) for p in persons for name in p], count, samples,
                seed)
            result.update(
                subjects_UAR=interval(_uar(drawn).mean(axis=1)),
                subjects_UF1=interval(macro_f1(drawn).mean(axis=1)))
    # Lists, as they come back from JSON.
    return {name: span and list(span) for name, span in result.items()}
