# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Predictions as a table, as CSV and as JSON; files appear whole or not."""
import csv
import json
import os
from typing import Iterator, List, Sequence, Union

from mmfer.atomic import write_text, writing
from mmfer.visualization.file_names import readable
from .prediction import ClipPrediction, FacePrediction

#: Windows that a table lists; a long file has its time line elsewhere.
_LISTED_WINDOWS = 40


def write_json(predictions: Sequence[ClipPrediction], path: str) -> None:
    """Write a list of predictions, one in each line.

    Args:
        predictions (Sequence[ClipPrediction]): In order.
        path (str): The file.

    Raises:
        ValueError: A number is none; nothing is written.
    """
    lines = ',\n'.join(clip.to_json() for clip in predictions)
    write_text(path, f'[\n{lines}\n]\n')


def read_json(path: str) -> List[ClipPrediction]:
    """Read what :func:`write_json` wrote.

    Args:
        path (str): The file.

    Returns:
        list[ClipPrediction]: In order.
    """
    with open(path, encoding='utf-8') as file:
        return [ClipPrediction.from_dict(data) for data in json.load(file)]


def write_csv(predictions: Sequence[ClipPrediction], path: str) -> None:
    """Write a row for each window of each face, and one for each error.

    Args:
        predictions (Sequence[ClipPrediction]): In order, with one set of
            classes.
        path (str): The file.
    """
    with writing(path) as file:
        # One that no worker survived knows of no classes.
        classes = next(
            (clip.classes for clip in predictions if clip.classes), ())
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(['path', 'face', 'start', 'end', 'first', 'last',
                       'label', *classes, 'left', 'top', 'width', 'height',
                       'error'])
        for clip in predictions:
            rows.writerows(_rows(clip, len(classes)))


def _rows(clip: ClipPrediction, count: int) -> Iterator[list]:
    path = readable(clip.path)
    if clip.error:
        yield [path, *[''] * (10 + count), readable(clip.error)]
    for face in clip.faces:
        for window in face.windows:
            data = window.to_dict()
            yield [path, face.face, data['start'], data['end'],
                   data['first'], data['last'],
                   clip.classes[int(window.scores.argmax())],
                   *data['scores'], *(data['crop'] or [''] * 4), '']


def why_not_written(path: Union[str, os.PathLike], error: Exception) -> str:
    """Say in one line why a result is missing.

    Args:
        path (str | PathLike): Where it was to be.
        error (Exception): What was raised.

    Returns:
        str: It names the file.
    """
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename and os.fspath(error.filename) != os.fspath(path):
            text = f'{error.filename}: {text}'
    name = os.fspath(path)
    return text if text.startswith(name) else f'{name}: not written ({text})'


def as_table(predictions: Sequence[ClipPrediction]) -> str:
    """Make a table for a terminal.

    Args:
        predictions (Sequence[ClipPrediction]): In order.

    Returns:
        str: A line for each face; of a single file, also for its windows.
    """
    rows = [('file', 'face', 'expression', 'probability', 'windows', 'time')]
    for clip in predictions:
        path = readable(clip.path)
        for face in clip.faces:
            rows.append((path, str(face.face), face.label,
                         f'{face.scores.max():.3f}', str(len(face.windows)),
                         f'{clip.duration:.1f} s' if clip.duration else ''))
        if clip.error:
            rows.append((path, '', 'none', '', '', ''))
    lines = _aligned(rows)
    if len(predictions) == 1:
        for face in predictions[0].faces:
            lines += ['', *_time_line(predictions[0], face)]
    return '\n'.join(lines)


def _time_line(clip: ClipPrediction, face: FacePrediction) -> List[str]:
    if len(face.windows) < 2:
        best = sorted(zip(face.scores, clip.classes), reverse=True)
        return [f'  {name} {score:.3f}' for score, name in best]
    rows = [(f'face {face.face}', 'from', 'to', 'expression', 'probability')]
    for window in face.windows[:_LISTED_WINDOWS]:
        rows.append(('', f'{window.start:.1f} s', f'{window.end:.1f} s',
                     clip.classes[int(window.scores.argmax())],
                     f'{window.scores.max():.3f}'))
    left = len(face.windows) - _LISTED_WINDOWS
    more = [f'  and {left} more; --csv or --json write them all'] \
        if left > 0 else []
    return _aligned(rows) + more


def _aligned(rows: Sequence[Sequence[str]]) -> List[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join(cell.ljust(width)
                      for cell, width in zip(row, widths)).rstrip()
            for row in rows]
