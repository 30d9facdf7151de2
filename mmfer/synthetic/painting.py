# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Noise, shapes in face units, and how they are laid over a picture."""
import cv2
import numpy as np

from .geometry import EXTENT, LEFT, TOP


def fractal_noise(rng, size, coarsest, octaves, stretch=(1.0, 1.0)):
    """Noise of several scales with standard deviation of about one.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        size (int): Height and width.
        coarsest (int): Cells along a side in the first octave.
        octaves (int): Each one has twice the cells and 0.65 of the size.
        stretch (tuple[float, float]): Factors on the cells in y and x.

    Returns:
        numpy.ndarray: (size, size) float32.
    """
    total = np.zeros((size, size), dtype=np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        cells = [max(2, int(coarsest * 2**octave * s)) for s in stretch]
        noise = rng.standard_normal(cells, dtype=np.float32)
        total += weight * cv2.resize(noise, (size, size),
                                     interpolation=cv2.INTER_CUBIC)
        power += weight**2
        weight *= 0.65
    return total / np.sqrt(power)


class Painter:
    """Draws anti-aliased shapes given in face units as masks.

    Args:
        size (int): Height and width of the canvas that covers the square of
            face units.
    """

    def __init__(self, size):
        self.size = size
        self.scale = size / EXTENT

    def _fixed(self, points):
        points = (np.asarray(points) - (LEFT, TOP)) * self.scale - 0.5
        return np.round(points * 16).astype(np.int32)

    def polygon(self, points, blur=0.0):
        """Filled polygon, (size, size) float32 within 0 to 1."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_AA, 4)
        return self._finish(mask, blur)

    def line(self, points, width, blur=0.0):
        """Polyline of a width in face units."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.polylines(mask, [self._fixed(points)], False, 255,
                      max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        return self._finish(mask, blur)

    def strokes(self, lines, width, blur=0.0):
        """Several two-point strokes at once."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.polylines(mask, list(self._fixed(lines)), False, 255,
                      max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        return self._finish(mask, blur)

    def ellipse(self, centre, radii, angle=0.0, blur=0.0):
        """Filled ellipse; the angle is in radians."""
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
        cos, sin = np.cos(angle), np.sin(angle)
        return self.polygon(np.stack([centre[0] + cos * x - sin * y,
                                      centre[1] + sin * x + cos * y], 1),
                            blur)

    def _finish(self, mask, blur):
        mask = mask.astype(np.float32) / 255
        if blur:
            mask = cv2.GaussianBlur(mask, (0, 0), blur * self.scale)
        return mask


def blend(image, colour, mask):
    """Paint a colour (or an image) over an image in place."""
    # Most shapes are small: leave the rest of the canvas alone.
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    box = (slice(y, y + height), slice(x, x + width))
    colour = np.asarray(colour, np.float32)
    if colour.ndim == 3:
        colour = colour[box]
    image[box] += mask[box][..., None] * (colour - image[box])
