# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Facial action units: what each one moves, and how far.

The numbering and the described appearance changes are those of the Facial
Action Coding System (Ekman, Friesen and Hager, *FACS: The Manual*, 2002). A
unit is a sum of smooth pulls of the skin at anatomical points, plus changes of
the eyelids, of the lips and of wrinkles. Both halves of the face have their own
activation, so that expressions may be lopsided. Activation 0 is the
anatomical rest position, 1 is level E of FACS; negative values, which occur in
resting faces only, move the skin the other way.
"""
import numpy as np

from .geometry import anchors, smooth_step

# (point, outward, down, spread in x, spread in y), all in face units.
PULLS = {
    'AU1': [('brow_inner', -0.005, -0.105, 0.13, 0.13),
            ('glabella', 0.0, -0.020, 0.10, 0.15)],
    'AU2': [('brow_outer', 0.005, -0.105, 0.16, 0.13),
            ('brow_middle', 0.0, -0.035, 0.13, 0.13)],
    'AU4': [('brow_inner', -0.050, 0.075, 0.14, 0.11),
            ('brow_middle', -0.020, 0.050, 0.17, 0.11)],
    'AU5': [('brow_middle', 0.0, -0.012, 0.20, 0.06)],
    'AU6': [('cheek', 0.0, -0.062, 0.19, 0.13),
            ('brow_outer', 0.0, 0.022, 0.12, 0.10)],
    'AU7': [('lower_lid', -0.005, -0.026, 0.15, 0.06)],
    'AU9': [('nose_wing', 0.012, -0.060, 0.12, 0.12),
            ('nose_root', 0.0, -0.020, 0.08, 0.10),
            ('brow_inner', -0.020, 0.042, 0.13, 0.10),
            ('nasolabial', 0.0, -0.045, 0.11, 0.10),
            ('upper_lip_side', 0.0, -0.030, 0.12, 0.09)],
    'AU10': [('upper_lip_side', 0.0, -0.070, 0.13, 0.09),
             ('nasolabial', 0.012, -0.050, 0.11, 0.11),
             ('nose_wing', 0.010, -0.020, 0.08, 0.08)],
    'AU12': [('lip_corner', 0.095, -0.105, 0.17, 0.15),
             ('nasolabial', 0.030, -0.040, 0.12, 0.12),
             ('cheek', 0.010, -0.030, 0.16, 0.12)],
    'AU14': [('lip_corner', 0.045, -0.005, 0.11, 0.11)],
    'AU15': [('lip_corner', 0.010, 0.095, 0.15, 0.14)],
    'AU16': [('lower_lip', 0.0, 0.050, 0.15, 0.10)],
    'AU17': [('chin', 0.0, -0.070, 0.16, 0.13),
             ('lower_lip', 0.0, -0.045, 0.16, 0.10),
             ('upper_lip', 0.0, -0.016, 0.15, 0.08)],
    'AU18': [('lip_corner', -0.085, 0.0, 0.15, 0.12)],
    'AU20': [('lip_corner', 0.105, 0.030, 0.17, 0.15),
             ('chin', 0.0, 0.012, 0.20, 0.12)],
    'AU23': [('lip_corner', -0.035, 0.0, 0.12, 0.10)],
    'AU24': [('lip_corner', -0.020, -0.004, 0.12, 0.10),
             ('upper_lip', 0.0, 0.012, 0.15, 0.07),
             ('lower_lip', 0.0, -0.020, 0.15, 0.08)],
    'AU25': [('upper_lip', 0.0, -0.014, 0.15, 0.07),
             ('lower_lip', 0.0, 0.034, 0.16, 0.09)],
    'AU26': [],
    'AU27': [],
    'AU45': [],
}
# AU26 and AU27 drop the jaw as a whole: face units of the chin.
JAW_DROP = {'AU26': 0.105, 'AU27': 0.20}

NAMES = tuple(PULLS)
SIDES = ('left', 'right')
# One activation per unit and side of the picture, in this order.
CHANNELS = tuple((name, side) for name in NAMES for side in SIDES)

# Change of the upper lid (share of its resting height) and of the lower lid.
UPPER_LID = {'AU5': 0.75, 'AU6': -0.14, 'AU7': -0.28, 'AU9': -0.14,
             'AU45': -1.45}
LOWER_LID = {'AU6': -0.62, 'AU7': -0.72, 'AU9': -0.35, 'AU12': -0.10,
             'AU45': -0.10}
# Change of the visible thickness of the lips, as a share.
LIP_THICKNESS = {'AU10': -0.10, 'AU12': -0.22, 'AU14': -0.15, 'AU15': -0.06,
                 'AU18': 0.45, 'AU20': -0.20, 'AU23': -0.42, 'AU24': -0.62,
                 'AU26': -0.08, 'AU27': -0.15}
# Parting of the lips in face units (lower lip down, upper lip up by a third).
LIP_PARTING = {'AU10': 0.020, 'AU12': 0.010, 'AU16': 0.020, 'AU18': 0.012,
               'AU25': 0.030, 'AU23': -0.05, 'AU24': -0.10, 'AU17': -0.04}


def channel(name, side):
    """Position of an action unit's activation in an activation vector."""
    return 2 * NAMES.index(name) + SIDES.index(side)


