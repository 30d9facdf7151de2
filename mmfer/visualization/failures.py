# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The clips that a model got wrong, the surest mistakes first."""
import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Optional, Sequence

import numpy as np

from mmfer.codec import CompressedVideoError

from .compressed import draw_motion, draw_residual
from .contact_sheet import read_cells
from .figures import new_figure
from .file_names import readable
from .palette import INK, class_colours

_FAINT, _WRONG = '#5F6368', '#C5221F'
COLUMNS = ('rank', 'clip', 'subject', 'truth', 'prediction', 'confidence',
           'score_of_truth')


@dataclass(frozen=True)
class Failure:
    """One wrong answer.

    Args:
        clip (str, optional): File name, None if the dump has none.
        subject (str, optional): Who is seen.
        truth (int), prediction (int): Classes.
        scores (np.ndarray): float32 (K, ).
    """

    clip: Optional[str]
    subject: Optional[str]
    truth: int
    prediction: int
    scores: np.ndarray

    @property
    def confidence(self) -> float:
        """Score of the predicted class."""
        return float(self.scores[self.prediction])


def find_failures(predictions: Any) -> List[Failure]:
    """List the wrong answers of a test.

    Args:
        predictions (Predictions): See ``mmfer.evaluation.dumps``.

    Returns:
        list[Failure]: The most confident first; equal ones in the order of
        the test.

    Raises:
        ValueError: A label is none of the classes.
    """
    found, count = [], predictions.scores.shape[1]
    labels = predictions.labels
    if len(labels) and not 0 <= min(labels) <= max(labels) < count:
        raise ValueError(f'a label is outside of 0 .. {count - 1}: '
                         f'{min(labels)} .. {max(labels)}')
    for scores, label, clip, subject in zip(
            predictions.scores, predictions.labels, predictions.clips,
            predictions.subjects):
        best = int(scores.argmax())
        if best != label:
            found.append(Failure(
                None if clip is None else os.fspath(clip),
                None if subject is None else str(subject), label, best,
                scores))
    return sorted(found, key=lambda failure: -failure.confidence)


def _rows(failures: Sequence[Failure], classes: Sequence[str]) -> List[list]:
    return [[
        rank, readable(failure.clip or ''), failure.subject or '',
        str(classes[failure.truth]), str(classes[failure.prediction]),
        f'{failure.confidence:.4f}', f'{failure.scores[failure.truth]:.4f}'
    ] for rank, failure in enumerate(failures, 1)]


def failures_csv(failures: Sequence[Failure], classes: Sequence[str]) -> str:
    """Write failures as CSV with a header line.

    Args:
        failures (Sequence[Failure]): What to write.
        classes (Sequence[str]): K names.

    Returns:
        str: The text.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(COLUMNS)
    # A cell that begins like a formula would be run by a spreadsheet.
    writer.writerows([
        [f"'{cell}" if str(cell)[:1] in ('=', '+', '@') else cell
         for cell in row] for row in _rows(failures, classes)
    ])
    return text.getvalue()


def failures_markdown(failures: Sequence[Failure],
                      classes: Sequence[str]) -> str:
    """Write failures as a Markdown table.

    Args:
        failures (Sequence[Failure]): What to write.
        classes (Sequence[str]): K names.

    Returns:
        str: The text.
    """
    lines = ['| ' + ' | '.join(COLUMNS).replace('_', ' ') + ' |',
             '|--:|---|---|---|---|--:|--:|']
    for row in _rows(failures, classes):
        cells = [str(cell).replace('|', '\\|') for cell in row]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def draw_failures(failures: Sequence[Failure],
                  classes: Sequence[str],
                  columns: int = 2,
                  title: str = ''):
    """Draw failures: picture, chained residual, motion and scores of each.

    Args:
        failures (Sequence[Failure]): Which; those without a readable file
            show their scores alone.
        classes (Sequence[str]): K names.
        columns (int): Failures in a row. Defaults to 2.
        title (str): Defaults to ''.

    Returns:
        matplotlib.figure.Figure: Call its ``savefig``.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not failures:
        raise ValueError('there is no failure to draw')
    columns = min(columns, len(failures))
    rows = -(-len(failures) // columns)
    cell, bars, gap, line = 1.15, 1.9, .45, 1.75
    wide = 3 * cell + .1 + bars
    width = .25 + columns * (wide + gap)
    height = rows * line + (.55 if title else .15)
    figure = new_figure(width, height, dpi=110)
    if title:
        figure.text(.25 / width, 1 - .25 / height, title, fontsize=11.5,
                    fontweight='bold', color=INK, va='center',
                    parse_math=False)
    for number, failure in enumerate(failures):
        row, column = divmod(number, columns)
        left = .25 + column * (wide + gap)
        bottom = (rows - 1 - row) * line + .12
        _draw_one(figure, failure, classes, left, bottom, cell, bars,
                  number + 1)
    return figure


def _draw_one(figure, failure, classes, left, bottom, cell, bars,
              rank) -> None:
    width, height = figure.get_size_inches()

    def axes_at(x, y, wide, high):
        axes = figure.add_axes((x / width, y / height, wide / width,
                                high / height))
        axes.set(xticks=(), yticks=())
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    for place, picture in enumerate(_pictures(failure.clip)):
        axes = axes_at(left + place * cell, bottom, cell - .05, cell)
        axes.imshow(picture, interpolation='antialiased')
        axes.set_anchor('SW')
    top = (bottom + cell + .09) / height
    name = readable(Path(failure.clip).name) if failure.clip else \
        'clip not known'
    figure.text(left / width, top + .19 / height, f'{rank}  {name}' + (
        f'  ·  {failure.subject}' if failure.subject else ''), fontsize=8.5,
        fontweight='bold', color=INK, parse_math=False)
    figure.text(left / width, top, f'{classes[failure.truth]} taken for '
                f'{classes[failure.prediction]}, '
                f'{100 * failure.confidence:.0f} %', fontsize=8.5,
                color=_WRONG, parse_math=False)
    axes = axes_at(left + 3 * cell + .75, bottom, bars - .75, cell)
    axes.barh(range(len(classes)), failure.scores, height=.7,
              color=class_colours(classes))
    for number, name in enumerate(classes):
        strong = number in (failure.truth, failure.prediction)
        axes.text(-.03, number,
                  ('▸ ' if number == failure.truth else '') + str(name),
                  ha='right', va='center', fontsize=7, color=INK,
                  fontweight='bold' if strong else 'normal',
                  parse_math=False)
    axes.set(xlim=(0, 1), ylim=(len(classes) - .5, -.5))
    axes.axvline(0, color=_FAINT, linewidth=.5)


def _pictures(clip: Optional[str]) -> List[np.ndarray]:
    grey = np.full((8, 8, 3), 241, np.uint8)
    if clip is None:
        return [grey] * 3
    try:
        cells = read_cells(clip)
    except (CompressedVideoError, OSError):
        return [grey] * 3
    residual, frame = cells['residual'], cells['frame']
    motion = grey if residual.motion is None else draw_motion(
        residual.motion, frame.shape[:2], inter=residual.inter)
    return [frame, draw_residual(residual, 3.), motion]
