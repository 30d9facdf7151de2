# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Print WAR, UAR and the confusion matrix of dumped test results.

    python tools/test.py CONFIG CHECKPOINT --dump results.pkl
    python tools/analysis_tools/eval_dump.py results.pkl --config CONFIG

Several dumps (folds or seeds) give mean, standard deviation and the summed
confusion matrix.
"""
import argparse
import sys

from mmfer.command_line import whole_number


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('dumps', nargs='+', help='files of test.py --dump')
    names = parser.add_mutually_exclusive_group()
    names.add_argument('--classes', nargs='+', help='names of the classes')
    names.add_argument(
        '--config', help='take the names from the test data of this config')
    parser.add_argument(
        '--bootstrap', type=whole_number(), default=1000,
        help='samples for the 95 %% interval of UAR, 0 for none')
    return parser.parse_args()


def main():
    args = parse_args()
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmfer.evaluation import evaluate_dumps, format_report
    classes = args.classes
    try:
        if args.config:
            classes = class_names(args.config)
        report = evaluate_dumps(args.dumps, classes, args.bootstrap)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(format_report(args.dumps, report, classes))
    return 0


def class_names(path):
    """Names of the classes of the test data of a config."""
    from mmengine.config import Config
    from mmengine.registry import DATASETS, init_default_scope
    init_default_scope('mmaction')
    config = Config.fromfile(path)
    return DATASETS.build(config.test_dataloader.dataset).metainfo['classes']


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
