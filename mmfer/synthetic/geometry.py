# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Shape of a face: proportions, anchor points, relief.

Everything is said in *face units*: the origin lies between the eyes, x grows
to the right of the picture, y downwards, and one unit is about 1.3 times the
distance from the nose bridge to the chin, so that a face is some 1.5 units wide and 2.1
units high. Depth (z) grows towards the camera.
"""
from dataclasses import dataclass

import numpy as np

# The square of face units that textures and displacement fields cover.
LEFT, TOP, EXTENT = -1.55, -1.45, 3.1
# Half of the picture's width in face units when the framing scale is one.
HALF_VIEW = 1.18
# Face coordinate at the centre of the picture.
VIEW_CENTRE = (0.0, 0.02)


@dataclass(frozen=True)
class Anatomy:
    """Proportions of one person in face units."""
    half_width: float = 0.74
    jaw: float = 0.80
    chin_width: float = 0.30
    chin_y: float = 1.0
    top_y: float = -1.04
    hairline_y: float = -0.66
    eye_x: float = 0.32
    eye_y: float = -0.08
    eye_half_width: float = 0.145
    eye_height: float = 0.075
    eye_tilt: float = 0.01
    brow_gap: float = 0.21
    brow_half_length: float = 0.20
    brow_arch: float = 0.04
    brow_thickness: float = 0.04
    nose_y: float = 0.28
    nose_half_width: float = 0.13
    nose_height: float = 0.16
    mouth_y: float = 0.58
    mouth_half_width: float = 0.25
    upper_lip: float = 0.045
    lower_lip: float = 0.06
    cheek: float = 0.5
    brow_ridge: float = 0.5

    @property
    def brow_y(self):
        return self.eye_y - self.brow_gap


def sample_anatomy(rng):
    """Draw the proportions of one person.

    Args:
        rng (numpy.random.Generator): Source of randomness.

    Returns:
        Anatomy: Proportions.
    """
    def around(mean, spread):
        return float(mean + spread * np.clip(rng.normal(), -1.8, 1.8) / 1.8)

    return Anatomy(
        half_width=around(0.735, 0.085), jaw=around(0.80, 0.13),
        chin_width=around(0.30, 0.10), chin_y=around(1.0, 0.09),
        top_y=around(-1.03, 0.05), hairline_y=around(-0.66, 0.09),
        eye_x=around(0.325, 0.035), eye_y=around(-0.08, 0.04),
        eye_half_width=around(0.148, 0.022),
        eye_height=around(0.090, 0.020), eye_tilt=around(0.008, 0.025),
        brow_gap=around(0.215, 0.035), brow_half_length=around(0.20, 0.03),
        brow_arch=around(0.035, 0.03), brow_thickness=around(0.042, 0.017),
        nose_y=around(0.28, 0.06), nose_half_width=around(0.13, 0.035),
        nose_height=around(0.17, 0.06), mouth_y=around(0.585, 0.045),
        mouth_half_width=around(0.25, 0.045),
        upper_lip=around(0.047, 0.02), lower_lip=around(0.063, 0.02),
        cheek=around(0.5, 0.4), brow_ridge=around(0.5, 0.4))


def anchors(anatomy):
    """Anatomical points that muscles pull on.

    Args:
        anatomy (Anatomy): Proportions.

    Returns:
        dict[str, tuple[float, float]]: Points on the right-hand side of the
        picture (x >= 0); the other side is their mirror image.
    """
    a = anatomy
    return {
        'brow_inner': (a.eye_x - 0.85 * a.brow_half_length, a.brow_y + 0.01),
        'brow_middle': (a.eye_x, a.brow_y - 0.6 * a.brow_arch),
        'brow_outer': (a.eye_x + 0.9 * a.brow_half_length, a.brow_y),
        'glabella': (0.0, a.brow_y + 0.02),
        'eye': (a.eye_x, a.eye_y),
        'lower_lid': (a.eye_x, a.eye_y + 0.07),
        'cheek': (a.eye_x + 0.07, 0.45 * a.eye_y + 0.55 * a.nose_y),
        'nose_root': (0.0, a.eye_y + 0.06),
        'nose_tip': (0.0, a.nose_y),
        'nose_wing': (a.nose_half_width, a.nose_y),
        'nasolabial': (a.nose_half_width + 0.1,
                       0.55 * a.nose_y + 0.45 * a.mouth_y),
        'upper_lip': (0.0, a.mouth_y - a.upper_lip),
        'upper_lip_side': (0.5 * a.mouth_half_width,
                           a.mouth_y - a.upper_lip),
        'lip_corner': (a.mouth_half_width, a.mouth_y),
        'lower_lip': (0.0, a.mouth_y + a.lower_lip),
        'chin': (0.0, 0.45 * a.mouth_y + 0.55 * a.chin_y),
    }


def smooth_step(x):
    """Cubic step from 0 (x <= 0) to 1 (x >= 1)."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def smooth_closed(points, rounds=4):
    """Round a closed polygon by Chaikin's corner cutting.

    Args:
        points (array_like): (N, 2) corners.
        rounds (int): Each one doubles the number of points. Default: 4.

    Returns:
        numpy.ndarray: (N * 2 ** rounds, 2) float64.
    """
    points = np.asarray(points, dtype=np.float64)
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        cut = np.empty((2 * len(points), 2))
        cut[0::2] = 0.75 * points + 0.25 * following
        cut[1::2] = 0.25 * points + 0.75 * following
        points = cut
    return points


