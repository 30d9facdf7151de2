# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Who is where: faces found on I pictures, carried on by motion vectors.

Only I pictures are decoded. Between them a box follows the vectors of the P
pictures; B pictures, to which nothing refers, get the boxes in between. At
the next I picture what is found there is matched to what was expected there
by intersection over union, which keeps the number of a person.
"""
from array import array
from bisect import bisect_left
from typing import Callable, Dict, List, Sequence

import numpy as np

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.datasets.preparation.crop import FaceTrack, clip_box, fit_box
from .prediction import BoxTrack
from .tracked_face import REFERENCES, TrackedFace
from .windows import picture_times

#: Margin of the crop, the same as that of tools/data/prepare.py.
MARGIN = .3
#: Share of a window's pictures on which a face has to be.
LEAST_PRESENCE = .5
_SAME = .3  # intersection over union of two boxes of one person
_DUPLICATE = .4  # of two answers of a detector
_PATIENCE = 2  # a face missed on so many I pictures in a row is gone


class FaceTracker:
    """Follow the faces of a video, picture by picture.

    Args:
        detector (Callable): uint8 (H, W, 3) RGB in, (N, 5) or (N, 4) out:
            left, top, right, bottom[, score].
        redetect (bool): Whether to look for faces on every I picture; False:
            only until there is one. Defaults to True.
        interval (float): Least seconds between two I pictures that are looked
            at, since some files have very many. Defaults to 1.
        max_faces (int): The largest ones are kept. Defaults to 8.

    Attributes:
        active (list[TrackedFace]): Faces that are there now.
        faces (dict[int, TrackedFace]): All that were ever there, by number,
            without false alarms.
        looked (int): Number of I pictures that were looked at.
        false_alarms (int): Faces that were not found a second time.
    """

    def __init__(self,
                 detector: Callable[[np.ndarray], np.ndarray],
                 redetect: bool = True,
                 interval: float = 1.,
                 max_faces: int = 8) -> None:
        if max_faces < 1 or interval < 0:
            raise ValueError('`max_faces` is at least 1 and `interval` not '
                             f'negative, got {max_faces} and {interval}')
        self._detector = detector
        self._redetect = redetect
        self._interval = interval
        self._max_faces = max_faces
        self._next_face = 0
        self._next_look = 0.
        self._unread = array('q')
        self._known: tuple = (None, None, None)
        self.active: List[TrackedFace] = []
        self.faces: Dict[int, TrackedFace] = {}
        self.looked = self.false_alarms = 0

    def advance(self,
                video: CompressedVideo,
                first: int,
                stop: int,
                offset: int = 0,
                start: float = 0.) -> None:
        """Go on by some pictures.

        Args:
            video (CompressedVideo): Open.
            first, stop (int): Display indices in this video; the last one is
                outside.
            offset (int): Number of the first picture of ``video`` within the
                whole, for streams that come in parts. Defaults to 0.
            start (float): Its time in seconds. Defaults to 0.
        """
        keyframes, times = self._facts(video)
        keys = set(keyframes[(keyframes >= first)
                             & (keyframes < stop)].tolist())
        for index in range(first, stop):
            if index in keys:
                time = start + times.at(index)
                if self._is_due(time):
                    self._look(video, index, index + offset)
                    self._next_look = time + self._interval
                else:
                    self._hold(index + offset)
            elif self.active:
                self._follow(video, index, index + offset)
        for face in self.active:
            # The pictures behind the last P picture see the face there.
            if face.last_noted < stop + offset - 1:
                face.note(stop + offset - 1, face.box)

    def settle(self, video: CompressedVideo, first: int, stop: int) -> int:
        """Go on until it is known who is there on some pictures.

        Who is there between two I pictures is told by the second one, and
        who was missed on it by the next that is looked at.

        Args:
            video (CompressedVideo): Open.
            first (int): Display index behind the pictures that were seen.
            stop (int): Display index behind the pictures that matter.

        Returns:
            int: Display index behind the pictures that were seen now.
        """
        if first < stop:
            self.advance(video, first, stop)
            first = stop
        keyframes, _ = self._facts(video)
        for key in keyframes[keyframes >= first].tolist():
            if not any(face.found_last < stop - 1 for face in self.active
                       if self._redetect):
                break
            self.advance(video, first, key + 1)
            first = key + 1
        return first

    def unread_in(self, first: int, stop: int) -> List[int]:
        """List pictures that could not be read, or not without damage.

        Those on which nobody was looked for or followed are not known.

        Args:
            first, stop (int): Numbers of pictures; the last one is outside.

        Returns:
            list[int]: Numbers, in order.
        """
        low, high = (bisect_left(self._unread, at) for at in (first, stop))
        return self._unread[low:high].tolist()

    def forget(self, number: int) -> None:
        """Drop the boxes of past pictures, and faces that had no others.

        Args:
            number (int): The first picture that still matters.
        """
        del self._unread[:bisect_left(self._unread, number)]
        for face in list(self.faces.values()):
            face.boxes.drop_before(number)
            if not face.boxes and face not in self.active:
                del self.faces[face.face]

    def _facts(self, video):
        """Key pictures and times, not made anew for every window."""
        if self._known[0] is not video:
            self._known = video, video.keyframes, picture_times(video)
        return self._known[1:]

    def _is_due(self, time: float) -> bool:
        if not self.active:
            return True
        return self._redetect and time >= self._next_look

    def _look(self, video, index, number):
        try:
            picture = video.frame_at(index)
        except CompressedVideoError:
            self._unread.append(number)
            self._hold(number)  # a damaged I picture tells nothing
            return
        self.looked += 1
        found = _distinct(np.asarray(self._detector(picture), np.float64))
        matches = matched([face.box for face in self.active], found)
        for at, face in enumerate(self.active):
            if at in matches:
                face.hits += 1
                face.found_at(number, found[matches[at]])
            else:
                face.missed_at(number)
        self._let_go([
            face for face in self.active
            if face.missed >= (_PATIENCE if face.hits > 1 else 1)
        ])
        new = [box for at, box in enumerate(found)
               if at not in matches.values()]
        for box in new[:max(0, self._max_faces - len(self.active))]:
            face = TrackedFace(self._next_face, box)
            self._next_face += 1
            face.found_at(number, box)
            self.active.append(face)
            self.faces[face.face] = face

    def _let_go(self, gone):
        self.active = [face for face in self.active if face not in gone]
        for face in gone:
            face.leave()
            if not face.is_confirmed:
                self.false_alarms += 1
                del self.faces[face.face]

    def _hold(self, number):
        for face in self.active:
            face.stay_at(number)

    def _follow(self, video, index, number):
        try:
            kind = video.picture_type_at(index)
            residual = video.residual_at(index, otherwise='error') \
                if kind in 'PS' else None
        except CompressedVideoError:
            kind, residual = '?', None
        if kind == '?' or getattr(residual, 'damaged', False):
            self._unread.append(number)
        if residual is None:
            return  # a damaged picture tells nothing; the next one may
        if residual.motion is None:  # HEVC
            return
        size = np.array([video.width, video.height])
        references = REFERENCES if video.codec == 'h264' else 1
        for face in self.active:
            face.follow(number, residual, references)
        self._let_go([
            face for face in self.active
            if _visible_share(face.box, size) <= .4
        ])


def matched(expected: Sequence[np.ndarray],
            found: Sequence[np.ndarray]) -> Dict[int, int]:
    """Pair boxes that overlap, those that overlap most first.

    Args:
        expected, found (Sequence[np.ndarray]): (4, ) boxes.

    Returns:
        dict[int, int]: Position in ``found`` by position in ``expected``.
    """
    pairs = sorted(((overlap(a, b), i, j) for i, a in enumerate(expected)
                    for j, b in enumerate(found)), reverse=True)
    result: Dict[int, int] = {}
    for value, i, j in pairs:
        if value >= _SAME and i not in result and j not in result.values():
            result[i] = j
    return result


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return intersection over union.

    Args:
        a, b (np.ndarray): (4, ), left, top, right, bottom.

    Returns:
        float: 0 to 1.
    """
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    areas = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return common / max(areas - common, 1e-9)


