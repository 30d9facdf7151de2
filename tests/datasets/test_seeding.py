# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is drawn in the context depends on its numbers alone."""
import random

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmfer.datasets import seeding  # noqa: E402
from mmfer.datasets.seeding import seeded  # noqa: E402


@pytest.fixture(params=[True, False], autouse=True)
def exchange(request, monkeypatch):
    """Both ways to keep numpy's generator, where there are two."""
    if request.param and not seeding._CAN_EXCHANGE:
        pytest.skip('numpy cannot exchange its generator')
    monkeypatch.setattr(seeding, '_CAN_EXCHANGE', request.param)


def draw():
    return (random.random(), np.random.rand(), np.random.randint(1 << 30),
            float(np.random.normal()), float(torch.rand(())))


def restart(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def test_what_is_drawn_is_that_of_the_numbers():
    words = np.random.SeedSequence((4, 2, 17)).generate_state(4)
    for seed in range(3):
        restart(seed)
        with seeded(4, 2, 17):
            found = [draw() for _ in range(3)]
        random.seed(int(words[0]))
        np.random.seed(words[1:3])
        torch.manual_seed(int(words[3]))
        assert found == [draw() for _ in range(3)]
    with seeded(4, 2, 18):
        assert draw() != found[0]


@pytest.mark.parametrize('fails', [False, True])
def test_afterwards_everything_goes_on(fails):
    restart(5)
    expected = [(random.random(), np.random.rand(), float(torch.rand(())))
                for _ in range(20)]
    restart(5)
    found = []
    for number in range(20):
        found.append((random.random(), np.random.rand(),
                      float(torch.rand(()))))
        try:
            with seeded(number):
                draw()
                if fails:
                    raise KeyError
        except KeyError:
            assert fails
    assert found == expected


def test_contexts_within_contexts():
    with seeded(1):
        alone = np.random.rand(3).tolist()
    with seeded(1):
        found = [np.random.rand()]
        with seeded(2):
            draw()
            with seeded(3):
                draw()
            with seeded(1):
                assert np.random.rand(3).tolist() == alone
            draw()
        found += np.random.rand(2).tolist()
    assert found == alone