def face_outline(anatomy):
    """Contour of skull, cheeks and jaw.

    Args:
        anatomy (Anatomy): Proportions.

    Returns:
        numpy.ndarray: (N, 2) closed contour in face units.
    """
    a = anatomy
    half = [(0.0, a.top_y - 0.12), (0.55 * a.half_width, a.top_y - 0.08),
            (0.98 * a.half_width, -0.66), (1.04 * a.half_width, -0.15),
            (1.0 * a.half_width, 0.25),
            (a.jaw * a.half_width + 0.03, 0.45 * a.chin_y + 0.20),
            (0.5 * (a.chin_width + a.jaw * a.half_width),
             a.chin_y - 0.10),
            (a.chin_width, a.chin_y + 0.02), (0.0, a.chin_y + 0.03)]
    mirrored = [(-x, y) for x, y in half[-2:0:-1]]
    return smooth_closed(half + mirrored)


def lattice(count):
    """Face coordinates of the centres of a square lattice.

    Args:
        count (int): Cells along each side of the covered square.

    Returns:
        tuple[numpy.ndarray, numpy.ndarray]: x and y, each (count, count)
        float32.
    """
    step = EXTENT / count
    at = (np.arange(count, dtype=np.float32) + 0.5) * step
    return np.meshgrid(LEFT + at, TOP + at)


def relief(anatomy, x, y):
    """Height of the face above the plane of its outline.

    Args:
        anatomy (Anatomy): Proportions.
        x (numpy.ndarray): Face coordinates, any shape.
        y (numpy.ndarray): Same shape.

    Returns:
        numpy.ndarray: z in face units, same shape, float32; zero outside the
        head.
    """
    a = anatomy
    points = anchors(a)

    def bump(cx, cy, sx, sy):
        return np.exp(-((x - cx) / sx)**2 - ((y - cy) / sy)**2)

    width = a.half_width * (1.08 - 0.26 * (1 - a.jaw)
                            * smooth_step((y - 0.1) / 0.8) * 3)
    inside = 1 - (x / width)**2 - ((y + 0.02) / 1.12)**2
    z = 0.62 * np.sqrt(np.clip(inside, 0.0, None))
    # The nose is a ridge that grows from the root to the tip.
    along = smooth_step((y - a.eye_y) / (a.nose_y - a.eye_y))
    ends = 1 - smooth_step((y - a.nose_y - 0.015) / 0.075)
    ridge = np.exp(-(x / (0.055 + 0.35 * a.nose_half_width * along))**2)
    z += a.nose_height * (0.12 + 0.88 * along) * ends * ridge * smooth_step(
        (y - a.eye_y + 0.2) / 0.2)
    for side in (-1, 1):
        z += 0.045 * bump(side * 0.8 * a.nose_half_width, a.nose_y + 0.015,
                          0.055, 0.055)
        z -= 0.075 * bump(side * a.eye_x * 0.95, a.eye_y - 0.01, 0.17, 0.10)
        z += 0.03 * bump(side * a.eye_x, a.eye_y, 0.10, 0.07)
        z += (0.02 + 0.03 * a.brow_ridge) * bump(
            side * a.eye_x, a.brow_y, 0.20, 0.07)
        z += 0.05 * a.cheek * bump(side * (a.eye_x + 0.12),
                                   points['cheek'][1], 0.16, 0.13)
        z -= 0.02 * bump(side * (a.mouth_half_width + 0.05), a.mouth_y,
                         0.05, 0.07)
    z += 0.05 * bump(0, a.mouth_y, 0.20, 0.12)
    z -= 0.018 * bump(0, a.mouth_y - a.upper_lip - 0.05, 0.03, 0.06)
    z -= 0.04 * bump(0, a.mouth_y + a.lower_lip + 0.05, 0.14, 0.035)
    z += 0.06 * bump(0, a.chin_y - 0.12, 0.14, 0.09)
    return np.where(inside > -0.05, z, 0.0).astype(np.float32)
