# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One page that shows a data set: what a network gets to see of each class."""
import os
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import cv2
import numpy as np

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.datasets import AnnotationError, read_annotations

from .compressed import draw_motion, draw_residual
from .figures import new_figure, save_figure

_GREY = 235
MODES = ('chained', 'single')


def choose_clips(clips: Sequence[Mapping[str, Any]],
                 classes: Sequence[str],
                 per_class: int = 3,
                 seed: int = 0) -> Dict[str, List[Mapping[str, Any]]]:
    """Choose clips to show, of as many persons as possible.

    Args:
        clips (Sequence[Mapping]): Clips of an annotation file.
        classes (Sequence[str]): Names of the classes.
        per_class (int): Clips of each class. Defaults to 3.
        seed (int): Which ones. Defaults to 0.

    Returns:
        dict[str, list]: Clips of every class, in the order of ``classes``.
    """
    by_class = defaultdict(list)
    for clip in clips:
        by_class[clip['label']].append(clip)
    chosen, shown = {}, Counter()
    for name in classes:
        waiting = sorted(by_class[name], key=lambda clip: clip['path'])
        random.Random(f'{seed} {name}').shuffle(waiting)
        chosen[name] = []
        while waiting and len(chosen[name]) < per_class:
            clip = min(waiting, key=lambda c: shown[c.get('subject')])
            waiting.remove(clip)
            shown[clip.get('subject')] += 1
            chosen[name].append(clip)
    return chosen


def read_cells(file: Union[str, Path],
               index: Optional[int] = None,
               mode: str = 'chained',
               window: int = 12) -> Dict[str, Any]:
    """Read what is shown of a clip.

    Args:
        file (str | Path): The clip.
        index (int, optional): Display index of the picture. Defaults to
            None, the middle one.
        mode (str): 'chained' sums up residual and motion over the window
            before the picture, 'single' takes those of its packet.
            Defaults to 'chained'.
        window (int): Pictures. Defaults to 12.

    Returns:
        dict: ``frame`` uint8 (H, W, 3) RGB, ``residual`` (Residual), ``index``
        and ``pictures`` (int).

    Raises:
        CompressedVideoError, OSError: The clip cannot be read.
    """
    with CompressedVideo(file) as video:
        count = len(video)
        index = count // 2 if index is None else min(max(index, 0), count - 1)
        if mode == 'single':
            residual = video.residual_at(index)
        else:
            start = max(index - window, 0)
            residual = video.chained_at([index], start)[0]
        return dict(frame=video.frame_at(residual.index), residual=residual,
                    index=residual.index, pictures=count)


def draw_contact_sheet(annotations: Union[str, Path],
                       out: Union[str, Path],
                       folder: Optional[Union[str, Path]] = None,
                       split: Optional[str] = None,
                       per_class: int = 3,
                       mode: str = 'chained',
                       window: int = 12,
                       seed: int = 0,
                       cell: float = 1.1,
                       dpi: int = 150) -> Path:
    """Draw the contact sheet of a data set.

    Rows are classes; each clip takes three columns: the picture at its apex
    or in its middle, the residual and the motion.

    Args:
        annotations (str | Path): The annotation file.
        out (str | Path): The picture: .png, .pdf or .svg.
        folder (str | Path, optional): Folder of the clips. Defaults to None,
            that of the annotation file.
        split (str, optional): Show clips of this split. Defaults to None.
        per_class (int): Clips of each class. Defaults to 3.
        mode (str), window (int): See :func:`read_cells`.
        seed (int): Which clips. Defaults to 0.
        cell (float): Side of a picture in inches. Defaults to 1.1.
        dpi (int): Dots per inch. Defaults to 150.

    Returns:
        Path: ``out``.

    Raises:
        AnnotationError: There is nothing to show.
        ValueError: A choice is not one, or ``out`` has no suffix.
        ImportError: matplotlib is missing.
    """
    if mode not in MODES or per_class < 1:
        raise ValueError(f'`mode` is one of {", ".join(MODES)} and '
                         f'`per_class` at least 1, got {mode!r} and '
                         f'{per_class}')
    if not Path(out).suffix:
        raise ValueError(f'{out}: the name does not say what to write; end '
                         'it with .png, .pdf or .svg')
    metainfo, clips = read_annotations(str(annotations))
    if split is not None:
        clips = [clip for clip in clips if clip.get('split') == split]
    if not clips:
        raise AnnotationError(f'{annotations}: no clip'
                              + (f' of split {split!r}' if split else ''))
    folder = Path(folder) if folder else Path(annotations).parent
    classes = metainfo['classes']
    if not any(clip['label'] in classes for clip in clips):
        raise AnnotationError(
            f'{annotations}: no clip is of one of the classes '
            f'{", ".join(classes)}; correct the labels, or "classes" in '
            '"metainfo"')
    rows = {
        name: [_read(folder / clip['path'], clip, mode, window)
               for clip in chosen]
        for name, chosen in choose_clips(
            clips, classes, per_class, seed).items()
    }
    counts = Counter(clip['label'] for clip in clips)
    title = metainfo.get('title') or metainfo.get('dataset') or 'data set'
    title += f', {split}' if split else ''
    title += f': {_clips(len(clips))}, ' + _spoken(metainfo.get('coding'))
    return _draw(rows, counts, title.rstrip(', '), mode, out, cell, dpi)


