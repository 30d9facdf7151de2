# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Eyes and mouth: the parts of a face that open.

Contours of all pictures are computed at once in face units; drawing happens
picture by picture in supersampled pixels.
"""
from dataclasses import dataclass

import cv2
import numpy as np

from .action_units import (LIP_PARTING, LIP_THICKNESS, LOWER_LID, UPPER_LID,
                           both_sides, displacements)

# Along a lid or a lip from the left end (-1) to the right end (1).
_ALONG = np.linspace(-1, 1, 17)
_NODES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


def _lagrange(nodes, at):
    """Matrix that takes values at nodes to values of their polynomial."""
    columns = []
    for i, node in enumerate(nodes):
        others = np.delete(nodes, i)
        columns.append(np.prod((at[:, None] - others) / (node - others), 1))
    return np.stack(columns, 1)


_CURVE = _lagrange(_NODES, _ALONG)


@dataclass
class Contours:
    """Contours of eyes and mouth of T pictures, face units, float64.

    Args:
        eyes (list[dict]): Left and right eye of the picture: `upper`, `lower`
            and `crease` (T, 17, 2), `iris` (T, 2).
        mouth (dict): `upper_outer`, `upper_inner`, `lower_inner`,
            `lower_outer` (T, 17, 2), `upper_teeth` and `lower_teeth` (T, 2):
            height of their edges.
    """
    eyes: list
    mouth: dict


def landmarks(anatomy):
    """Skin points at rest that eyes and mouth hang on.

    Returns:
        numpy.ndarray: (14, 2): outer and inner corner of the left eye, inner
        and outer corner of the right eye, left and right corner of
        the mouth, five points above the upper lip from left to right less
        its corners (3), the same below the lower lip (3), chin and nose tip.
    """
    a = anatomy
    eye = [(-a.eye_x - a.eye_half_width, a.eye_y - a.eye_tilt),
           (-a.eye_x + a.eye_half_width, a.eye_y + a.eye_tilt),
           (a.eye_x - a.eye_half_width, a.eye_y + a.eye_tilt),
           (a.eye_x + a.eye_half_width, a.eye_y - a.eye_tilt)]
    half = a.mouth_half_width
    corners = [(-half, a.mouth_y), (half, a.mouth_y)]
    above = [(s * half, a.mouth_y - a.upper_lip - 0.015)
             for s in (-0.5, 0, 0.5)]
    below = [(s * half, a.mouth_y + a.lower_lip + 0.015)
             for s in (-0.5, 0, 0.5)]
    return np.array(eye + corners + above + below
                    + [(0, a.chin_y - 0.05), (0, a.nose_y)])


class Features:
    """Eyes and mouth of one person.

    Args:
        anatomy (Anatomy): Proportions.
        looks (Looks): Colours.
    """

    def __init__(self, anatomy, looks):
        self.anatomy = anatomy
        self.points = landmarks(anatomy)
        self.basis = displacements(anatomy, self.points[:, 0],
                                   self.points[:, 1])
        self.upper_lid = both_sides(UPPER_LID)
        self.lower_lid = both_sides(LOWER_LID)
        self.thickness = 0.5 * both_sides(LIP_THICKNESS)
        self.parting = 0.5 * both_sides(LIP_PARTING)
        skin = np.asarray(looks.skin)
        colours = {
            'sclera': np.array([226., 220, 214]) * (0.72 + 0.28 * skin[0]
                                                    / 255),
            'iris': np.asarray(looks.iris), 'pupil': np.array([14., 12, 12]),
            'lash': 0.30 * np.minimum(skin, 90) + 0.25 * np.asarray(
                looks.hair),
            'crease': 0.62 * skin, 'lower': 0.66 * skin,
            'inside': np.array([54., 18, 20]),
            'tongue': np.array([150., 70, 72]),
            'teeth': np.array([222., 214, 200]),
            'seam': 0.42 * np.asarray(looks.lips)}
        colours['shadow'] = 0.62 * colours['sclera']
        colours['ring'] = 0.5 * colours['iris']
        colours['back teeth'] = 0.86 * colours['teeth']
        colours['depth'] = 0.6 * colours['inside']
        self.colours = {name: tuple(float(v) for v in colour) + (255.0,)
                        for name, colour in colours.items()}
        self.lip_tint = tuple(np.asarray(looks.lips) / skin) + (1.0,)

    def contours(self, activations, gaze):
        """Contours of eyes and mouth.

        Args:
            activations (numpy.ndarray): (T, len(CHANNELS)).
            gaze (numpy.ndarray): (T, 2) within -1 to 1.

        Returns:
            Contours: In face units, before the motion of the head.
        """
        a = self.anatomy
        points = self.points + np.einsum('tc,clk->tlk', activations,
                                         self.basis)
        eyes = [self._eye(points[:, 0:2], activations, gaze, 0),
                self._eye(points[:, 2:4], activations, gaze, 1)]
        parting = activations @ self.parting
        upper = np.stack([points[:, 4], points[:, 6], points[:, 7],
                          points[:, 8], points[:, 5]], 1)
        lower = np.stack([points[:, 4], points[:, 9], points[:, 10],
                          points[:, 11], points[:, 5]], 1)
        upper[:, 1:4, 1] += a.upper_lip + 0.015
        lower[:, 1:4, 1] -= a.lower_lip + 0.015
        share = np.array([0.0, 0.8, 1.0, 0.8, 0.0])
        upper[..., 1] -= 0.33 * parting[:, None] * share
        lower[..., 1] += 0.67 * parting[:, None] * share
        upper, lower = _CURVE @ upper, _CURVE @ lower
        # Lips that would cut into each other meet in the middle.
        overlap = np.maximum(upper[..., 1] - lower[..., 1], 0) / 2
        upper[..., 1] -= overlap
        lower[..., 1] += overlap
        factor = np.clip(1 + activations @ self.thickness, 0.15, 1.6)
        rest = 1 - _ALONG**2
        bow = rest**0.7 * (1 - 0.20 * np.exp(-(_ALONG / 0.16)**2))
        outer_up, outer_down = upper.copy(), lower.copy()
        outer_up[..., 1] -= factor[:, None] * a.upper_lip * bow
        outer_down[..., 1] += factor[:, None] * a.lower_lip * rest**0.65
        jaw = points[:, 12, 1] - self.points[12, 1]
        return Contours(eyes, dict(
            upper_outer=outer_up, upper_inner=upper, lower_inner=lower,
            lower_outer=outer_down,
            upper_teeth=np.full(len(points), a.mouth_y + 0.022),
            lower_teeth=a.mouth_y + 0.035 + 0.9 * np.maximum(jaw, 0)))

    def _eye(self, corners, activations, gaze, side):
        a = self.anatomy
        mine = activations[:, side::2]
        above = a.eye_height * (1 + mine @ self.upper_lid[side::2])
        below = 0.42 * a.eye_height * np.clip(
            1 + mine @ self.lower_lid[side::2], 0.1, None)
        above = np.clip(above, -below, 2.0 * a.eye_height)
        t = (_ALONG + 1) / 2
        line = (corners[:, 0, None] * (1 - t)[:, None]
                + corners[:, 1, None] * t[:, None])
        inward = _ALONG if side == 0 else -_ALONG
        arch = (1 - _ALONG**2)**0.75
        upper, lower = line.copy(), line.copy()
        upper[..., 1] -= above[:, None] * arch * (1 + 0.10 * inward)
        lower[..., 1] += below[:, None] * arch * (1 - 0.12 * inward)
        lower[..., 1] = np.maximum(lower[..., 1], upper[..., 1])
        crease = upper.copy()
        crease[..., 1] -= 0.020 + 0.25 * np.maximum(
            a.eye_height * 1.5 - above, 0)[:, None] * arch
        centre = corners.mean(1)
        iris = centre + gaze * (0.042, 0.018)
        iris[:, 1] -= 0.22 * a.eye_height
        return dict(upper=upper, lower=lower, crease=crease, iris=iris)

    def draw(self, image, eyes, mouth, unit):
        """Draw eyes and mouth of one picture.

        Args:
            image (numpy.ndarray): (H, W, 4) uint8 RGBA, changed in place.
            eyes (list[dict]): As in `Contours`, one picture, in sixteenths
                of a pixel, int32, zero at the centre of the first pixel.
            mouth (dict): Likewise, teeth as (4, 2) corners of a strip.
            unit (float): Pixels per face unit.
        """
        for eye in eyes:
            self._draw_eye(image, eye, unit)
        self._draw_mouth(image, mouth, unit)

    def _draw_eye(self, image, eye, unit):
        colours = self.colours
        opening = np.concatenate([eye['upper'], eye['lower'][::-1]])
        window = _window(image, np.concatenate([opening, eye['crease']]), 4)
        if window is None:
            return
        part, origin = window
        upper, lower = eye['upper'] - origin, eye['lower'] - origin
        thick = max(1, round(0.022 * unit))
        _line(part, eye['crease'][2:-2] - origin, colours['crease'],
              max(1, thick - 1))
        if lower[8, 1] - upper[8, 1] > 13:
            inside = np.empty_like(part)
            inside[:] = colours['sclera']
            x, y = (int(v) for v in eye['iris'] - origin)
            radius = round(0.066 * unit * 16)
            for name, share in (('ring', 1.0), ('iris', 0.78),
                                ('pupil', 0.42)):
                cv2.circle(inside, (x, y), round(share * radius),
                           colours[name], -1, cv2.LINE_AA, 4)
            glint = (x - round(0.35 * radius), y - round(0.40 * radius))
            cv2.circle(inside, glint, round(0.22 * radius),
                       (246, 246, 246, 255), -1, cv2.LINE_AA, 4)
            _line(inside, upper, colours['shadow'], thick + 1)
            _blend(part, inside, _mask(part, opening - origin))
            _line(part, lower, colours['lower'], 1)
        _line(part, upper, colours['lash'], thick)

    def _draw_mouth(self, image, mouth, unit):
        colours = self.colours
        ring = np.concatenate([mouth['upper_outer'],
                               mouth['lower_outer'][::-1]])
        window = _window(image, ring, 5)
        if window is None:
            return
        part, origin = window
        upper = mouth['upper_inner'] - origin
        lower = mouth['lower_inner'] - origin
        outer_up = mouth['upper_outer'] - origin
        outer_down = mouth['lower_outer'] - origin
        lips = _mask(part, np.concatenate([outer_up, upper[::-1]]))
        cv2.fillPoly(lips, [np.concatenate([lower, outer_down[::-1]])], 205,
                     cv2.LINE_AA, 4)
        red = cv2.multiply(part, self.lip_tint)
        # Light from above falls on the lower lip.
        shine = np.zeros(part.shape[:2], np.uint8)
        _line(shine, (lower + outer_down)[4:13] // 2, 255,
              max(1, round(0.02 * unit)))
        _blend(red, cv2.add(red, (28, 28, 28, 0)), cv2.blur(shine, (5, 5)))
        _blend(part, red, cv2.blur(lips, (3, 3)))
        if (lower[:, 1] - upper[:, 1]).max() > 13:
            inside = np.empty_like(part)
            inside[:] = colours['inside']
            x, y = (int(v) for v in lower[8])
            depth = (lower[8, 1] - upper[8, 1]) / 16
            cv2.ellipse(inside, (x // 16, y // 16),
                        (round(0.15 * unit), max(1, round(0.40 * depth))),
                        0, 0, 360, colours['tongue'], -1, cv2.LINE_AA)
            for name, colour in (('lower_teeth', 'back teeth'),
                                 ('upper_teeth', 'teeth')):
                cv2.fillPoly(inside, [mouth[name] - origin],
                             colours[colour], cv2.LINE_AA, 4)
            _line(inside, upper, colours['depth'], 2)
            _blend(part, inside,
                   _mask(part, np.concatenate([upper, lower[::-1]])))
            for end in (upper[:2], upper[-2:]):
                _line(part, end, colours['seam'], 1)
        else:
            _line(part, (upper + lower) // 2, colours['seam'],
                  max(1, round(0.016 * unit)))


def _window(image, points, margin):
    """View of the image around points and its origin; None if outside."""
    low = np.maximum((points.min(0) >> 4) - margin, 0)
    high = (points.max(0) >> 4) + margin + 2
    high = np.minimum(high, (image.shape[1], image.shape[0]))
    if (high - low < 2).any():
        return None
    return (image[low[1]:high[1], low[0]:high[0]],
            (16 * low).astype(np.int32))


def _line(image, points, colour, width):
    cv2.polylines(image, [points], False, colour, width, cv2.LINE_AA, 4)


def _mask(image, points):
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    return mask


def _blend(image, other, mask):
    mask = mask * np.float32(1 / 255)
    image[:] = cv2.blendLinear(other, image, mask, 1 - mask)
