# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where a face moved, told by the motion vectors inside its box."""
from typing import Optional

import numpy as np

_CELL = 8  # pixels of a cell of Residual.motion
_INNER = .8  # share of a box's sides that shows face rather than background
_FEWEST_CELLS = 4
_FEWEST_CELLS_TO_SCALE = 16
_LARGEST_ZOOM = 1.06  # of one predicted picture
_ROUNDS = 5


def moved_box(box: np.ndarray, motion: np.ndarray,
              inter: Optional[np.ndarray]) -> np.ndarray:
    """Carry a box from a picture's reference to the picture.

    The vectors of the cells inside the ellipse of the face are fitted by a
    shift and a zoom, robustly (Tukey's biweight around the median), because
    an encoder's vectors serve compression: some point elsewhere, and those of
    mouth, eyes and background differ from those of the head.

    Args:
        box (np.ndarray): float64 (4, ), left, top, right, bottom in the
            reference.
        motion (np.ndarray): float32 (H/8, W/8, 2), pixels (x, y) from the
            picture to its reference.
        inter (np.ndarray, optional): bool (H/8, W/8), cells that have a
            vector. None: all.

    Returns:
        np.ndarray: float64 (4, ), the box in the picture; the same box where
        no vector tells anything.
    """
    moved = box
    # Cells belong to the picture, so where to look follows from the answer.
    for _ in range(2):
        places, vectors = _cells_inside(moved, motion, inter)
        if len(places) < _FEWEST_CELLS:
            return moved
        zoom, shift = _fitted(places, vectors, (moved[:2] + moved[2:]) / 2)
        center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        # The fit leads from the picture to the reference: invert it.
        pivot = (moved[:2] + moved[2:]) / 2
        center = pivot + (center - pivot - shift) / zoom
        half = half / zoom
        moved = np.concatenate([center - half, center + half])
    return moved


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
    relative = (places - (box[:2] + box[2:]) / 2) / np.maximum(
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
