# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The catalogue of synthetic clips: who does what in which clip.

Every clip is a function of the seed, the person, the class and the take alone,
so that any subset can be made in any order on any number of workers.
"""
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import distractors
from .action_units import CHANNELS, both_sides
from .expressions import (CLASSES, ActingStyle, sample_resting_face,
                          sample_style)
from .geometry import Anatomy, sample_anatomy
from .renderer import FaceRenderer, Script
from .looks import Looks, sample_looks
from .timing import envelope, sample_course


@dataclass(frozen=True)
class Person:
    """One synthetic person.

    Args:
        anatomy (Anatomy): Proportions.
        looks (Looks): Colours and surface.
        rest (numpy.ndarray): Resting face, (len(CHANNELS),) activations.
        style (ActingStyle): How the person acts.
    """
    anatomy: Anatomy
    looks: Looks
    rest: np.ndarray
    style: ActingStyle


@dataclass(frozen=True)
class ClipItem:
    """One clip of the catalogue.

    Args:
        subject (int): Number of the person.
        label (str): Class name.
        take (int): Number of the repetition.
        frames (int): Pictures.
        size (int): Height and width in pixels.
        fps (int): Pictures per second.
        seed (int): Seed of the catalogue.
    """
    subject: int
    label: str
    take: int
    frames: int = 36
    size: int = 112
    fps: int = 25
    seed: int = 0

    @property
    def name(self):
        """Name of the clip, e.g. `s003_happy_1`."""
        return f's{self.subject:03d}_{self.label}_{self.take}'


@lru_cache(maxsize=64)
def make_person(seed, subject):
    """One person of a catalogue.

    Args:
        seed (int): Seed of the catalogue.
        subject (int): Number of the person.

    Returns:
        Person: The person.
    """
    def rng(topic):
        return np.random.default_rng([seed, subject, topic])

    # One generator per topic: more draws in one leave the others alone.
    return Person(anatomy=sample_anatomy(rng(1)), looks=sample_looks(rng(2)),
                  rest=sample_resting_face(rng(3)), style=sample_style(rng(4)))


@lru_cache(maxsize=4)
def make_renderer(seed, subject, size):
    """Renderer of one person, kept for the person's next clips."""
    person = make_person(seed, subject)
    return FaceRenderer(person.anatomy, person.looks, size)


