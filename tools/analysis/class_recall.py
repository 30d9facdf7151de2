# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Compare the recall of every class between dumped test results.

Draws a bar per class and model with 95 % bootstrap intervals, and prints the
differences to the baseline with intervals of their own: models that saw the
same clips share the draws, so these are narrower than the bars suggest. All
dumps have to be of the same clips.
"""
import argparse
import sys
from pathlib import Path

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  python tools/analysis/class_recall.py results.pkl --baseline rgb.pkl \\
      --config CONFIG
  python tools/analysis/class_recall.py a=a.pkl b=b.pkl --out recall.pdf
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'dumps', nargs='+', metavar='[NAME=]DUMP',
        help='files of test.py --dump')
    parser.add_argument(
        '--baseline', metavar='[NAME=]DUMP',
        help='what the others are compared with')
    names = parser.add_mutually_exclusive_group()
    names.add_argument('--classes', nargs='+', help='names of the classes')
    names.add_argument(
        '--config', help='take the names from the test data of this config')
    parser.add_argument(
        '--over', choices=('clips', 'persons'),
        help='what is drawn again (persons, where the dump knows them)')
    parser.add_argument(
        '--bootstrap', type=whole_number(), default=1000, metavar='N',
        help='draws for the intervals; 0, none (1000)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--title', default='')
    parser.add_argument(
        '--out', default='class_recall.png', metavar='FILE',
        help='.png, .pdf or .svg (class_recall.png)')
    return parser.parse_args(argv)


def read_all(arguments):
    """Read dumps and bring their clips into one order.

    Returns:
        dict[str, Predictions]: By name.

    Raises:
        ValueError: They are not of the same clips and truths.
    """
    from mmfer.evaluation.dumps import read_predictions
    read = {}
    for argument in arguments:
        name, equals, path = argument.partition('=')
        if not equals or Path(argument).exists():
            name, path = Path(argument).stem, argument
        if name in read:
            raise ValueError(f'two dumps are called {name!r}: write '
                             f'NAME={path}')
        read[name] = read_predictions(path)
    first = next(iter(read.values()))
    for name, one in read.items():
        if (one.clips, one.labels) != (first.clips, first.labels):
            raise ValueError(
                f'{name}: not the same clips with the same labels in the same '
                'order as in the first dump; test both models with the same '
                'data')
    return read


def table(compared, names, classes):
    """Write recalls, or differences to the baseline, as Markdown."""
    head = [*names[:1], *(f'{name} − {names[0]}' for name in names[1:])]
    lines = ['| recall | ' + ' | '.join(head) + ' |',
             '|---|' + '--:|' * len(head)]
    for place, word in enumerate([*classes, 'UAR']):
        cells = [_cell('.3f', compared['recall'][0, place],
                       *compared['interval'][0, place])]
        cells += [_cell('+.3f', *row)
                  for row in compared['difference'][1:, place]]
        lines.append(f'| {word} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _cell(form, value, low, high):
    """A number with its interval, of which there is none without draws."""
    text = format(value, form)
    if low != low:
        return text
    return f'{text} [{format(low, form)}, {format(high, form)}]'


def main(argv=None):
    args = parse_args(argv)
    import numpy as np

    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmfer.visualization.class_names import class_names
    from mmfer.visualization.confusion import (compare_recall,
                                               draw_class_recall)
    from mmfer.visualization.figures import save_figure
    try:
        read = read_all(([args.baseline] if args.baseline else []) +
                        args.dumps)
        first = next(iter(read.values()))
        classes = class_names(first, args.classes, args.config)
        for one in read.values():
            class_names(one, known=classes)
        persons = None not in first.subjects and args.over != 'clips'
        if args.over == 'persons' and not persons:
            raise ValueError('the dump does not name the persons: put '
                             "'subject' into `meta_keys` of the pipeline")
        predictions = {name: one.scores.argmax(axis=1)
                       for name, one in read.items()}
        compared = compare_recall(
            first.labels, predictions, len(classes),
            list(map(str, first.subjects)) if persons else None,
            args.bootstrap, args.seed)
        figure = draw_class_recall(
            compared, list(read), classes,
            np.bincount(first.labels, minlength=len(classes)), args.title,
            'persons' if persons else 'clips')
        save_figure(figure, args.out)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')
    print(table(compared, list(read), classes))
    print(args.out)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
