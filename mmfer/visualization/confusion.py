# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Confusion matrix, and recall of each class beside a baseline."""
from typing import Dict, Mapping, Optional, Sequence

import numpy as np

from mmfer.evaluation.functional import (confusion_matrix, per_class_recall,
                                         unweighted_average_recall,
                                         weighted_average_recall)
from mmfer.evaluation.intervals import (bootstrap_clips, bootstrap_groups,
                                        interval)

from .embedding import COLOURS
from .palette import INK
from .figures import new_figure

_FAINT = '#5F6368'


def draw_confusion(confusion: np.ndarray,
                   classes: Sequence[str],
                   title: str = ''):
    """Draw a confusion matrix: shares of each true class, with counts.

    Args:
        confusion (np.ndarray): Counts, (K, K), true classes in rows.
        classes (Sequence[str]): K names.
        title (str): Defaults to ''.

    Returns:
        matplotlib.figure.Figure: Call its ``savefig``.

    Raises:
        ValueError: Another number of names than classes.
    """
    confusion = np.asarray(confusion)
    count = len(confusion)
    if confusion.shape != (len(classes), len(classes)):
        raise ValueError(f'{len(classes)} class names, but the confusion '
                         f'matrix is {confusion.shape}')
    total = confusion.sum(axis=1, keepdims=True)
    share = np.divide(confusion, total, where=total > 0,
                      out=np.zeros(confusion.shape))
    side = .82 * count
    width, height = side + 2.5, side + 1.9
    figure = new_figure(width, height)
    axes = figure.add_axes((1.5 / width, 1. / height, side / width,
                            side / height))
    axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    for row in range(count):
        for column in range(count):
            dark = share[row, column] > .55
            seen = confusion[row, column] > 0
            axes.text(column, row - .12 if seen else row,
                      f'{100 * share[row, column]:.0f} %' if seen else '·',
                      ha='center', va='center', fontsize=10.5,
                      fontweight='bold' if row == column else 'normal',
                      color='white' if dark else INK if seen else '#BDC1C6')
            if seen:
                axes.text(column, row + .22, str(confusion[row, column]),
                          ha='center', va='center', fontsize=7.5,
                          color='#E8F0FE' if dark else _FAINT)
    names = [str(name) for name in classes]
    axes.set_xticks(range(count), names, rotation=35, ha='right',
                    rotation_mode='anchor', parse_math=False)
    axes.set_yticks(range(count), [
        f'{name}  ({number})' for name, number in zip(names, total[:, 0])
    ], parse_math=False)
    axes.set_xlabel('prediction', color=_FAINT)
    axes.set_ylabel('truth (clips)', color=_FAINT)
    axes.tick_params(length=0, labelsize=9.5)
    axes.set_xticks(np.arange(count + 1) - .5, minor=True)
    axes.set_yticks(np.arange(count + 1) - .5, minor=True)
    axes.grid(which='minor', color='white', linewidth=1.5)
    axes.tick_params(which='minor', length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    head = 1.5 / width
    figure.text(head, 1 - .3 / height, title, fontsize=11.5,
                fontweight='bold', color=INK, va='center', parse_math=False)
    figure.text(
        head, 1 - .58 / height,
        f'WAR {100 * weighted_average_recall(confusion):.1f}   UAR '
        f'{100 * unweighted_average_recall(confusion, warn=False):.1f}   '
        f'{int(confusion.sum())} clips', fontsize=9.5, color=_FAINT,
        va='center')
    return figure


def compare_recall(labels: Sequence[int],
                   predictions: Mapping[str, Sequence[int]],
                   num_classes: int,
                   groups: Optional[Sequence[str]] = None,
                   bootstrap: int = 1000,
                   seed: int = 0) -> Dict[str, np.ndarray]:
    """Recall of every class for models that were tested on the same clips.

    All models see the same draws, so an interval of the difference is
    narrower than the two intervals of the models suggest.

    Args:
        labels (Sequence[int]): True classes, (N, ).
        predictions (Mapping[str, Sequence[int]]): Predicted classes, (N, ),
            of each of M models.
        num_classes (int): K.
        groups (Sequence[str], optional): Person of each clip, (N, ): persons
            are drawn again instead of clips. Defaults to None.
        bootstrap (int): Samples. Defaults to 1000.
        seed (int): Seed of the drawing. Defaults to 0.

    Returns:
        dict: float64 arrays. ``recall`` (M, K + 1), the last column UAR;
        ``interval`` (M, K + 1, 2), 95 %; ``difference`` (M, K + 1, 3) to the
        first model: value, lower and upper end. NaN for an absent class.
    """
    stacked = np.array([np.asarray(p) for p in predictions.values()])
    if groups is None:
        drawn = bootstrap_clips(labels, stacked, num_classes, bootstrap, seed)
    else:
        drawn = bootstrap_groups(labels, stacked, groups, num_classes,
                                 bootstrap, seed)
    recall = _with_mean(np.array([
        confusion_matrix(labels, predicted, num_classes)
        for predicted in stacked
    ]))
    samples = _with_mean(drawn)  # (B, M, K + 1)
    apart = samples - samples[:, :1]
    return dict(
        recall=recall,
        interval=_intervals(samples),
        difference=np.concatenate(
            [(recall - recall[:1])[..., None], _intervals(apart)], axis=-1))


def _with_mean(confusion: np.ndarray) -> np.ndarray:
    recall = per_class_recall(confusion)
    known = ~np.isnan(recall)
    mean = np.where(known, recall, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return np.concatenate([recall, mean[..., None]], axis=-1)


def _intervals(samples: np.ndarray) -> np.ndarray:
    result = np.full(samples.shape[1:] + (2, ), np.nan)
    for place in np.ndindex(samples.shape[1:]):
        span = interval(samples[(slice(None), *place)])
        if span is not None:
            result[place] = span
    return result


def draw_class_recall(compared: Mapping[str, np.ndarray],
                      names: Sequence[str],
                      classes: Sequence[str],
                      counts: Sequence[int],
                      title: str = '',
                      over: str = 'clips'):
    """Draw the recall of each class as bars, a colour a model.

    Args:
        compared (dict): Result of :func:`compare_recall`.
        names (Sequence[str]): M names of models.
        classes (Sequence[str]): K names.
        counts (Sequence[int]): Clips of each class.
        title (str): Defaults to ''.
        over (str): What was drawn again: 'clips' or 'persons'.
            Defaults to 'clips'.

    Returns:
        matplotlib.figure.Figure: Call its ``savefig``.
    """
    models, places = compared['recall'].shape
    width = max(1.6 + places * (.28 + .28 * models), 6.)
    figure = new_figure(width, 4.4, layout='constrained')
    axes = figure.add_subplot()
    bar = .78 / models
    # A gap sets UAR, the mean, apart from the classes.
    centres = np.arange(places) + np.r_[np.zeros(places - 1), .25]
    for model, name in enumerate(names):
        recall = compared['recall'][model]
        known = ~np.isnan(recall)
        at = centres + (model - (models - 1) / 2) * bar
        # The baseline is the quiet one.
        colour = '#BDC1C6' if model == 0 and models > 1 else COLOURS[
            (model - (models > 1)) % len(COLOURS)]
        axes.bar(at[known], recall[known], bar * .92, color=colour,
                 label=str(name))
        low, high = np.moveaxis(compared['interval'][model][known], -1, 0)
        axes.errorbar(
            at[known], recall[known],
            yerr=np.abs([recall[known] - low, high - recall[known]]),
            fmt='none', ecolor=INK, elinewidth=.9, capsize=2)
        for x, value, top in zip(at[known], recall[known], high):
            # Without draws there is no top, and NaN is never larger.
            axes.text(x, max(value, top) + .015, f'{100 * value:.0f}',
                      ha='center', fontsize=7.5, color=_FAINT)
    words = [f'{name}\n{count}' for name, count in zip(classes, counts)]
    axes.set_xticks(centres, [*words, f'UAR\n{int(np.sum(counts))}'],
                    parse_math=False)
    axes.axvline(centres[-1] - .62, color='#DADCE0', linewidth=1)
    axes.set(ylim=(0, 1.08), yticks=np.linspace(0, 1, 6))
    axes.set_ylabel('recall', color=_FAINT)
    axes.grid(axis='y', color='#ECEFF1')
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9)
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    if title:
        axes.set_title(title, loc='left', fontsize=11.5, fontweight='bold',
                       color=INK, parse_math=False)
    lines = '' if np.isnan(compared['interval']).all() else \
        f' Lines: 95 % bootstrap over {over}.'
    figure.supxlabel(f'Below the names: clips.{lines}', fontsize=8,
                     color=_FAINT)
    if models > 1:
        figure.legend(loc='outside upper right', ncols=models, frameon=False,
                      fontsize=9)
    return figure
