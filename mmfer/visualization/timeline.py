# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The time line of a clip: what each face showed from second to second."""
from pathlib import Path
from typing import Any, Sequence, Tuple, Union

import numpy as np

from .figures import new_figure, save_figure
from .file_names import readable
from .palette import INK, class_colours, ink_on

_FAINT = '#5F6368'


def scores_over_time(
        windows: Sequence[Any],
        num_classes: int) -> Tuple[np.ndarray, np.ndarray]:
    """Cut time where a window begins or ends and average what covers it.

    Args:
        windows (Sequence[WindowPrediction]): They may overlap or leave gaps.
        num_classes (int): K.

    Returns:
        tuple[np.ndarray, np.ndarray]: S + 1 display indices, int64 ascending,
        where spans begin, the last one behind the end; and S rows of K
        probabilities, float64, NaN where no window is.

    Examples:
        >>> from types import SimpleNamespace as Window
        >>> edges, scores = scores_over_time([
        ...     Window(first=0, last=49, scores=[1., 0.]),
        ...     Window(first=25, last=74, scores=[0., 1.])], 2)
        >>> edges.tolist(), scores.tolist()
        ([0, 25, 50, 75], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    """
    spans = [(window.first, window.last + 1) for window in windows]
    edges = np.unique(np.array(spans, np.int64))
    total = np.zeros((max(len(edges) - 1, 0), num_classes))
    count = np.zeros((len(total), 1))
    for window, span in zip(windows, spans):
        first, stop = np.searchsorted(edges, span)
        total[first:stop] += np.asarray(window.scores, np.float64)
        count[first:stop] += 1
    scores = np.full_like(total, np.nan)
    np.divide(total, count, out=scores, where=count > 0)
    return edges, scores


def draw_timeline(prediction: Any,
                  path: Union[str, Path],
                  dpi: int = 150) -> Path:
    """Draw the probabilities of all classes over seconds, a lane a face.

    The height of a colour is the probability of its class. The strip below a
    lane is the most probable class. Where windows overlap their mean is
    drawn; nothing is drawn where a face was not seen.

    Args:
        prediction (ClipPrediction): The answer about a clip.
        path (str | Path): A name in .png, .pdf or .svg, replaced if it
            exists.
        dpi (int): Dots per inch. Defaults to 150.

    Returns:
        Path: ``path``.

    Raises:
        ValueError: The prediction has no face to draw; or the suffix.
        ImportError: matplotlib is missing.
    """
    if not prediction.faces:
        raise ValueError(f'{prediction.path}: nothing to draw: '
                         f'{prediction.error or "there is no face"}')
    colours = class_colours(prediction.classes)
    faces = prediction.faces
    width, lane, top, bottom, gap = 10., 1.35, .62, .95, .28
    height = top + len(faces) * (lane + gap) - gap + bottom
    figure = new_figure(width, height, dpi)
    left, right = 1.35 / width, 1 - .25 / width
    last = max([prediction.frames] +
               [w.last + 1 for face in faces for w in face.windows])
    end = float(prediction.seconds_of([last])[0])
    for number, face in enumerate(faces):
        upper = 1 - (top + number * (lane + gap)) / height
        strip, thin = .2 / height, .03 / height
        axes = figure.add_axes((left, upper - lane / height + strip + thin,
                                right - left, lane / height - strip - thin))
        below = figure.add_axes((left, upper - lane / height, right - left,
                                 strip))
        _draw_lane(axes, below, face, prediction, colours, end)
        share = f'{face.label}\n{100 * float(max(face.scores)):.0f} %'
        figure.text(
            left - .52 / width, upper - .5 * lane / height,
            (f'face {face.face}\n' if len(faces) > 1 else '') + share,
            ha='right', va='center', fontsize=10, color=INK,
            linespacing=1.4, parse_math=False)
        if number == len(faces) - 1:
            below.set_xlabel('seconds', fontsize=9, color=_FAINT)
        else:
            below.set_xticklabels([])
    _head_and_legend(figure, prediction, colours, height)
    return save_figure(figure, path)


def _draw_lane(axes, below, face, prediction, colours, end) -> None:
    classes = prediction.classes
    edges, scores = scores_over_time(face.windows, len(classes))
    edges = prediction.seconds_of(edges)
    # Each span twice, at its two ends, so that steps are upright.
    times = np.repeat(edges, 2)[1:-1]
    steps = np.nan_to_num(np.repeat(scores, 2, axis=0))
    if len(times):
        axes.stackplot(times, steps.T, colors=colours, linewidth=0)
    seen = ~np.isnan(scores).any(axis=1)
    for begin, stop, best in _runs(edges, scores, seen):
        below.axvspan(begin, stop, color=colours[best], linewidth=0)
        if (stop - begin) / end > .012 * len(str(classes[best])):
            below.text((begin + stop) / 2, .46, str(classes[best]),
                       ha='center', va='center', fontsize=7.5,
                       color=ink_on(colours[best]), clip_on=True,
                       parse_math=False)
    axes.set(xlim=(0, end), ylim=(0, 1), yticks=(0, .5, 1), xticks=())
    axes.set_yticklabels(['0', '½', '1'])
    below.set(xlim=(0, end), ylim=(0, 1), yticks=())
    for one in (axes, below):
        one.tick_params(labelsize=8, colors=_FAINT, length=3, width=.6)
        one.set_facecolor('#F1F3F4')
        for spine in one.spines.values():
            spine.set_visible(False)


def _runs(edges, scores, seen):
    """Yield begin, end and best class of spans in which it stays the same."""
    begin, best = None, None
    for number, there in enumerate(seen):
        now = int(scores[number].argmax()) if there else None
        if now != best:
            if best is not None:
                yield begin, edges[number], best
            begin, best = edges[number], now
    if best is not None:
        yield begin, edges[-1], best


def _head_and_legend(figure, prediction, colours, height) -> None:
    facts = [f'{prediction.duration:.1f} s' if prediction.duration else '',
             f'{prediction.width}×{prediction.height}'
             if prediction.width else '', prediction.codec]
    figure.text(.025, 1 - .26 / height,
                readable(Path(prediction.path).name), fontsize=11,
                fontweight='bold', color=INK, va='center', parse_math=False)
    figure.text(.975, 1 - .26 / height, '  ·  '.join(filter(None, facts)),
                fontsize=9, color=_FAINT, ha='right', va='center')
    from matplotlib.patches import Patch
    figure.legend(
        [Patch(color=colour) for colour in colours],
        [str(name) for name in prediction.classes],
        loc='lower center', ncols=min(len(colours), 8), frameon=False,
        fontsize=9, handlelength=1, handleheight=1, handletextpad=.5,
        columnspacing=1.4, labelcolor=INK)
