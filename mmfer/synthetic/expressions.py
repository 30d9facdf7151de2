# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The seven DFEW expressions as combinations of action units.

Which units belong to an expression follows the EMFACS prototypes (Ekman,
Friesen and Hager, *FACS Investigator's Guide*, 2002) and Table 1 of Du, Tao
and Martinez, "Compound facial expressions of emotion", PNAS 111(15),
E1454-E1462, 2014, which also lists the share of people who show a unit that
not everybody uses. Our shares are guided by that table, not copied: some
are changed so that persons differ more. Strengths are ours.
"""
from dataclasses import dataclass

import numpy as np

from .action_units import CHANNELS, NAMES, SIDES, channel

# Class names in the order of DFEW (Jiang et al., ACM MM 2020).
CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


@dataclass(frozen=True)
class Prototype:
    """Action units of an expression.

    Args:
        core (dict[str, float]): Strength of the units everybody uses.
        optional (dict[str, tuple[float, float]]): Share of people who use a
            unit, and its strength.
    """
    core: dict
    optional: dict


PROTOTYPES = {
    'happy': Prototype(
        core={'AU12': 1.0},
        optional={'AU25': (0.75, 0.9), 'AU6': (0.65, 0.9),
                  'AU26': (0.25, 0.5)}),
    'sad': Prototype(
        core={'AU4': 0.65, 'AU15': 1.0},
        optional={'AU1': (0.65, 0.9), 'AU17': (0.67, 0.7),
                  'AU6': (0.40, 0.4)}),
    'neutral': Prototype(core={}, optional={}),
    'angry': Prototype(
        core={'AU4': 1.0, 'AU7': 0.9},
        optional={'AU24': (0.72, 0.9), 'AU23': (0.40, 0.8),
                  'AU17': (0.52, 0.6), 'AU5': (0.35, 0.7),
                  'AU10': (0.26, 0.5)}),
    'surprise': Prototype(
        core={'AU1': 1.0, 'AU2': 1.0, 'AU25': 0.8, 'AU26': 0.9},
        optional={'AU5': (0.66, 0.9), 'AU27': (0.45, 0.6)}),
    'disgust': Prototype(
        core={'AU9': 1.0, 'AU10': 0.9},
        optional={'AU17': (0.70, 0.7), 'AU4': (0.31, 0.4),
                  'AU24': (0.26, 0.5), 'AU15': (0.20, 0.4)}),
    'fear': Prototype(
        core={'AU1': 0.95, 'AU4': 0.6, 'AU20': 1.0, 'AU25': 0.8},
        optional={'AU5': (0.70, 1.0), 'AU2': (0.57, 0.6),
                  'AU26': (0.33, 0.5)}),
}
# Units of the jaw and the lips' parting have no sides.
SYMMETRIC = ('AU18', 'AU23', 'AU24', 'AU25', 'AU26', 'AU27')


@dataclass(frozen=True)
class ActingStyle:
    """How one person expresses what: fixed over all clips of the person.

    Args:
        patterns (dict[str, numpy.ndarray]): Activations at full intensity per
            class, (len(CHANNELS),) float32.
        speed (float): Factor on the duration of onset and offset.
        spread (float): Standard deviation of the units' delays, in seconds.
        liveliness (float): Factor on speech and head motion.
        blink_rate (float): Blinks per second.
    """
    patterns: dict
    speed: float
    spread: float
    liveliness: float
    blink_rate: float


def sample_style(rng):
    """Draw the acting style of one person.

    Args:
        rng (numpy.random.Generator): Source of randomness.

    Returns:
        ActingStyle: Style.
    """
    patterns = {}
    for name in CLASSES:
        prototype = PROTOTYPES[name]
        lopsided = float(np.clip(rng.normal(0, 0.16), -0.35, 0.35))
        pattern = np.zeros(len(CHANNELS), dtype=np.float32)
        # Every unit draws, used or not: a change of one prototype leaves the
        # randomness of the others alone.
        for unit in NAMES:
            chance, strength, local = rng.uniform(0, 1, 3)
            if unit in prototype.core:
                size = prototype.core[unit]
            elif unit in prototype.optional:
                share, size = prototype.optional[unit]
                size = size if chance < share else 0.0
            else:
                continue
            size *= 0.75 + 0.45 * strength
            tilt = 0.0 if unit in SYMMETRIC else (
                lopsided + 0.16 * (local - 0.5))
            for side, sign in zip(SIDES, (-1, 1)):
                pattern[channel(unit, side)] = size * (1 + sign * tilt)
        patterns[name] = pattern
    return ActingStyle(
        patterns=patterns, speed=float(rng.uniform(0.65, 1.5)),
        spread=float(rng.uniform(0.0, 0.07)),
        liveliness=float(rng.uniform(0.5, 1.4)),
        blink_rate=float(rng.uniform(0.2, 0.7)))


# Range of a resting activation; units without an opposite muscle do not rest
# below zero, jaws do not hang wide open.
_REST_LIMITS = {
    'AU1': (-0.8, 0.9), 'AU2': (-0.8, 0.9), 'AU4': (-0.7, 0.9),
    'AU5': (-0.3, 0.5), 'AU6': (0.0, 0.8), 'AU7': (-0.3, 0.8),
    'AU9': (0.0, 0.6), 'AU10': (-0.3, 0.7), 'AU12': (-0.6, 0.75),
    'AU14': (0.0, 0.5), 'AU15': (-0.5, 0.9), 'AU16': (-0.2, 0.4),
    'AU17': (-0.3, 0.7), 'AU18': (0.0, 0.5), 'AU20': (-0.5, 0.8),
    'AU23': (0.0, 0.6), 'AU24': (-0.3, 0.7), 'AU25': (0.0, 0.4),
    'AU26': (0.0, 0.30), 'AU27': (0.0, 0.0), 'AU45': (0.0, 0.25)}


def sample_resting_face(rng, strength=1.0):
    """Draw a resting face that looks like an expression.

    A mixture of the prototypes of one or two random classes, each as large as
    an expression that is acted, less a third, and independent deviations
    of every unit on top. What a person's face does at rest therefore says
    nothing about what the person does in a clip.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        strength (float): Factor on the whole. Default: 1.

    Returns:
        numpy.ndarray: (len(CHANNELS),) float32 activations.
    """
    mimicked = rng.choice(len(CLASSES), 3, replace=False)
    weights = (rng.uniform(0.25, 0.75), rng.uniform(0.0, 0.45),
               -rng.uniform(0.0, 0.40))
    rest = np.zeros(len(CHANNELS), dtype=np.float32)
    for index, weight in zip(mimicked, weights):
        prototype = PROTOTYPES[CLASSES[index]]
        parts = dict(prototype.core)
        for unit, (share, size) in prototype.optional.items():
            parts[unit] = share * size
        for unit, size in parts.items():
            for side in SIDES:
                rest[channel(unit, side)] += weight * size
    for unit in NAMES:
        common, local = rng.normal(0, 0.20), rng.normal(0, 0.05)
        low, high = _REST_LIMITS[unit]
        for side, sign in zip(SIDES, (-1, 1)):
            i = channel(unit, side)
            tilt = 0.0 if unit in SYMMETRIC else sign * local
            rest[i] = np.clip(strength * (rest[i] + common + tilt),
                              low, high)
    return rest
