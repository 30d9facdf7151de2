# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""List the clips of a dump that were taken for something else.

The surest mistakes come first. With --sheet the worst are drawn: picture,
residual, motion and scores.
"""
import argparse
import sys
from pathlib import Path

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  python tools/analysis/failures.py results.pkl --config CONFIG
  python tools/analysis/failures.py results.pkl --config CONFIG \\
      --out failures.csv --sheet failures.png --worst 12
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dump', help='file of test.py --dump')
    names = parser.add_mutually_exclusive_group()
    names.add_argument('--classes', nargs='+', help='names of the classes')
    names.add_argument(
        '--config', help='take the names from the test data of this config')
    parser.add_argument(
        '--top', type=whole_number(), metavar='N', help='list this many (all)')
    parser.add_argument(
        '--out', metavar='FILE',
        help='write the list here, .csv or .md, instead of printing it')
    parser.add_argument(
        '--sheet', metavar='FILE', help='draw the worst: .png, .pdf or .svg')
    parser.add_argument(
        '--worst', type=whole_number(1), default=12, metavar='N',
        help='how many are drawn (12)')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    if args.out and Path(args.out).suffix not in ('.csv', '.md'):
        sys.exit(f'error: {args.out}: use a name in .csv or .md')
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmfer.atomic import write_text
    from mmfer.evaluation.dumps import read_predictions
    from mmfer.visualization.class_names import class_names
    from mmfer.visualization.failures import (draw_failures, failures_csv,
                                              failures_markdown,
                                              find_failures)
    from mmfer.visualization.figures import save_figure
    try:
        predictions = read_predictions(args.dump)
        classes = class_names(predictions, args.classes, args.config)
        failures = find_failures(predictions)
        listed = failures[:args.top]
        as_csv = args.out and args.out.endswith('.csv')
        text = (failures_csv if as_csv else failures_markdown)(listed, classes)
        if args.out:
            write_text(args.out, text)
        else:
            print(text, end='')
        if args.sheet and failures:
            worst = failures[:args.worst]
            save_figure(
                draw_failures(worst, classes, title=(
                    f'{len(worst)} of {len(failures)} failures, surest '
                    'first')), args.sheet)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')
    total = len(predictions.labels)
    print(f'{len(failures)} of {total} clips were taken for something else',
          file=sys.stderr)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
