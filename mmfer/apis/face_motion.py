# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where a face moved, told by the motion vectors inside its box."""
from typing import Optional, Sequence

import numpy as np

_CELL = 8  # pixels of a cell of Residual.motion
_INNER = .8  # share of a box's sides that shows face rather than background
_FEWEST_CELLS = 4
_FEWEST_CELLS_TO_SCALE = 16
_SHARE_THAT_MOVES = .25
_LARGEST_ZOOM = 1.06  # of one predicted picture
_ROUNDS = 5
_FREE_JUMP = 2.  # pixels that a face may always jump
_CHANGE_OF_SPEED = .75  # share by which its speed may change


def moved_box(references: Sequence[np.ndarray],
              motion: np.ndarray,
              inter: Optional[np.ndarray],
              expected: Optional[np.ndarray] = None) -> np.ndarray:
    """Carry a box from a picture's reference to the picture.

    The vectors of the cells inside the ellipse of the face are fitted by a
    shift and a zoom, robustly (Tukey's biweight around the median), because
    an encoder's vectors serve compression: some point elsewhere, and those of
    mouth, eyes and background differ from those of the head.

    H.264 may predict from a picture before the last one, and decoders do not
    tell which one a vector points to. Then the last one is believed, unless
    that made the face jump and an earlier one lets it go on as before.

    Args:
        references (Sequence[np.ndarray]): float64 (4, ), left, top, right,
            bottom in the pictures that may be the reference, last one first.
        motion (np.ndarray): float32 (H/8, W/8, 2), pixels (x, y) from the
            picture to its reference.
        inter (np.ndarray, optional): bool (H/8, W/8), cells that have a
            vector. None: all.
        expected (np.ndarray, optional): (4, ), where the face is if it moves
            on as before. Defaults to None, unknown: the last picture is the
            reference.

    Returns:
        np.ndarray: float64 (4, ), the box in the picture; that of the last
        one where no vector tells anything.
    """
    if expected is None:
        references, expected = references[:1], references[0]
    moved = expected
    # Cells belong to the picture, so where to look follows from the answer.
    for _ in range(2):
        places, vectors = _cells_inside(moved, motion, inter)
        if len(places) < _FEWEST_CELLS:
            return references[0] if moved is expected else moved
        pivot = _centre(moved)
        zoom, shift = _fitted(places, vectors, pivot)
        moved = _chosen([_carried(box, pivot, zoom, shift)
                         for box in references], references[0], expected)
    return moved


def shows_movement(box: np.ndarray, motion: np.ndarray,
                   inter: Optional[np.ndarray]) -> bool:
    """Tell whether something moves inside a box, as living faces do.

    An empty picture is copied from the last one, without vectors.

    Args:
        box (np.ndarray): float64 (4, ), left, top, right, bottom.
        motion (np.ndarray): float32 (H/8, W/8, 2), see :func:`moved_box`.
        inter (np.ndarray, optional): bool (H/8, W/8), likewise.

    Returns:
        bool: True if at least a quarter of the cells have moved.
    """
    _, vectors = _cells_inside(box, motion, None)
    _, coded = _cells_inside(box, motion, inter)
    moves = int(coded.any(1).sum())
    return moves >= max(_FEWEST_CELLS, _SHARE_THAT_MOVES * len(vectors))


def _centre(box):
    return (box[:2] + box[2:]) / 2


def _carried(box, pivot, zoom, shift):
    """Invert the fit, which leads from the picture to the reference."""
    center = pivot + (_centre(box) - pivot - shift) / zoom
    half = (box[2:] - box[:2]) / 2 / zoom
    return np.concatenate([center - half, center + half])


def _chosen(candidates, last, expected):
    def jump(box):
        return float(np.hypot(*(_centre(box) - _centre(expected))))

    step = float(np.hypot(*(_centre(expected) - _centre(last))))
    if jump(candidates[0]) <= max(_FREE_JUMP, _CHANGE_OF_SPEED * step):
        return candidates[0]
    return min(candidates, key=jump)


def _cells_inside(box, motion, inter):
    """Centres (N, 2) and vectors (N, 2) of the cells in the box's ellipse."""
    height, width = motion.shape[:2]
    left, top = np.maximum(np.floor(box[:2] / _CELL).astype(int), 0)
    right, bottom = np.minimum(
        np.ceil(box[2:] / _CELL).astype(int), (width, height))
    if left >= right or top >= bottom:
        return np.zeros((0, 2)), np.zeros((0, 2))
    x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    places = (np.stack([x, y], -1) + .5) * _CELL
    relative = (places - _centre(box)) / np.maximum(
        (box[2:] - box[:2]) / 2 * _INNER, 1e-6)
    chosen = (relative**2).sum(-1) <= 1
    if inter is not None:
        chosen &= inter[top:bottom, left:right]
    return places[chosen], motion[top:bottom, left:right][chosen].astype(
        np.float64)


def _fitted(places, vectors, pivot):
    """Fit place + vector = pivot + zoom * (place - pivot) + shift."""
    away = places - pivot
    zoom, shift = 1., np.median(vectors, 0)
    can_scale = len(places) >= _FEWEST_CELLS_TO_SCALE
    for _ in range(_ROUNDS):
        error = np.hypot(*(vectors - (zoom - 1) * away - shift).T)
        reach = max(4.685 * 1.4826 * np.median(error), 1.)
        weight = np.square(np.clip(1 - (error / reach)**2, 0, None))[:, None]
        total = weight.sum()
        if total <= 0:
            break
        mean_away = (weight * away).sum(0) / total
        mean_vector = (weight * vectors).sum(0) / total
        if can_scale:
            spread = (weight * (away - mean_away)**2).sum()
            slope = (weight * (away - mean_away) *
                     (vectors - mean_vector)).sum() / max(spread, 1e-9)
            zoom = float(np.clip(1 + slope, 1 / _LARGEST_ZOOM, _LARGEST_ZOOM))
        shift = mean_vector - (zoom - 1) * mean_away
    return zoom, shift