def both_sides(weights):
    """Spread a table of one value per unit over the channels.

    Args:
        weights (dict[str, float]): Value per action unit.

    Returns:
        numpy.ndarray: (2 * number of units,) float32, zero where unnamed.
    """
    out = np.zeros(len(CHANNELS), dtype=np.float32)
    for name, value in weights.items():
        for side in SIDES:
            out[channel(name, side)] = value
    return out


def jaw_profile(anatomy, x, y):
    """Share of the jaw's drop that a point of the skin follows, 0 to 1."""
    a = anatomy
    start = a.mouth_y - a.upper_lip - 0.02
    length = a.upper_lip + a.lower_lip + 0.04
    down = smooth_step((y - start) / length)
    # On the cheeks the skin stretches over a longer way.
    wide = smooth_step((y - start + 0.25) / (length + 0.5))
    aside = np.exp(-(x / (1.25 * a.mouth_half_width))**4)
    neck = 1 - smooth_step((y - a.chin_y - 0.06) / 0.42)
    cheeks = np.exp(-(x / (0.95 * a.half_width))**6)
    return (down * aside + wide * (1 - aside)) * cheeks * neck


def displacements(anatomy, x, y):
    """Displacement of skin points by every channel at activation one.

    Args:
        anatomy (Anatomy): Proportions of the person.
        x (numpy.ndarray): Face coordinates, any shape S.
        y (numpy.ndarray): Same shape.

    Returns:
        numpy.ndarray: (len(CHANNELS), *S, 2) float32, x and y in face units.
    """
    points = anchors(anatomy)
    x = np.asarray(x, dtype=np.float32)
    y = np.asarray(y, dtype=np.float32)
    out = np.zeros((len(CHANNELS),) + x.shape + (2,), dtype=np.float32)
    jaw = jaw_profile(anatomy, x, y)
    # A unit of one side fades across the midline; both sides add up to one.
    share = {'right': smooth_step(x / 0.16 + 0.5)}
    share['left'] = 1 - share['right']
    for i, (name, side) in enumerate(CHANNELS):
        sign = 1 if side == 'right' else -1
        for point, outward, down, spread_x, spread_y in PULLS[name]:
            px, py = points[point]
            weight = np.exp(-0.5 * ((x - sign * px) / spread_x)**2
                            - 0.5 * ((y - py) / spread_y)**2)
            if px == 0:
                weight = weight * share[side]
            out[i, ..., 0] += sign * outward * weight
            out[i, ..., 1] += down * weight
        if name in JAW_DROP:
            out[i, ..., 1] += 0.5 * JAW_DROP[name] * jaw
    return out
