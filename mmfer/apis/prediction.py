# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What an inferencer answers: for a clip, its faces; for a face, its windows.

Everything is plain data: it can be pickled, written as JSON and read again
without loss. Times of computation are part of an answer but not of what
distinguishes two answers, see :meth:`ClipPrediction.to_dict`.
"""
import json
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

import numpy as np

from mmfer.visualization.file_names import readable
from .windows import ASSUMED_FPS

#: Left, top, width, height in pixels of the upright picture.
FaceBox = Tuple[float, float, float, float]


def _numbers(scores: np.ndarray) -> list:
    """Shortest decimal numbers that give the same float32 again."""
    return [float(str(score)) for score in np.asarray(scores, np.float32)]


def _box(box: Optional[FaceBox]) -> Optional[list]:
    return None if box is None else [round(float(side), 2) for side in box]


class BoxTrack(Mapping[int, FaceBox]):
    """Boxes by display index, in 24 bytes each: hours of video are long.

    Read like a dict. Pictures are added in order of time.

    Example:
        >>> track = BoxTrack()
        >>> track.add(3, (10., 20., 64., 64.))
        >>> track[3], 4 in track, len(track)
        ((10.0, 20.0, 64.0, 64.0), False, 1)
    """

    def __init__(self) -> None:
        self._indices = array('q')
        self._sides = array('f')

    def add(self, index: int, box: FaceBox) -> None:
        """Note a box.

        Args:
            index (int): Display index, larger than all before.
            box (tuple[float]): Left, top, width, height.

        Raises:
            ValueError: The picture is not behind all others.
        """
        if self._indices and index <= self._indices[-1]:
            raise ValueError(f'picture {index} follows {self._indices[-1]}')
        self._indices.append(index)
        self._sides.extend(box)

    def extend(self, other: 'BoxTrack') -> None:
        """Note the boxes of another track.

        Args:
            other (BoxTrack): Its pictures are behind all of this one.

        Raises:
            ValueError: They are not.
        """
        if self._indices and other._indices and \
                other._indices[0] <= self._indices[-1]:
            raise ValueError(f'picture {other._indices[0]} follows '
                             f'{self._indices[-1]}')
        self._indices.extend(other._indices)
        self._sides.extend(other._sides)

    def cut(self, index: int) -> 'BoxTrack':
        """Take out the boxes from a picture on.

        Args:
            index (int): Display index.

        Returns:
            BoxTrack: What was taken out.
        """
        place = bisect_left(self._indices, index)
        taken = BoxTrack()
        taken._indices = self._indices[place:]
        taken._sides = self._sides[4 * place:]
        del self._indices[place:], self._sides[4 * place:]
        return taken

    def drop_before(self, index: int) -> None:
        """Drop the boxes before a picture.

        Args:
            index (int): Display index.
        """
        place = bisect_left(self._indices, index)
        del self._indices[:place], self._sides[:4 * place]

    def between(self, first: int, stop: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the boxes of a span of time.

        Args:
            first, stop (int): Display indices; the last one is outside.

        Returns:
            tuple[np.ndarray]: Display indices, int64 (N, ), and left, top,
            width, height, float32 (N, 4).
        """
        low, high = np.searchsorted(
            np.frombuffer(self._indices, np.int64), (first, stop)) \
            if self._indices else (0, 0)
        return (np.array(self._indices[low:high], np.int64),
                np.array(self._sides[4 * low:4 * high],
                         np.float32).reshape(-1, 4))

    def __getitem__(self, index: int) -> FaceBox:
        found, boxes = self.between(index, index + 1)
        if not len(found):
            raise KeyError(index)
        return tuple(boxes[0].tolist())

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """The expression of one face in one span of time.

    Args:
        start, end (float): Seconds from the beginning of the file; the end is
            that of the last picture.
        first, last (int): Display indices of the first and the last picture.
        scores (np.ndarray): float32 (K, ), probabilities.
        face (int): Which face. Defaults to 0.
        crop (tuple[float], optional): What the network was shown: left, top,
            width, height in pixels of the upright picture. Defaults to None,
            the whole picture.
    """

    start: float
    end: float
    first: int
    last: int
    scores: np.ndarray
    face: int = 0
    crop: Optional[FaceBox] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return plain data.

        Returns:
            dict: Numbers and lists.
        """
        return dict(
            start=round(self.start, 6), end=round(self.end, 6),
            first=int(self.first), last=int(self.last),
            scores=_numbers(self.scores), face=int(self.face),
            crop=_box(self.crop))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> 'WindowPrediction':
        """Make a window from what :meth:`to_dict` returned."""
        crop = data.get('crop')
        return cls(
            data['start'], data['end'], data['first'], data['last'],
            np.asarray(data['scores'], np.float32), data.get('face', 0),
            None if crop is None else tuple(crop))


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """The expression of one person in a clip.

    Args:
        face (int): Number of the person, the same throughout the file.
        label (str): Most probable class of ``scores``.
        scores (np.ndarray): float32 (K, ), mean of the windows' scores.
        windows (tuple[WindowPrediction]): In order of time.
        boxes (Mapping[int, tuple[float]]): Left, top, width and height of
            the face in pixels of the upright picture, by display index; empty
            where faces were not looked for.
    """

    face: int
    label: str
    scores: np.ndarray
    windows: Tuple[WindowPrediction, ...]
    boxes: Mapping[int, FaceBox] = field(default_factory=dict)

    @property
    def area(self) -> float:
        """Median area of the boxes in pixels, 0 without boxes."""
        if not self.boxes:
            return 0.
        areas = [width * height for _, _, width, height in self.boxes.values()]
        return float(np.median(areas))

    def to_dict(self) -> Dict[str, Any]:
        """Return plain data; a box is [index, left, top, width, height].

        Returns:
            dict: Numbers, text and lists.
        """
        return dict(
            face=int(self.face), label=self.label,
            scores=_numbers(self.scores),
            windows=[window.to_dict() for window in self.windows],
            boxes=[[int(index), *_box(box)]
                   for index, box in sorted(self.boxes.items())])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> 'FacePrediction':
        """Make a face from what :meth:`to_dict` returned."""
        boxes = BoxTrack()
        for index, *box in data['boxes']:
            boxes.add(index, box)
        return cls(
            data['face'], data['label'],
            np.asarray(data['scores'], np.float32),
            tuple(map(WindowPrediction.from_dict, data['windows'])), boxes)


@dataclass(frozen=True, eq=False)
class ClipPrediction:
    """What was found in one file.

    Args:
        path (str): The file as it was asked for.
        classes (tuple[str]): Names of the K classes.
        faces (tuple[FacePrediction]): By number; empty after an error.
        fps (float): Pictures a second, 0.0 if unknown.
        width, height (int): Size of the upright picture.
        frames (int): Number of pictures.
        codec (str): FFmpeg's name of the codec.
        error (str, optional): In one line, why there is no answer.
            Defaults to None.
        warnings (tuple[str]): In one line each, what the answer is not about,
            such as windows that are damaged.
        seconds (dict[str, float]): CPU time by stage: 'open', 'faces' (found
            and tracked), 'read', 'forward'.
    """

    path: str
    classes: Tuple[str, ...]
    faces: Tuple[FacePrediction, ...] = ()
    fps: float = 0.
    width: int = 0
    height: int = 0
    frames: int = 0
    codec: str = ''
    error: Optional[str] = None
    warnings: Tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def main_face(self) -> Optional[FacePrediction]:
        """The person seen longest; of several, the largest. None if none."""
        return max(
            self.faces,
            key=lambda face: (len(face.windows), face.area, -face.face),
            default=None)

    @property
    def label(self) -> Optional[str]:
        """Label of the main face."""
        return None if self.main_face is None else self.main_face.label

    @property
    def scores(self) -> Optional[np.ndarray]:
        """Probabilities of the main face, float32 (K, )."""
        return None if self.main_face is None else self.main_face.scores

    @property
    def duration(self) -> float:
        """Length in seconds, 0 if unknown."""
        if not self.fps:
            return 0.
        return max([self.frames / self.fps] + [
            window.end + 1 / self.fps
            for face in self.faces for window in face.windows])

    def seconds_of(self, indices) -> np.ndarray:
        """Tell when pictures are shown, as far as the windows tell.

        Args:
            indices (np.ndarray): Numbers of pictures, (N, ).

        Returns:
            np.ndarray: float64 (N, ). Between the first and last pictures of
            windows they are interpolated; outside, and where there is no
            window, the rate counts.
        """
        indices = np.asarray(indices, np.float64)
        rate = self.fps or ASSUMED_FPS
        known = {}
        for face in self.faces:
            for window in face.windows:
                known[window.first] = window.start
                known[window.last] = window.end
        if not known:
            return indices / rate
        places = np.array(sorted(known), np.float64)
        seconds = np.array([known[place] for place in sorted(known)])
        outside = indices - np.clip(indices, places[0], places[-1])
        return np.interp(indices, places, seconds) + outside / rate

    def to_dict(self, times: bool = True) -> Dict[str, Any]:
        """Return plain data.

        Args:
            times (bool): Include ``seconds``, in which two runs of the same
                work differ. Defaults to True.

        Returns:
            dict: Numbers, text and lists.
        """
        data = dict(
            path=self.path, label=self.label,
            scores=None if self.scores is None else _numbers(self.scores),
            error=self.error, warnings=list(self.warnings),
            classes=list(self.classes),
            codec=self.codec, fps=round(float(self.fps), 6),
            width=int(self.width), height=int(self.height),
            frames=int(self.frames),
            faces=[face.to_dict() for face in self.faces])
        if times:
            data['seconds'] = {
                stage: round(float(value), 6)
                for stage, value in self.seconds.items()
            }
        return data

    def to_json(self, times: bool = True, indent: Optional[int] = None) -> str:
        """Return JSON text, valid whatever the name of the file.

        Args:
            times (bool): See :meth:`to_dict`. Defaults to True.
            indent (int, optional): Spaces of a level; None for one line.
                Defaults to None.

        Returns:
            str: The text, without a line break at the end. A name that is
            not UTF-8 has escapes, which give it back.

        Raises:
            ValueError: A number is none.
        """
        return readable(json.dumps(self.to_dict(times), indent=indent,
                                   ensure_ascii=False, allow_nan=False))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> 'ClipPrediction':
        """Make an answer from what :meth:`to_dict` returned."""
        return cls(
            path=data['path'], classes=tuple(data['classes']),
            faces=tuple(map(FacePrediction.from_dict, data['faces'])),
            fps=data['fps'], width=data['width'], height=data['height'],
            frames=data['frames'], codec=data['codec'], error=data['error'],
            warnings=tuple(data.get('warnings', ())),
            seconds=dict(data.get('seconds', {})))
