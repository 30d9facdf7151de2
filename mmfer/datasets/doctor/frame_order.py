# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Does a clip show its pictures in the order in which they were taken?

Pictures numbered without zeros in front (1.jpg ... 16.jpg) are read as 1, 10,
11, ..., 16, 2, ... by a program that sorts names as text. Such a clip looks
like one, and a network can even learn from it. What gives it away: pictures
that were neighbours in time resemble each other more than the ones that were
put beside each other.
"""
from dataclasses import dataclass
from typing import List, Optional, Sequence

import numpy as np

_SHORTEST = 11  # up to 9, or 10 from 0, both orders are the same
_NOISE = .05  # grey levels; below it nothing moves


@dataclass(frozen=True)
class OrderScores:
    """How a clip compares with what it would be in another order.

    Args:
        lexicographic (float | None): Difference between pictures that would be
            neighbours if the stored order were that of names as text, over
            the difference between those that are neighbours instead. Clearly
            below 1 says that it is. None where it cannot be told.
        shuffled (float | None): Difference between neighbours over that
            between pictures far apart. About 1 says that pictures are
            shuffled, or that nothing but noise is in them.
        smooth (float | None): How short a path through all pictures can be
            made by reordering, over the stored one. Far below 1 with
            ``shuffled`` about 1 says that they are shuffled.
    """

    lexicographic: Optional[float] = None
    shuffled: Optional[float] = None
    smooth: Optional[float] = None


def text_order(count: int, start: int) -> np.ndarray:
    """Give the order in which a sort of names as text puts numbers.

    Args:
        count (int): How many numbers.
        start (int): The first one.

    Returns:
        np.ndarray: int64 (count,), number minus start at each place.

    Examples:
        >>> text_order(12, 1).tolist()
        [0, 9, 10, 11, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    numbers = sorted(range(start, start + count), key=str)
    return np.array(numbers, np.int64) - start


def score_order(pictures: np.ndarray,
                starts: Sequence[int] = (0, 1),
                whole: Optional[int] = None) -> OrderScores:
    """Compare the stored order of pictures with others.

    Args:
        pictures (np.ndarray): (T, h, w) small grey pictures, a clip or the
            beginning of one, in the stored order.
        starts (Sequence[int]): Numbers at which the names of pictures may
            begin. Defaults to (0, 1).
        whole (int, optional): How many pictures the clip has. Defaults to
            None, these.

    Returns:
        OrderScores: All None for clips of fewer than 11 pictures, and for
        those in which nothing moves.
    """
    count = len(pictures)
    if count < _SHORTEST:
        return OrderScores()
    flat = pictures.reshape(count, -1).astype(np.float32)
    # A flash or a fade is no movement.
    flat = flat - flat.mean(1, keepdims=True)
    distance = np.abs(flat[:, None] - flat[None]).mean(2)
    if np.median(distance[np.triu_indices(count, 1)]) < _NOISE:
        return OrderScores()
    ratios: List[float] = []
    for start in starts:
        order = text_order(max(whole or 0, count), start)[:count]
        place = np.argsort(order)
        apart = np.abs(np.diff(order)) != 1
        # In the beginning of a clip some have no neighbour.
        together = (np.diff(order[place]) == 1) & (
            np.abs(np.diff(place)) != 1)
        if not apart.any() or not together.any():
            continue
        broken = distance[np.arange(count - 1), np.arange(1, count)][apart]
        mended = distance[place[:-1], place[1:]][together]
        ratios.append(float(mended.mean() / max(broken.mean(), 1e-6)))
    near = float(np.median(np.diagonal(distance, 1)))
    far = float(np.median(distance[np.triu_indices(count, count // 4)]))
    return OrderScores(
        min(ratios, default=None), near / max(far, 1e-6), _smooth(distance))


def _smooth(distance: np.ndarray) -> float:
    """Return the length of a nearest-neighbour path over the stored one."""
    count = len(distance)
    stored = np.diagonal(distance, 1).sum()
    left = np.ones(count, bool)
    here, length = 0, 0.
    left[0] = False
    for _ in range(count - 1):
        row = np.where(left, distance[here], np.inf)
        here = int(row.argmin())
        length += row[here]
        left[here] = False
    return float(length / max(stored, 1e-6))
