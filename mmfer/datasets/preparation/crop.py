# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where to cut: one square box for a whole clip, or one for every picture.

A box that follows the face from picture to picture makes residuals of its
own, which have nothing to do with the face; a fixed one keeps the motion of
head and muscles as it was. So the default is one box per clip, the union of
the faces found on sampled pictures, with a margin. Detectors err: what
appears in few pictures only, or in another place than the person, is left
out of the union.
"""
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Sequence, Tuple

import cv2
import numpy as np

#: Left, top, right, bottom in whole pixels; right and bottom are outside.
Box = Tuple[int, int, int, int]


@dataclass(frozen=True)
class FaceTrack:
    """The boxes of one person through a clip.

    Args:
        indices (np.ndarray): int64 (N,), numbers of the looked at pictures.
        boxes (np.ndarray): float32 (N, 4), left, top, right, bottom.
    """

    indices: np.ndarray
    boxes: np.ndarray

    @property
    def side(self) -> float:
        """Median of the longer sides in pixels."""
        sizes = self.boxes[:, 2:] - self.boxes[:, :2]
        return float(np.median(sizes.max(1)))


def find_track(detections: Sequence[np.ndarray],
               least_share: float = .2) -> Optional[FaceTrack]:
    """Find the main person among the faces found on pictures of a clip.

    Boxes of neighbouring pictures are linked where they overlap. Of the
    persons that result, the one with the largest product of size and number
    of pictures is taken. Boxes half as large again as their neighbours in
    time, or as much smaller, are dropped.

    Args:
        detections (Sequence[np.ndarray]): One (N, 5) or (N, 4) array for each
            picture that was looked at, in order of time.
        least_share (float): Share of the pictures on which a person has to be
            found; a face seen once among many pictures is a false alarm.
            Defaults to 0.2.

    Returns:
        FaceTrack | None: None if nobody is found often enough.
    """
    tracks: List[List[Tuple[int, np.ndarray]]] = []
    for number, found in enumerate(detections):
        free = {tuple(box[:4]): box[:4] for box in np.asarray(found)}
        # The longest track chooses first: it is the most trusted one.
        for track in sorted(tracks, key=len, reverse=True):
            last = track[-1][1]
            near = max(free.values(), key=lambda b: _overlap(last, b),
                       default=None)
            if near is not None and _overlap(last, near) > .25:
                track.append((number, near))
                free.pop(tuple(near))
        tracks += [[(number, box)] for box in free.values()]
    least = max(least_share * len(detections),
                2 if len(detections) >= 4 else 1)
    persons = [_made(track) for track in tracks if len(track) >= least]
    if not persons:
        return None
    best = max(persons, key=lambda t: t.side * len(t.indices))
    for other in persons:
        # The same person again, after a moment without a face.
        if not set(other.indices) & set(best.indices) and (
                1 / 1.5 < other.side / best.side < 1.5):
            order = np.argsort(np.r_[best.indices, other.indices])
            best = FaceTrack(np.r_[best.indices, other.indices][order],
                             np.r_[best.boxes, other.boxes][order])
    return _without_outliers(best)


def _without_outliers(track: FaceTrack) -> FaceTrack:
    sizes = (track.boxes[:, 2:] - track.boxes[:, :2]).max(1)
    near = [np.median(sizes[max(i - 2, 0):i + 3]) for i in range(len(sizes))]
    keep = (sizes < 1.5 * np.array(near)) & (sizes > np.array(near) / 1.5)
    return FaceTrack(track.indices[keep], track.boxes[keep])


def _made(track: list) -> FaceTrack:
    return FaceTrack(
        np.array([number for number, _ in track], np.int64),
        np.array([box for _, box in track], np.float32))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return intersection over union of two boxes."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return common / max(areas - common, 1e-9)


def clip_box(track: FaceTrack, margin: float = .3) -> np.ndarray:
    """Make the box of a whole clip: the union of all boxes, and a margin.

    Args:
        track (FaceTrack): The person.
        margin (float): How much longer the side of the square is than the
            longer side of the union. Defaults to 0.3.

    Returns:
        np.ndarray: float64 (4,), a square.
    """
    low = track.boxes[:, :2].min(0).astype(np.float64)
    high = track.boxes[:, 2:].max(0).astype(np.float64)
    return _square((low + high) / 2, (high - low).max() * (1 + margin))


def picture_boxes(track: FaceTrack,
                  count: int,
                  margin: float = .3) -> np.ndarray:
    """Make a box for every picture; gaps are bridged in a straight line.

    Args:
        track (FaceTrack): The person; ``indices`` are display indices.
        count (int): Number of pictures.
        margin (float): As in :func:`clip_box`. Defaults to 0.3.

    Returns:
        np.ndarray: float64 (count, 4), squares.
    """
    times = np.arange(count)
    boxes = np.stack([
        np.interp(times, track.indices, track.boxes[:, side])
        for side in range(4)
    ], 1)
    low, high = boxes[:, :2], boxes[:, 2:]
    sides = (high - low).max(1) * (1 + margin)
    return np.stack([
        _square(center, side)
        for center, side in zip((low + high) / 2, sides)
    ])


def _square(center: np.ndarray, side: float) -> np.ndarray:
    return np.concatenate([center - side / 2, center + side / 2])


def fit_box(box: np.ndarray,
            width: int,
            height: int,
            margin: float = 0.) -> Box:
    """Bring a box to whole pixels and into the picture, if it fits at all.

    A box that sticks out is moved inside, and one that is too large gives up
    its margin, so that the clip shows picture rather than padding. One that
    is larger than the picture even so is centred on that axis, and what is
    outside is filled when cutting.

    Args:
        box (np.ndarray): (4,), a square.
        width, height (int): Size of the picture.
        margin (float): With which the box was made. Defaults to 0.

    Returns:
        tuple[int]: Left, top, right, bottom.
    """
    side = float(box[2] - box[0])
    shrunk = max(side / (1 + margin), min(side, width, height))
    box = np.asarray(box, np.float64) + (side - shrunk) / 2 * np.array(
        [1, 1, -1, -1])
    side = max(2, int(round(shrunk)))
    corner = []
    for start, length in ((box[0], width), (box[1], height)):
        if side >= length:
            corner.append((length - side) // 2)
        else:
            corner.append(int(np.clip(round(float(start)), 0, length - side)))
    return corner[0], corner[1], corner[0] + side, corner[1] + side


def centre_box(width: int, height: int) -> Box:
    """Give the largest square in the middle of a picture.

    Args:
        width, height (int): Size of the picture.

    Returns:
        tuple[int]: Left, top, right, bottom.
    """
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def cut(picture: np.ndarray, box: Box) -> np.ndarray:
    """Cut a box out of a picture; what is outside is black.

    Black does not change over time, so it has no residual.

    Args:
        picture (np.ndarray): uint8 (H, W, 3).
        box (tuple[int]): Left, top, right, bottom.

    Returns:
        np.ndarray: uint8, of the size of the box.
    """
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    inside = picture[max(top, 0):min(bottom, height),
                     max(left, 0):min(right, width)]
    borders = (max(-top, 0), max(bottom - height, 0), max(-left, 0),
               max(right - width, 0))
    if any(borders):
        return cv2.copyMakeBorder(inside, *borders, cv2.BORDER_CONSTANT)
    return inside


class Sampler:
    """Keep evenly spread items of a stream whose length is not known.

    Args:
        count (int): At least so many are kept, if there are as many, and less
            than twice as many.

    Attributes:
        items (list): What was kept.
        seen (int): Length of the stream so far.

    Example:
        >>> sampler = Sampler(3)
        >>> for number in range(11):
        ...     sampler.offer(lambda: number)
        >>> sampler.items
        [0, 4, 8]
    """

    def __init__(self, count: int) -> None:
        self.items: list = []
        self.seen = 0
        self._count = count
        self._step = 1

    def offer(self, make: Callable[[], Any]) -> None:
        """Look at the next item of the stream.

        Args:
            make (Callable): Makes the item; only called if it is kept.
        """
        if self.seen % self._step == 0:
            self.items.append(make())
            if len(self.items) == 2 * self._count:
                self.items = self.items[::2]
                self._step *= 2
        self.seen += 1
