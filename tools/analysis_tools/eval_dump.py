# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Print WAR, UAR and the confusion matrix of dumped test results.

    python tools/test.py CONFIG CHECKPOINT --dump results.pkl
    python tools/analysis_tools/eval_dump.py results.pkl --config CONFIG

Several dumps (folds or seeds) give mean, standard deviation and the summed
confusion matrix.
"""
import argparse


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('dumps', nargs='+', help='files of test.py --dump')
    names = parser.add_mutually_exclusive_group()
    names.add_argument('--classes', nargs='+', help='names of the classes')
    names.add_argument(
        '--config', help='take the names from the test data of this config')
    parser.add_argument(
        '--bootstrap', type=int, default=1000,
        help='samples for the 95 %% interval of UAR, 0 for none')
    return parser.parse_args()


def main():
    args = parse_args()
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmfer.evaluation import evaluate_dumps, format_report
    classes = args.classes
    if args.config:
        from mmengine.config import Config
        from mmengine.registry import DATASETS, init_default_scope
        init_default_scope('mmaction')
        config = Config.fromfile(args.config)
        dataset = DATASETS.build(config.test_dataloader.dataset)
        classes = dataset.metainfo['classes']
    report = evaluate_dumps(args.dumps, classes, args.bootstrap)
    print(format_report(args.dumps, report, classes))


if __name__ == '__main__':
    main()
