# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Onset, apex and offset of an acted expression."""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Course:
    """Time course of one expression, in (fractional) picture numbers.

    Args:
        onset (float): Last picture at rest.
        peak (float): Middle of the plateau.
        hold (float): Half the length of the plateau.
        rise (float): Length of the onset phase.
        fall (float or None): Length of the offset phase; None: the clip ends
            at the apex.
    """
    onset: float
    peak: float
    hold: float
    rise: float
    fall: float


def minimum_jerk(x):
    """Position of a movement from 0 to 1 with the least jerk.

    Flash and Hogan, J. Neuroscience 5(7), 1985.
    """
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)


def sample_course(rng, frames, fps, speed=1.0):
    """Draw a time course that fits into a clip.

    The first picture is always at rest. Three of ten clips end at the apex.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length of the clip.
        fps (float): Pictures per second.
        speed (float): Factor on the durations, larger is slower. Default: 1.

    Returns:
        Course: Time course.
    """
    last = frames - 1
    starts, rises, holds, falls, ends = rng.uniform(0, 1, 5)
    onset = (0.05 + 0.17 * starts) * last
    rise = np.clip((0.22 + 0.36 * rises) * fps * speed, 0.12 * last,
                   0.45 * last)
    if ends < 0.3:
        peak = last - 0.02 * last * holds
        rise = min(max(rise, 0.3 * last), peak - onset)
        # A late start, so that the clip stops while the expression holds.
        hold = 0.5 * max(0.0, min(0.25 * last, peak - onset - rise))
        return Course(float(onset), float(peak - hold), float(hold),
                      float(peak - 2 * hold - onset), None)
    hold = 0.5 * (0.08 + 0.16 * holds) * last
    fall = np.clip((0.25 + 0.4 * falls) * fps * speed, 0.15 * last,
                   0.4 * last)
    length = rise + 2 * hold + fall
    room = 0.98 * last - onset
    if length > room:
        rise, hold, fall = (v * room / length for v in (rise, hold, fall))
    return Course(float(onset), float(onset + rise + hold), float(hold),
                  float(rise), float(fall))


def envelope(course, frames, delay=0.0):
    """Activation over time, 0 at rest and 1 at the apex.

    The plateau is slightly domed, so that the apex is one picture.

    Args:
        course (Course): Time course.
        frames (int): Length of the clip.
        delay (float or numpy.ndarray): Delays in pictures, any shape S.

    Returns:
        numpy.ndarray: (frames, *S) float32.
    """
    delay = np.asarray(delay, dtype=np.float64)
    time = np.arange(frames).reshape((-1,) + (1,) * delay.ndim) - delay
    value = minimum_jerk((time - course.onset) / course.rise)
    if course.fall is not None:
        value = value * (1 - minimum_jerk(
            (time - course.peak - course.hold) / course.fall))
    away = (time - course.peak) / (2 * course.hold + 1.0)
    # A clip that ends at the apex keeps growing to its end.
    if course.fall is None:
        away = np.minimum(away - course.hold / (2 * course.hold + 1.0), 0.0)
    return (value * (1 - 0.05 * np.minimum(away * away, 1.0))).astype(
        np.float32)
