# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measure what a training step costs, config against config.

All configs take turns step by step on the same batch, so that whatever else
the machine does meets them alike. Reading data is not counted. Prints median
CPU time a step and its ratio to the first config.
"""
import argparse
import copy
import logging
import statistics
import sys
import time

EXAMPLES = """example:
  X=r10-quarter_1xb32-s8-24e_synthetic-faces
  python tools/benchmark/train_step.py configs/mifer/mifer-ce_$X.py \\
      configs/mifer/mifer-dcor_$X.py configs/mifer/mifer-vclub_$X.py
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG',
        help='the first one is what the others are compared with')
    parser.add_argument('--steps', type=int, default=30)
    parser.add_argument('--warm-up', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args(argv)


def prepare(path):
    """Build model, optimiser and one batch.

    Args:
        path (str): Config; its training data have to exist.

    Returns:
        Callable: Does one training step on a copy of the batch.
    """
    import torch
    from mmaction.registry import DATASETS, MODELS
    from mmengine.config import Config
    from mmengine.dataset import pseudo_collate
    from mmengine.optim import build_optim_wrapper
    cfg = Config.fromfile(path)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    count = min(cfg.train_dataloader.batch_size, len(dataset))
    batch = pseudo_collate([dataset[i] for i in range(count)])
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    optimiser = build_optim_wrapper(model, cfg.optim_wrapper)

    def step():
        data = copy.deepcopy(batch)
        start = time.process_time()
        model.train_step(data, optimiser)
        return time.process_time() - start

    return step


def main(argv=None):
    args = parse_args(argv)
    import mmfer  # noqa: F401, repairs the stack before it is imported
    import torch
    from measuring import quiet
    from mmengine.registry import init_default_scope
    torch.set_num_threads(args.threads)
    init_default_scope('mmaction')
    times = {path: [] for path in args.configs}
    with quiet(logging.INFO):
        try:
            steps = {path: prepare(path) for path in args.configs}
        except (OSError, ValueError) as error:
            sys.exit(f'error: {error}')
        for number in range(-args.warm_up, args.steps):
            for path, step in steps.items():
                spent = step()
                if number >= 0:
                    times[path].append(spent)
    first = statistics.median(times[args.configs[0]])
    print(f'| config | CPU ms a step, median of {args.steps} | ratio |')
    print('|---|---|---|')
    for path, values in times.items():
        median = statistics.median(values)
        print(f'| {path} | {1e3 * median:.1f} | {median / first:.3f} |')


if __name__ == '__main__':
    main()