def _distinct(found):
    """Boxes (N, 4), largest first, without second answers for a face."""
    boxes = found[:, :4] if found.size else np.zeros((0, 4))
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], 1),
                       kind='stable')
    kept: List[np.ndarray] = []
    for box in boxes[order]:
        if all(overlap(box, other) < _DUPLICATE for other in kept):
            kept.append(box)
    return kept


def _visible_share(box, size):
    sides = np.minimum(box[2:], size) - np.maximum(box[:2], 0)
    area = np.prod(box[2:] - box[:2])
    return float(np.prod(np.maximum(sides, 0)) / max(area, 1e-9))


def window_box(boxes: BoxTrack, first: int, stop: int, width: int,
               height: int):
    """Choose the one box of a window: the union of the track, and a margin.

    A box that moved with the face would add its own steps to the residuals,
    and a chained residual is the difference to the window's first picture at
    the same place. The training clips are cut with such a box too
    (``tools/data/prepare.py --crop clip``), by the same functions.

    Args:
        boxes (BoxTrack): The face.
        first, stop (int): Display indices; the last one is outside.
        width, height (int): Size of the picture.

    Returns:
        tuple[int] | None: Left, top, right, bottom; None where the face is
        there on less than half of the pictures.
    """
    indices, sides = boxes.between(first, stop)
    if len(indices) < max(1, LEAST_PRESENCE * (stop - first)):
        return None
    corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], 1)
    union = clip_box(FaceTrack(indices, corners), MARGIN)
    return fit_box(union, width, height, MARGIN)
