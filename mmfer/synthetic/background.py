# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What stands behind a head: a wall with things on it, blurred, or moving."""
import cv2
import numpy as np

from .distractors import wander
from .painting import fractal_noise


def _muted(rng):
    """A colour as walls and furniture have it."""
    grey = rng.uniform(40, 215)
    return np.clip(grey + rng.uniform(0.2, 1) * rng.normal(0, 22, 3), 20, 235)


class Background:
    """Background of one clip.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        size (int): Height and width of the pictures.
        frames (int): Number of pictures.
        fps (float): Pictures per second.
        tint (numpy.ndarray): (3,) colour of the light.
    """

    def __init__(self, rng, size, frames, fps, tint):
        full = size + 2 * (size // 8)
        image = np.empty((full, full, 3), np.float32)
        image[:] = _muted(rng)
        for _ in range(rng.integers(0, 9)):
            corner = rng.uniform(-0.2, 0.9, 2) * full
            extent = rng.uniform(0.08, 0.7, 2) * full
            low, high = corner.astype(int), (corner + extent).astype(int)
            cv2.rectangle(image, tuple(int(v) for v in low),
                          tuple(int(v) for v in high),
                          tuple(_muted(rng)), -1)
        image = cv2.GaussianBlur(image, (0, 0),
                                 rng.uniform(0.004, 0.04) * size)
        grain = fractal_noise(rng, full, int(rng.integers(3, 24)), 3)
        image *= (1 + rng.uniform(0.02, 0.12) * grain)[..., None] * tint.astype(
            np.float32)
        self.image = np.clip(image, 0, 255).astype(np.uint8)
        # Two of five clips are filmed with a moving hand or before a crowd.
        self.moves = rng.uniform() < 0.4
        path = np.stack([wander(rng, frames, fps) for _ in range(2)], 1)
        path *= rng.uniform(0.1, 0.6) * (size // 8) * self.moves / 2
        self.path = np.clip(path, -(size // 8) + 1, size // 8 - 1)
        self.size = size

    def frame(self, index):
        """Background of one picture.

        Args:
            index (int): Number of the picture.

        Returns:
            numpy.ndarray: (size, size, 3) uint8 RGB.
        """
        margin = self.size // 8
        if not self.moves:
            return self.image[margin:margin + self.size,
                              margin:margin + self.size]
        x, y = self.path[index] + margin + (self.size - 1) / 2
        return cv2.getRectSubPix(self.image, (self.size, self.size),
                                 (float(x), float(y)))
