# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Folds of the skin that action units deepen.

Each fold is a map of relative brightness (a dark line with a lighter rim, as
light from above makes it) in the square of face units.
"""
import cv2
import numpy as np

from .action_units import CHANNELS, channel
from .geometry import anchors
from .painting import Painter

MAP_SIZE = 160


def _folds(a):
    """Name, polylines of the right-hand side, depth, driving units."""
    p = anchors(a)
    bx, by = a.eye_x, a.brow_y
    corner_x, corner_y = p['lip_corner']
    wing_x, wing_y = p['nose_wing']
    forehead = [[(0.02, by - d), (0.6 * bx, by - d - 0.012),
                 (bx + 0.14, by - d + 0.015)] for d in (0.13, 0.20, 0.27)]
    return [
        ('inner forehead', [line[:2] for line in forehead], 0.26,
         {'AU1': 1.0}),
        ('outer forehead', [line[1:] for line in forehead], 0.26,
         {'AU2': 1.0}),
        ('glabella', [[(0.045, by + 0.05), (0.055, by - 0.09)],
                      [(0.02, by - 0.04), (0.022, by - 0.10)]], 0.42,
         {'AU4': 1.0, 'AU9': 0.5}),
        ('nose bridge', [[(0.0, a.eye_y - 0.03), (0.07, a.eye_y)],
                         [(0.0, a.eye_y + 0.03), (0.08, a.eye_y + 0.07)],
                         [(0.05, a.eye_y + 0.05), (0.09, a.eye_y + 0.15)]],
         0.40, {'AU9': 1.0}),
        ('nasolabial', [[(wing_x + 0.02, wing_y - 0.04),
                         (wing_x + 0.07, wing_y + 0.06),
                         (corner_x + 0.04, corner_y - 0.10),
                         (corner_x + 0.07, corner_y + 0.02)]], 0.45,
         {'AU12': 0.8, 'AU10': 0.7, 'AU9': 0.7, 'AU6': 0.3, 'AU20': 0.2}),
        ('crow feet', [[(bx + a.eye_half_width + 0.03, a.eye_y + d),
                        (bx + a.eye_half_width + 0.12, a.eye_y + 2.6 * d)]
                       for d in (-0.025, 0.005, 0.035)], 0.36,
         {'AU6': 1.0, 'AU12': 0.15}),
        ('lower lid', [[(bx - 0.12, a.eye_y + 0.085), (bx, a.eye_y + 0.12),
                        (bx + 0.12, a.eye_y + 0.09)]], 0.32,
         {'AU6': 0.8, 'AU7': 0.6, 'AU9': 0.5}),
        ('mouth corner', [[(corner_x + 0.02, corner_y + 0.01),
                           (corner_x + 0.05, corner_y + 0.07),
                           (corner_x + 0.05, corner_y + 0.14)]], 0.40,
         {'AU15': 0.9, 'AU17': 0.3}),
        ('dimple', [[(corner_x + 0.07, corner_y - 0.06),
                     (corner_x + 0.085, corner_y + 0.03)]], 0.45,
         {'AU14': 1.0, 'AU20': 0.5, 'AU12': 0.15}),
        ('chin', [[(0.0, 0.62 * a.mouth_y + 0.38 * a.chin_y),
                   (0.10, 0.60 * a.mouth_y + 0.40 * a.chin_y + 0.02)]], 0.36,
         {'AU17': 1.0}),
    ]


def fold_maps(anatomy, depth):
    """Brightness maps of all folds and the units that drive them.

    Args:
        anatomy (Anatomy): Proportions.
        depth (float): How wrinkled the person is; factor on all maps.

    Returns:
        tuple[numpy.ndarray, numpy.ndarray]: maps, (N, MAP_SIZE, MAP_SIZE)
        float32 relative change of brightness, and drive, (len(CHANNELS), N)
        float32.
    """
    brush = Painter(MAP_SIZE)
    up = max(1, round(0.022 * brush.scale))
    maps, drives = [], []

    def add(image, units, side):
        drive = np.zeros(len(CHANNELS), np.float32)
        for unit, share in units.items():
            drive[channel(unit, side)] = share
        maps.append(depth * image)
        drives.append(drive)

    for _, lines, dark, units in _folds(anatomy):
        for side, sign in (('left', -1), ('right', 1)):
            groove = 0.0
            for line in lines:
                line = np.asarray(line) * (sign, 1)
                groove = np.maximum(groove, brush.line(line, 0.02))
            groove = cv2.GaussianBlur(groove, (0, 0), 0.014 * brush.scale)
            rim = np.roll(cv2.GaussianBlur(groove, (0, 0),
                                           0.02 * brush.scale), up, axis=0)
            add(-dark * groove + 0.45 * dark * rim, units, side)
    points = anchors(anatomy)
    for side, sign in (('left', -1), ('right', 1)):
        # Raised cheeks catch light.
        x, y = points['cheek']
        ball = brush.ellipse((sign * x, y - 0.01), (0.13, 0.09), blur=0.06)
        add(0.22 * ball, {'AU6': 0.7, 'AU12': 0.5}, side)
        ball = brush.ellipse((sign * 0.05, points['chin'][1]), (0.10, 0.07),
                             blur=0.04)
        add(0.12 * ball, {'AU17': 1.0}, side)
    return np.stack(maps), np.stack(drives, 1)