def _clips(count: int) -> str:
    return f'{count} clip{"s" if count != 1 else ""}'


def _spoken(coding: Any) -> str:
    encoding = (coding or {}).get('encoding', coding) or {}
    parts = [str(encoding[key]) if key == 'codec' else f'{key} {encoding[key]}'
             for key in ('codec', 'profile', 'gop', 'qscale', 'crf')
             if encoding.get(key) is not None]
    return ', '.join(parts)


def _read(file: Path, clip: Mapping[str, Any], mode: str,
          window: int) -> Dict[str, Any]:
    try:
        cells = read_cells(file, clip.get('apex'), mode, window)
    except (CompressedVideoError, OSError) as error:
        cells = dict(error=str(error))
    return dict(cells, clip=clip)


def _motion_limit(rows) -> float:
    """Return the length in pixels that gets the full colour on the page."""
    lengths = [
        np.quantile(np.hypot(*np.moveaxis(cells['residual'].motion, 2, 0)),
                    .98) for shown in rows.values() for cells in shown
        if 'residual' in cells and cells['residual'].motion is not None
    ]
    # One clip in turmoil must not make all others look still.
    return max(float(np.median(lengths)), 1.) if lengths else 1.


def _draw(rows, counts, title, mode, out, cell, dpi) -> Path:
    limit = _motion_limit(rows)
    names = [name for name, shown in rows.items() if shown]
    # A narrow empty column stands between two clips.
    columns = max(len(shown) for shown in rows.values())
    widths = ([1, 1, 1, .12] * columns)[:-1]
    left, top, bottom = 1.25, .62, .55
    width = max(left + cell * sum(widths) + .1, 7.)
    height = top + (cell + .2) * len(names) + bottom - .2
    figure = new_figure(width, height, dpi)
    grid = figure.add_gridspec(
        len(names), len(widths), width_ratios=widths, wspace=.03,
        hspace=.2 / cell, left=left / width,
        right=(left + cell * sum(widths)) / width, top=1 - top / height,
        bottom=bottom / height)
    for row, name in enumerate(names):
        for place, cells in enumerate(rows[name]):
            axes = [figure.add_subplot(grid[row, 4 * place + column])
                    for column in range(3)]
            _fill(axes, cells, mode, limit, with_heads=row == 0)
            if place == 0:
                axes[0].text(
                    -.08, .5, f'{name}\n{_clips(counts[name])}', ha='right',
                    va='center', fontsize=9, transform=axes[0].transAxes,
                    parse_math=False)
    figure.text(.1 / width, 1 - .2 / height, title, fontsize=10,
                fontweight='bold', va='center', parse_math=False)
    figure.text(
        .1 / width, .2 / height,
        f'{mode} residual, grey: nothing to add to the prediction.\nMotion: '
        f'hue is the direction (red right, cyan left), full colour '
        f'{limit:.1f} pixels; orange: not predicted.', fontsize=7,
        va='center')
    return save_figure(figure, out)


def _fill(axes, cells, mode, limit, with_heads) -> None:
    for axis, head in zip(axes, ('frame', f'{mode} residual', 'motion')):
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set(color='.8', linewidth=.5)
        if with_heads:
            axis.set_title(head, fontsize=7, pad=3)
    clip = cells['clip']
    if 'error' in cells:
        for axis in axes:
            axis.imshow(np.full((8, 8, 3), _GREY, np.uint8))
        axes[1].text(.5, .5, 'cannot be read', ha='center', va='center',
                     fontsize=7, transform=axes[1].transAxes)
        caption = os.path.basename(clip['path'])
    else:
        residual, frame = cells['residual'], cells['frame']
        gain = 3. if mode == 'chained' else 6.
        pictures = [frame, draw_residual(residual, gain)]
        if residual.motion is None:
            pictures.append(np.full_like(frame, _GREY))
        else:
            pictures.append(draw_motion(residual.motion, frame.shape[:2],
                                        limit, residual.inter))
        for axis, picture in zip(axes, pictures):
            axis.imshow(_square(picture), interpolation='antialiased')
        what = 'apex' if clip.get('apex') is not None else 'picture'
        caption = (f'{clip.get("subject") or os.path.basename(clip["path"])}, '
                   f'{what} {cells["index"]} of {cells["pictures"]}')
    axes[0].text(0, -.03, caption, ha='left', va='top', fontsize=6,
                 color='.35', transform=axes[0].transAxes, parse_math=False)


def _square(picture: np.ndarray) -> np.ndarray:
    """Put a picture in the middle of a white square."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return cv2.copyMakeBorder(
        picture, top, side - height - top, left, side - width - left,
        cv2.BORDER_CONSTANT, value=(255, 255, 255))
