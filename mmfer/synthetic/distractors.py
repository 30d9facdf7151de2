# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion and changes that carry no label and occur in clips of every class.

None of these functions knows the expression of the clip.
"""
import numpy as np

from .action_units import CHANNELS, both_sides
from .timing import minimum_jerk


def wander(rng, frames, fps, slowest=0.25, fastest=1.2):
    """A smooth random movement.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.
        slowest (float): Lowest frequency in Hz. Default: 0.25.
        fastest (float): Highest frequency in Hz. Default: 1.2.

    Returns:
        numpy.ndarray: (frames,) float64 of about unit size.
    """
    time = np.arange(frames) / fps
    hertz = rng.uniform(slowest, fastest, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    size = rng.uniform(0.3, 1.0, 3) * (slowest + 0.3) / (hertz + 0.3)
    return (size * np.sin(2 * np.pi * time[:, None] * hertz + phase)).sum(1)


def blinks(rng, frames, fps, rate):
    """Eye closure over time.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.
        rate (float): Mean number of blinks per second.

    Returns:
        numpy.ndarray: (frames,) float32, 0 open, 1 closed.
    """
    closed = np.zeros(frames, dtype=np.float32)
    for _ in range(rng.poisson(rate * frames / fps)):
        centre = rng.uniform(0, frames)
        length = rng.uniform(0.10, 0.16) * fps
        depth = rng.uniform(0.8, 1.0)
        away = (np.arange(frames) - centre) / length
        # Lids close about twice as fast as they open.
        away = np.where(away < 0, 1.7 * away, away)
        closed = np.maximum(closed, depth * minimum_jerk(
            1.25 - np.abs(away)))
    return closed.astype(np.float32)


def speech(rng, frames, fps, liveliness):
    """Mouth motion like that of speech, in about half of the clips.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.
        liveliness (float): Factor on the size.

    Returns:
        numpy.ndarray: (frames, len(CHANNELS)) float32 activations.
    """
    talks = rng.uniform() < 0.5
    begin, length = rng.uniform(-0.3, 0.6), rng.uniform(0.4, 1.2)
    time = np.arange(frames) / max(frames - 1, 1)
    gate = minimum_jerk((time - begin) * 8) * minimum_jerk(
        (begin + length - time) * 8)
    parts = {'AU26': 0.50, 'AU25': 0.55, 'AU18': 0.45, 'AU20': 0.30,
             'AU16': 0.35, 'AU12': 0.20, 'AU24': 0.35}
    out = np.zeros((frames, len(CHANNELS)), dtype=np.float32)
    for unit, size in parts.items():
        syllables = wander(rng, frames, fps, slowest=2.0, fastest=5.0)
        opening = np.clip(0.75 * syllables, -0.2 if unit in (
            'AU20', 'AU12') else 0.0, 1.0)
        out += (size * gate * opening)[:, None] * both_sides({unit: 1.0})
    return out * np.float32(talks * liveliness)


def twitches(rng, frames, fps):
    """Short unrelated movements of single units: brow flashes, smirks, …

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.

    Returns:
        numpy.ndarray: (frames, len(CHANNELS)) float32 activations.
    """
    kinds = ({'AU1': 1.0, 'AU2': 1.0}, {'AU4': 1.0}, {'AU12': 1.0},
             {'AU7': 1.0}, {'AU14': 1.0}, {'AU17': 1.0}, {'AU24': 1.0},
             {'AU10': 1.0}, {'AU15': 1.0}, {'AU5': 1.0})
    out = np.zeros((frames, len(CHANNELS)), dtype=np.float32)
    for _ in range(rng.poisson(0.9 * frames / fps)):
        kind = kinds[rng.integers(len(kinds))]
        centre, size = rng.uniform(0, frames), rng.uniform(0.12, 0.32)
        length = rng.uniform(0.12, 0.35) * fps
        away = np.abs(np.arange(frames) - centre) / length
        out += (size * minimum_jerk(1.3 - away))[:, None] * both_sides(kind)
    return out


def head_motion(rng, frames, fps, liveliness):
    """Pose of the head over time.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.
        liveliness (float): Factor on the size.

    Returns:
        numpy.ndarray: (frames, 6) float32: shift in x and y (face units),
        roll, yaw and pitch (radians), logarithm of the scale.
    """
    move = np.array([0.022, 0.020, 0.020, 0.050, 0.040, 0.008])
    place = np.array([0.055, 0.045, 0.045, 0.100, 0.070, 0.040])
    size = liveliness * rng.uniform(0.2, 1.3)
    paths = np.stack([wander(rng, frames, fps) for _ in range(6)], 1)
    start = np.clip(rng.normal(0, 1, 6), -1.8, 1.8) * place
    return (start + size * move * paths).astype(np.float32)


def gaze(rng, frames, fps):
    """Direction of the eyes: fixations with jumps between them.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.

    Returns:
        numpy.ndarray: (frames, 2) float32, each within about -1 to 1.
    """
    out = np.zeros((frames, 2))
    out[:] = rng.normal(0, 0.35, 2)
    for _ in range(rng.poisson(0.8 * frames / fps)):
        jump = minimum_jerk((np.arange(frames) - rng.uniform(0, frames))
                            / (0.06 * fps))
        target = rng.normal(0, 0.4, 2)
        out += jump[:, None] * (target - out)
    return np.clip(out, -1, 1).astype(np.float32)


def light(rng, frames, fps):
    """Brightness over time and over the picture.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        frames (int): Length.
        fps (float): Pictures per second.

    Returns:
        numpy.ndarray: (frames, 3) float32: gain, and its slope from the
        centre to the right and to the lower edge.
    """
    size = rng.uniform(0.0, 1.0) * np.array([0.05, 0.06, 0.05])
    start = np.array([1.0, 0.0, 0.0]) + np.clip(
        rng.normal(0, 1, 3), -2, 2) * np.array([0.07, 0.08, 0.06])
    paths = np.stack([wander(rng, frames, fps, 0.2, 1.0)
                      for _ in range(3)], 1)
    jump = np.zeros(frames)
    if rng.uniform() < 0.15:    # a lamp goes on or off, a cloud passes
        at = rng.uniform(0.15, 0.85) * frames
        jump = rng.choice([-0.12, 0.12]) * minimum_jerk(
            (np.arange(frames) - at) / rng.uniform(1, 0.3 * frames))
    out = start + size * paths
    out[:, 0] += jump
    return out.astype(np.float32)
