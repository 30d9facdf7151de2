# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Two processes take the step that one takes with the joint batch."""
import copy
import os

import pytest
import torch

pytest.importorskip('mmaction')

from mmengine.logging import MessageHub  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from torch import distributed  # noqa: E402
from torch import multiprocessing as mp  # noqa: E402

from mmfer.engine import MinMinDistributedDataParallel  # noqa: E402
from mmfer.testing.identity_aware import (part_of,  # noqa: E402
                                          random_batch, small_recognizer)

PROCESSES, CLIPS, STEPS = 2, 8, 3
OPTIMISER = dict(
    constructor='mmfer.MinMinOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
    # Adam would blow differences in rounding up.
    estimator=dict(optimizer=dict(type='SGD', lr=0.1)))
# Penalty, decoder, memory.
CASES = [('dcor', False, 0), ('dcor', True, 0), ('dcor', False, 24),
         ('hsic', False, 0), ('vclub', False, 0), ('mine', False, 0),
         (None, False, 0)]


def _train(penalty, decoder, memory, wrap, chosen):
    model = small_recognizer(penalty, decoder, memory=memory)
    optimiser = build_optim_wrapper(model, copy.deepcopy(OPTIMISER))
    run = wrap(model)
    for step in range(STEPS):
        batch = random_batch(PROCESSES * CLIPS, decoder, seed=step)
        run.train_step(part_of(batch, chosen), optimiser)
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def _process(rank, port, folder):
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(PROCESSES), LOCAL_RANK=str(rank),
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group('gloo')
    chosen = slice(rank * CLIPS, (rank + 1) * CLIPS)
    with DefaultScope.overwrite_default_scope('mmaction'):
        states = [
            _train(*case, MinMinDistributedDataParallel, chosen)
            for case in CASES
        ]
    torch.save(states, os.path.join(folder, f'{rank}.pth'))
    distributed.destroy_process_group()


@pytest.fixture(scope='module')
def states(tmp_path_factory):
    """The weights of each case on both ranks, and of one joint process."""
    import socket
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp('ddp')
    mp.spawn(_process, (port, str(folder)), nprocs=PROCESSES)
    # A training in this process would have left its epoch in the last one,
    # by which the penalty grows at first.
    MessageHub.get_instance('joint')
    with DefaultScope.overwrite_default_scope('mmaction'):
        joint = [
            _train(*case, lambda model: model, slice(None)) for case in CASES
        ]
    ranks = [torch.load(folder / f'{r}.pth', weights_only=True)
             for r in range(PROCESSES)]
    return dict(zip(CASES, zip(*ranks, joint)))


@pytest.mark.parametrize('case', CASES, ids=str)
def test_both_ranks_hold_the_same_parameters(case, states):
    first, second, _ = states[case]
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize('case', CASES, ids=str)
def test_they_hold_what_one_process_holds_after_the_joint_batch(case, states):
    first, _, joint = states[case]
    for name in first:
        assert torch.allclose(first[name], joint[name], atol=2e-5), name
