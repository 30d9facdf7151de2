# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Randomness that depends on what is done and not on who does it when."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch

# To copy the state of numpy's generator takes many times longer than to
# exchange the generator, which numpy can do from 1.24 on.
_CAN_EXCHANGE = hasattr(np.random, 'set_bit_generator')
_OURS = np.random.MT19937(0)


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Draw from generators that are started afresh, then go back.

    Within the context ``random``, ``numpy.random`` and torch's CPU generator
    are those of the given numbers; afterwards they go on as they were, except
    that ``numpy.random.normal``, which draws two deviates at once, may have
    forgotten the second one.

    Args:
        *entropy (int): Not negative, for example seed, epoch and index.

    Examples:
        >>> with seeded(0, 3, 17):
        ...     first = np.random.rand()
        >>> with seeded(0, 3, 17):
        ...     first == np.random.rand()
        True
    """
    words = np.random.SeedSequence(entropy).generate_state(4)
    python, generator = random.getstate(), torch.get_rng_state()
    try:
        random.seed(int(words[0]))
        torch.random.default_generator.manual_seed(int(words[3]))
        with _other_numpy():
            np.random.seed(words[1:3])
            yield
    finally:
        random.setstate(python)
        torch.set_rng_state(generator)


@contextmanager
def _other_numpy() -> Iterator[None]:
    """Keep the state of ``numpy.random`` from what happens within."""
    if not _CAN_EXCHANGE:
        state = np.random.get_state()
        try:
            yield
        finally:
            np.random.set_state(state)
        return
    global _OURS
    theirs, ours = np.random.get_bit_generator(), _OURS
    _OURS = np.random.MT19937(0) if ours is theirs else ours
    np.random.set_bit_generator(_OURS)
    try:
        yield
    finally:
        np.random.set_bit_generator(theirs)
