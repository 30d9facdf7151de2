# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A video with what was recognised in it, picture by picture."""
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Optional, Tuple, Union

import cv2
import numpy as np

from mmfer.codec import CompressedVideo

from .lettering import bars, caption, label_chip, paste
from .palette import class_colours, rgb
from .playback import iterate_frames
from .timeline import scores_over_time
from .video_writer import StoredPictures, even, mp4_writer, resized, tell

_LOW, _HIGH = 360, 1080  # height of the picture in the new video
_PANEL, _MARGIN, _ROW = 264, 14, 20
_GROUND = (32, 33, 36)


def write_annotated_video(
        source: Any,
        prediction: Any,
        path: Union[str, Path],
        progress: Optional[Callable[[int, int], None]] = None) -> Path:
    """Write an MP4: faces with their label; bars and residual beside them.

    Pictures are decoded, drawn and encoded one by one, so that memory does
    not grow with the length. The residual is summed up over at most two
    seconds, see :class:`StoredPictures`. The sound is left out.

    Args:
        source (str | PathLike | bytes): The clip.
        prediction (ClipPrediction): The answer about it.
        path (str | Path): The new video, replaced if it exists; it appears
            when it is complete.
        progress (Callable, optional): Called with the number of pictures that
            are written and of all pictures. Defaults to None.

    Returns:
        Path: ``path``.

    Raises:
        ValueError: The prediction has no face; or ``path`` is ``source``.
        CompressedVideoError: The clip cannot be read.
        ImportError: matplotlib, whose letters are used, is missing.
    """
    if not prediction.faces:
        raise ValueError(f'{prediction.path}: nothing to draw: '
                         f'{prediction.error or "there is no face"}')
    if not isinstance(source, bytes) and os.path.exists(path) and \
            os.path.samefile(source, path):
        raise ValueError(f'{path}: would overwrite the clip itself; give '
                         'another name')
    with CompressedVideo(source) as video:
        painter = _Painter(prediction, video.width, video.height, len(video))
        stored = StoredPictures(video)
        total = len(video)
        with mp4_writer(path, *painter.size, video.fps) as write:
            frames = iterate_frames(source, video.rotation)
            for index, frame in zip(range(total), frames):
                write(painter(frame, stored(index)[0], index,
                              index - stored.start(index)))
                tell(progress, index + 1, total)
    return Path(path)


class _Painter:
    """Lay out and draw the pictures of one annotated video."""

    def __init__(self, prediction: Any, width: int, height: int,
                 total: int) -> None:
        self._seconds = prediction.seconds_of(np.arange(total))
        self._classes = tuple(map(str, prediction.classes))
        self._colours = tuple(class_colours(self._classes))
        self._faces = sorted(
            prediction.faces, key=lambda f: (-len(f.windows), f.face))
        self._over_time = {
            face.face: scores_over_time(face.windows, len(self._classes))
            for face in self._faces
        }
        self._scale = min(max(_LOW / height, 1), _HIGH / height)
        self._picture = even(width * self._scale), even(height * self._scale)
        inner = _PANEL - 2 * _MARGIN
        self._inset = _fitted(width, height, inner, 150)
        bars_height = _ROW * (len(self._classes) + 1)
        head = 2 * _MARGIN + self._inset[1] + 2 * 18
        needed = head + bars_height + _MARGIN
        self.size = (self._picture[0] + _PANEL,
                     even(max(self._picture[1], needed)))
        #: Faces whose bars have room in the panel.
        self._shown = self._faces[:max(
            (self.size[1] - head) // (bars_height + _MARGIN), 1)]
        self._bars = lru_cache(64)(self._draw_bars)

    def __call__(self, frame: np.ndarray, residual: np.ndarray, index: int,
                 chained: int) -> np.ndarray:
        canvas = np.full((self.size[1], self.size[0], 3), _GROUND, np.uint8)
        picture = resized(frame, *self._picture)
        if not picture.flags.writeable:
            picture = picture.copy()
        for face in reversed(self._faces):
            self._mark(picture, face, index)
        top = (self.size[1] - self._picture[1]) // 2
        paste(canvas, picture, 0, top)
        left, top = self._picture[0] + _MARGIN, _MARGIN
        inner = _PANEL - 2 * _MARGIN
        paste(canvas, resized(residual, *self._inset), left, top)
        top += self._inset[1] + 4
        now = self._seconds[index]
        since = now - self._seconds[index - chained]
        paste(canvas, caption(
            f'residual of the last {since:.1f} s', inner), left, top)
        top += 18
        paste(canvas, caption(
            f'{now:.2f} s   picture {index}', inner), left, top)
        top += 18 + _MARGIN - 4
        for face in self._shown:
            patch = self._bars(face.face, self._span(face, index))
            paste(canvas, patch, left, top)
            top += len(patch) + _MARGIN
        return canvas

    def _span(self, face: Any, index: int) -> int:
        """Number of the span of the time line; any other outside of it."""
        edges = self._over_time[face.face][0]
        return int(np.searchsorted(edges, index, 'right')) - 1

    def _scores(self, number: int, span: int) -> np.ndarray:
        scores = self._over_time[number][1]
        if 0 <= span < len(scores):
            return scores[span]
        return np.full(len(self._classes), np.nan)

    def _draw_bars(self, number: int, span: int) -> np.ndarray:
        title = f'face {number}' if len(self._faces) > 1 else 'expression'
        return bars(self._classes, self._colours, self._scores(number, span),
                    title, _PANEL - 2 * _MARGIN, _ROW)

    def _mark(self, picture: np.ndarray, face: Any, index: int) -> None:
        scores = self._scores(face.face, self._span(face, index))
        box = face.boxes.get(index)
        if np.isnan(scores).any() or (face.boxes and box is None):
            return
        best = int(scores.argmax())
        colour = self._colours[best]
        text = f'{self._classes[best]} {100 * scores[best]:.0f} %'
        if len(self._faces) > 1:
            text = f'{face.face}: {text}'
        chip = label_chip(text, colour, 15)
        left, top, right, bottom = self._corners(box)
        if box is not None:
            cv2.rectangle(picture, (left, top), (right, bottom), rgb(colour),
                          2, cv2.LINE_AA)
            # Above the box if there is room, else inside of it.
            top = top - len(chip) if top >= len(chip) else top
        paste(picture, chip, max(min(
            left - (box is not None), picture.shape[1] - chip.shape[1]), 0),
            top)

    def _corners(self, box: Optional[Tuple]) -> Tuple[int, int, int, int]:
        if box is None:
            return 8, 8, 0, 0
        left, top, width, height = (side * self._scale for side in box)
        return round(left), round(top), round(left + width), round(
            top + height)


def _fitted(width: int, height: int, most_wide: int,
            most_high: int) -> Tuple[int, int]:
    scale = min(most_wide / width, most_high / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)