def expression_activations(item):
    """What the expression alone does in a clip.

    Args:
        item (ClipItem): The clip.

    Returns:
        tuple[numpy.ndarray, dict]: (frames, len(CHANNELS)) float32
        activations, zero for neutral, and the labels `intensity`,
        and, unless neutral, `onset`, `apex` and, if the face relaxes within
        the clip, `offset` (the last picture that still shows the
        expression), as display indices.
    """
    style = make_person(item.seed, item.subject).style
    rng = _clip_rng(item, 0)
    intensity = float(rng.uniform(0.3, 1.0))
    course = sample_course(rng, item.frames, item.fps, style.speed)
    delays = np.repeat(rng.normal(0, style.spread * item.fps,
                                  len(CHANNELS) // 2), 2)
    jitter = np.repeat(rng.uniform(0.85, 1.15, len(CHANNELS) // 2), 2)
    delays = np.clip(delays, -0.8 * course.onset, 0.08 * item.frames)
    if item.label == 'neutral':
        return np.zeros((item.frames, len(CHANNELS)), np.float32), {
            'intensity': 0.0}
    pattern = intensity * jitter * style.patterns[item.label]
    active = (envelope(course, item.frames, delays) * pattern).astype(
        np.float32)
    total = np.abs(active).sum(1)
    shown = np.flatnonzero(total > 0.05 * total.max())
    labels = {'intensity': round(intensity, 3), 'onset': int(shown[0]),
              'apex': int(total.argmax())}
    if course.fall is not None:
        labels['offset'] = int(shown[-1])
    return active, labels


def write_script(item):
    """Everything that happens in a clip, and its labels.

    Args:
        item (ClipItem): The clip.

    Returns:
        tuple[Script, dict]: The script, and labels as in
        `expression_activations`.
    """
    person = make_person(item.seed, item.subject)
    style = person.style
    acted, labels = expression_activations(item)
    rng = _clip_rng(item, 1)
    frames, fps = item.frames, item.fps
    rest = person.rest + rng.normal(0, 0.04, len(CHANNELS))
    other = distractors.speech(rng, frames, fps, style.liveliness)
    other = other + distractors.twitches(rng, frames, fps)
    active = np.clip(rest + acted + other, -1.0, 1.5)
    lids = distractors.blinks(rng, frames, fps, style.blink_rate)
    closing = both_sides({'AU45': 1.0})
    active = np.where(closing > 0, np.maximum(active, lids[:, None]), active)
    pose = distractors.head_motion(rng, frames, fps, style.liveliness)
    looking = distractors.gaze(rng, frames, fps)
    light = distractors.light(rng, frames, fps)
    lamp = np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.75, -0.2), 1.0])
    return Script(
        activations=active.astype(np.float32), pose=pose, gaze=looking,
        light=light, lamp=lamp / np.linalg.norm(lamp),
        tint=1 + rng.uniform(-0.045, 0.045, 3),
        noise=float(rng.uniform(0.6, 2.6)), fps=fps,
        seed=[item.seed, item.subject, CLASSES.index(item.label), item.take,
              2]), labels


def render_clip(item):
    """Pictures of a clip.

    Args:
        item (ClipItem): The clip.

    Returns:
        numpy.ndarray: (frames, size, size, 3) uint8 RGB.
    """
    renderer = make_renderer(item.seed, item.subject, item.size)
    return renderer.render(write_script(item)[0])


def _clip_rng(item, topic):
    return np.random.default_rng(
        [item.seed, item.subject, CLASSES.index(item.label), item.take,
         100 + topic])


class SyntheticFaces:
    """A sequence of `ClipItem`, subject by subject.

    Example:
        >>> from mmfer.synthetic import SyntheticFaces, render_clip
        >>> faces = SyntheticFaces(num_subjects=3, clips_per_class=1)
        >>> len(faces), faces[0].name
        (21, 's000_happy_0')
        >>> render_clip(faces[0]).shape
        (36, 112, 112, 3)

    Args:
        num_subjects (int): Number of persons.
        clips_per_class (int): Takes of every person and class. Default: 2.
        frames (int): Pictures per clip. Default: 36.
        size (int): Height and width in pixels. Default: 112.
        fps (int): Pictures per second. Default: 25.
        seed (int): Seed of everything. Default: 0.
        classes (Sequence[str]): Class names. Default: the seven of DFEW.

    Raises:
        ValueError: If a class is unknown or a number is out of range.
    """

    def __init__(self, num_subjects, clips_per_class=2, frames=36, size=112,
                 fps=25, seed=0, classes=CLASSES):
        unknown = [name for name in classes if name not in CLASSES]
        if unknown:
            raise ValueError(f'unknown classes {unknown}; known are '
                             f'{list(CLASSES)}')
        for name, value, least in (('num_subjects', num_subjects, 1),
                                   ('clips_per_class', clips_per_class, 1),
                                   ('frames', frames, 8), ('fps', fps, 1),
                                   ('seed', seed, 0)):
            if value < least:
                raise ValueError(f'{name} is {value}, must be at least '
                                 f'{least}')
        if size < 32 or size % 16:
            raise ValueError(f'size is {size}, must be a multiple of 16 and '
                             'at least 32')
        self.num_subjects, self.seed = num_subjects, seed
        self.classes = tuple(classes)
        self.items = tuple(
            ClipItem(subject, label, take, frames, size, fps, seed)
            for subject in range(num_subjects) for label in self.classes
            for take in range(clips_per_class))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]

    def splits(self, shares=(40, 5, 15)):
        """Split and fold of every person.

        Args:
            shares (tuple[float, float, float]): Proportions of persons in
                train, val and test. Each non-zero share gets at least one
                person if there are enough. Default: (40, 5, 15).

        Returns:
            list[tuple[str, int]]: Per person the split, `'train'`, `'val'`
            or `'test'`, and the fold, 1 to 5.

        Raises:
            ValueError: If the shares are not three numbers from 0 on, or all
                are 0.
        """
        if len(shares) != 3 or not all(
                0 <= s < math.inf for s in shares) or not any(shares):
            raise ValueError(
                f'shares are {", ".join(map(str, shares))}, must be three '
                'numbers from 0 on, for train, val and test, and one of them '
                'above 0')
        order = np.random.default_rng([self.seed, 7]).permutation(
            self.num_subjects)
        counts = [round(self.num_subjects * s / sum(shares))
                  for s in shares]
        for i in (1, 2):
            if shares[i] and self.num_subjects >= 3:
                counts[i] = max(1, counts[i])
        # Two halves of an odd number are both rounded up.
        counts[2] = min(counts[2], self.num_subjects - counts[1])
        counts[0] = self.num_subjects - counts[1] - counts[2]
        names = ['train'] * counts[0] + ['val'] * counts[1] + [
            'test'] * counts[2]
        out = [None] * self.num_subjects
        for rank, subject in enumerate(order):
            out[subject] = (names[rank], rank % 5 + 1)
        return out
