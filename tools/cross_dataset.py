# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Test a trained model on other data sets, by class name.

The model chooses among the classes that both sets have; clips of other
classes are left out. The shared classes are printed.
"""
import argparse
import sys
from pathlib import Path

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  # all clips of two other data sets
  python tools/cross_dataset.py configs/residual/CONFIG.py work/epoch_50.pth \\
      data/crema-d/annotations.json data/ravdess/annotations.json

  # the official test split alone, on a GPU, written to a folder
  python tools/cross_dataset.py CONFIG CHECKPOINT \\
      data/ferv39k/annotations.json --split test --device cuda --out work/cross
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('targets', nargs='+',
                        help='annotation files of other data sets')
    part = parser.add_mutually_exclusive_group()
    part.add_argument('--split', help='split of the targets (default: all '
                      'clips)')
    part.add_argument('--fold', type=int, help='fold of the targets')
    parser.add_argument('--device', default='cpu',
                        help='where the model runs (default: cpu)')
    parser.add_argument('--out', type=Path,
                        help='folder for cross_dataset.md and .json')
    parser.add_argument('--bootstrap', type=whole_number(), default=1000,
                        help='samples for 95 %% intervals, 0 for none '
                        '(default: 1000)')
    parser.add_argument('--quiet', action='store_true', help='no progress')
    from mmengine.config import DictAction
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        metavar='KEY=VALUE', help='changes of the config')
    return parser.parse_args(argv)


def main(argv=None):
    import mmfer  # noqa: F401, repairs the stack before it is imported
    args = parse_args(argv)
    from mmengine.config import Config

    from mmfer.atomic import write_json, write_text
    from mmfer.datasets import AnnotationError
    from mmfer.engine.cross_dataset import (CrossDatasetError, Source,
                                            evaluate_on, format_cross)
    try:
        cfg = Config.fromfile(args.config)
        if args.cfg_options:
            cfg.merge_from_dict(args.cfg_options)
        source = Source(cfg, args.checkpoint, args.device)
        results = [evaluate_on(source, target, args.split, args.fold,
                               args.bootstrap, not args.quiet)
                   for target in args.targets]
    except (AnnotationError, CrossDatasetError, OSError) as error:
        sys.exit(f'error: {error}')
    text = format_cross(results)
    print('\n' + text)
    if args.out:
        write_text(args.out / 'cross_dataset.md', text)
        write_json(
            args.out / 'cross_dataset.json',
            dict(config=args.config, checkpoint=args.checkpoint,
                 results=results), ensure_ascii=False)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
