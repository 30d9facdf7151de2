# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Make a data set of synthetic facial expressions, or look at one."""
import argparse
import json
import sys

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  # 504 clips for a first training, MPEG-4 with a GOP of 12
  python tools/data/make_synthetic.py data/faces --preset small --workers 2

  # the same pictures in two codings, side by side
  python tools/data/make_synthetic.py data/faces --workers 2 \\
      --coding mpeg4-gop12='{"codec": "mpeg4", "gop": 12}' \\
      --coding h264-stock='{"codec": "h264", "profile": "stock"}'

  # look at three persons without writing clips
  python tools/data/make_synthetic.py --contact-sheet faces.png --subjects 3
"""


def parse_args(argv=None):
    from mmfer.synthetic import CLASSES, PRESETS
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', nargs='?', help='folder to write to')
    parser.add_argument('--preset', choices=sorted(PRESETS),
                        default='standard',
                        help='sizes; the options below override them '
                        '(default: standard)')
    parser.add_argument('--subjects', type=int, help='number of persons')
    parser.add_argument('--takes', type=int,
                        help='clips of every person and class')
    parser.add_argument('--classes', nargs='+', choices=CLASSES)
    parser.add_argument('--frames', type=int, help='pictures per clip')
    parser.add_argument('--size', type=int, help='height and width, pixels')
    parser.add_argument('--fps', type=int, help='pictures per second')
    parser.add_argument('--shares', type=float, nargs=3,
                        metavar=('TRAIN', 'VAL', 'TEST'),
                        help='proportions of persons in the splits')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--codec', default='mpeg4',
                        help='mpeg4, mpeg2video or h264 (default: mpeg4)')
    parser.add_argument('--gop', type=whole_number(), default=12,
                        help='pictures per group, 0: the whole clip '
                        '(default: 12)')
    parser.add_argument('--coding', action='append', metavar='NAME=JSON',
                        help='write one folder per coding; JSON holds the '
                        'arguments of mmfer.codec.transcode; repeatable')
    parser.add_argument('--workers', type=whole_number(), default=1)
    parser.add_argument('--quiet', action='store_true')
    parser.add_argument('--contact-sheet', metavar='PNG',
                        help='write a picture of the first persons instead '
                        'of clips if no root is given, else as well')
    args = parser.parse_args(argv)
    if not args.root and not args.contact_sheet:
        parser.error('give a folder to write to, or --contact-sheet')
    return args


def read_codings(texts):
    """Codings from `NAME=JSON` arguments.

    Args:
        texts (list[str] or None): Arguments.

    Returns:
        dict[str, dict] or None: Name to arguments of `transcode`.
    """
    if not texts:
        return None
    codings = {}
    for text in texts:
        name, _, value = text.partition('=')
        try:
            codings[name] = json.loads(value)
        except ValueError:
            sys.exit(f'--coding {text}: expected NAME=JSON, e.g. '
                     'a=\'{"codec": "mpeg4", "gop": 12}\'')
    return codings


def write_contact_sheet(file, seed, options):
    """Write pictures of the first persons.

    Args:
        file (str): A picture file.
        seed (int): Seed of everything.
        options (dict): Arguments of `make_dataset`.

    Raises:
        ValueError: If the suffix is that of no kind of picture, or an
            argument is out of range.
    """
    import cv2

    from mmfer.atomic import replacing
    from mmfer.synthetic import SyntheticFaces
    from mmfer.synthetic.contact_sheet import sheet_of_clips
    if not cv2.haveImageWriter(file):
        raise ValueError(f'{file}: ends like no kind of picture; name it '
                         '.png or .jpg')
    shown = {k: options[k] for k in ('frames', 'size', 'fps')
             if k in options}
    SyntheticFaces(options['num_subjects'], seed=seed, **shown)
    page = sheet_of_clips(range(min(options['num_subjects'], 3)), seed=seed,
                          **shown)
    with replacing(file) as partial:
        if not cv2.imwrite(str(partial), page[..., ::-1]):
            raise OSError(f'{file}: could not be written')


def main(argv=None):
    args = parse_args(argv)
    from mmfer.synthetic import PRESETS, make_dataset
    from mmfer.worker_processes import WorkersFailed
    options = dict(PRESETS[args.preset])
    for name, value in (('num_subjects', args.subjects),
                        ('takes', args.takes), ('classes', args.classes),
                        ('frames', args.frames), ('size', args.size),
                        ('fps', args.fps), ('shares', args.shares)):
        if value is not None:
            options[name] = value
    try:
        if args.contact_sheet:
            write_contact_sheet(args.contact_sheet, args.seed, options)
        if args.root:
            written = make_dataset(
                args.root, seed=args.seed, codec=args.codec,
                gop=args.gop or None, codings=read_codings(args.coding),
                workers=args.workers, progress=not args.quiet, **options)
            for path in written:
                print(path)
    except (OSError, ValueError, WorkersFailed) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
