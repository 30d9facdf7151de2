# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Make one data set of several: more persons to learn from.

Writes an annotation file that points to the clips where they are. Splits and
folds are kept, except for data sets that only serve to train.
"""
import argparse
import sys

EXAMPLES = """example:
  # 50 persons and 60 more to train with, tested on those of the first set
  python tools/data/merge.py data/merged/annotations.json \\
      first=data/faces/annotations.json more=data/others/annotations.json \\
      --train-only more
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', help='new annotation file, .json')
    parser.add_argument(
        'sources', nargs='+', metavar='NAME=FILE',
        help='annotation files with a name for each, which becomes part of '
        "its persons' names")
    parser.add_argument(
        '--train-only', nargs='+', default=[], metavar='NAME',
        help='put all clips of these into the split train')
    args = parser.parse_args(argv)
    named = [source.partition('=') for source in args.sources]
    if not all(name and path for name, _, path in named) or \
            len({name for name, _, _ in named}) < len(named):
        parser.error('each annotation file needs a name of its own: '
                     'NAME=FILE')
    args.sources = {name: path for name, _, path in named}
    return args


def main(argv=None):
    args = parse_args(argv)
    from mmfer.datasets.merging import merge_annotations
    try:
        counts = merge_annotations(args.sources, args.out, args.train_only)
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: {sum(counts.values())} clips, ' + ', '.join(
        f'{split} {count}' for split, count in sorted(counts.items())))


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
