# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw the confusion matrix of dumped test results.

Cells are shares of the true class, with counts. Several dumps (folds, seeds)
are summed up.
"""
import argparse
import sys
from pathlib import Path

EXAMPLES = """examples:
  python tools/test.py CONFIG CHECKPOINT --dump results.pkl
  python tools/analysis/confusion_matrix.py results.pkl --config CONFIG
  python tools/analysis/confusion_matrix.py fold*.pkl \\
      --classes happy sad neutral --out confusion.pdf
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dumps', nargs='+', help='files of test.py --dump')
    names = parser.add_mutually_exclusive_group()
    names.add_argument('--classes', nargs='+', help='names of the classes')
    names.add_argument(
        '--config', help='take the names from the test data of this config')
    parser.add_argument('--title', default='')
    parser.add_argument(
        '--out', default='confusion_matrix.png', metavar='FILE',
        help='.png, .pdf or .svg (confusion_matrix.png)')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmfer.evaluation import confusion_matrix, format_confusion
    from mmfer.evaluation.dumps import read_predictions
    from mmfer.visualization.class_names import class_names
    from mmfer.visualization.confusion import draw_confusion
    from mmfer.visualization.figures import save_figure
    try:
        total, classes = 0, None
        for dump in args.dumps:
            one = read_predictions(dump)
            classes = class_names(one, args.classes, args.config, classes)
            total = total + confusion_matrix(
                one.labels, one.scores.argmax(axis=1), len(classes))
        title = args.title or ', '.join(Path(d).stem for d in args.dumps[:3])
        save_figure(draw_confusion(total, classes, title), args.out)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')
    print(format_confusion(total, classes))
    print(args.out)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
