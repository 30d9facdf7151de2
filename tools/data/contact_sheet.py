# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw one page that shows a data set: frame, residual and motion per class."""
import argparse
import sys

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  python tools/data/contact_sheet.py data/mine/annotations.json --out sheet.png
  python tools/data/contact_sheet.py data/mine/annotations.json --out sheet.pdf \\
      --split test --per-class 4 --mode single
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', help='annotation file')
    parser.add_argument('--out', default='contact_sheet.png',
                        help='.png, .pdf or .svg, replaced if it exists '
                        '(contact_sheet.png)')
    parser.add_argument('--folder', help='folder of the clips (default: that '
                        'of the annotation file)')
    parser.add_argument('--split', help='show clips of this split only')
    parser.add_argument('--per-class', type=whole_number(1), default=3,
                        help='clips of each class (3)')
    parser.add_argument('--mode', choices=('chained', 'single'),
                        default='chained', help='residual and motion summed '
                        'up over a window, or those of one packet (chained)')
    parser.add_argument('--window', type=whole_number(1), default=12,
                        help='pictures that are summed up (12)')
    parser.add_argument('--seed', type=int, default=0, help='which clips (0)')
    parser.add_argument('--dpi', type=whole_number(1), default=150)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from mmfer.visualization.contact_sheet import draw_contact_sheet
    try:
        print(draw_contact_sheet(
            args.annotations, args.out, args.folder, args.split,
            args.per_class, args.mode, args.window, args.seed, dpi=args.dpi))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
