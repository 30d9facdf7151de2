# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Randomness that depends on what is done and not on who does it when."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Draw from generators that are started afresh, then go back.

    Within the context ``random``, ``numpy.random`` and torch's CPU generator
    are those of the given numbers; afterwards they are as they were.

    Args:
        *entropy (int): Not negative, for example seed, epoch and index.

    Examples:
        >>> with seeded(0, 3, 17):
        ...     first = np.random.rand()
        >>> with seeded(0, 3, 17):
        ...     first == np.random.rand()
        True
    """
    python, numpy = random.getstate(), np.random.get_state()
    generator = torch.get_rng_state()
    words = np.random.SeedSequence(entropy).generate_state(4)
    try:
        random.seed(int(words[0]))
        np.random.seed(words[1:3])
        torch.random.default_generator.manual_seed(int(words[3]))
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(generator)
