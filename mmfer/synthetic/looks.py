# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What one person looks like: colours of skin, hair, eyes and clothes."""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Looks:
    """Colours (RGB, 0 to 255) and surface of one person."""
    skin: tuple
    lips: tuple
    hair: tuple
    iris: tuple
    clothes: tuple
    hair_style: str
    beard: float
    freckles: float
    wrinkles: float
    brow_density: float
    pores: float
    seed: int


HAIR_STYLES = ('short', 'fringe', 'parted', 'long', 'curly', 'bald')


def sample_looks(rng):
    """Draw skin, hair and clothes of one person.

    Args:
        rng (numpy.random.Generator): Source of randomness.

    Returns:
        Looks: Colours and surface.
    """
    tone = rng.uniform(0, 1)
    # Along a line from light to dark skin, with some redness.
    skin = ((1 - tone)**1.2 * np.array([236., 196, 172])
            + (1 - (1 - tone)**1.2) * np.array([104., 68, 50]))
    skin = skin + np.clip(rng.normal(0, 5), -8, 8) * np.array(
        [1.0, 0.2, -0.6])
    lips = skin * (np.array([0.86, 0.54, 0.55])
                   + rng.uniform(-0.05, 0.05, 3))
    hairs = np.array([[28, 24, 24], [58, 40, 30], [96, 64, 42],
                      [164, 126, 78], [120, 56, 30], [150, 148, 146]])
    hair = hairs[rng.choice(6, p=[.32, .25, .16, .11, .07, .09])]
    irises = np.array([[62, 40, 26], [92, 62, 36], [74, 104, 128],
                       [86, 112, 76]])
    style = HAIR_STYLES[rng.choice(6, p=[.26, .18, .2, .16, .12, .08])]
    beard = rng.uniform(0, 1)
    return Looks(
        skin=tuple(skin), lips=tuple(lips),
        hair=tuple(hair * rng.uniform(0.85, 1.15)),
        iris=tuple(irises[rng.choice(4, p=[.45, .25, .18, .12])]),
        clothes=tuple(np.clip(
            rng.uniform(30, 200) + rng.normal(0, 30, 3), 15, 225)), hair_style=style,
        beard=0.0 if style == 'long' or beard < 0.6 else beard,
        freckles=float(max(0.0, rng.uniform(-1.2, 1.0))),
        wrinkles=float(rng.uniform(0.35, 1.0)),
        brow_density=float(rng.uniform(0.5, 0.95)),
        pores=float(rng.uniform(0.6, 1.3)), seed=int(rng.integers(2**31)))
