# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Make labelled, cropped, compressed clips of a release or of own videos.

Writes clips/, annotations.json, and how they were made. An interrupted run is
continued by the same command. Exit code 0: done; 1: the data have to be put
right first, see the message; 2: wrong options; 130: interrupted."""
import argparse
import json
import os
import sys

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  # an official release; the names are listed by --list
  python tools/data/prepare.py ravdess --root /data/RAVDESS --out data/ravdess

  # own videos: one folder per class, the person is in the file name
  python tools/data/prepare.py custom --root videos --out data/mine \\
      --subject-regex '(s[0-9]+)_' --split 0.7 0.1 0.2

  # a table instead: path,label and as far as known subject,split,fold,apex
  python tools/data/prepare.py custom --root table.csv --out data/mine --folds 5

  # H.264 as x264 codes by default. In the measurements of docs/results.md it
  # tells expressions far better apart than MPEG-4 (motion is searched finer),
  # and it costs more to read
  python tools/data/prepare.py custom --root videos --out data/mine-h264 \\
      --codec h264 --profile stock
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', nargs='?',
                        help='name of a data set, or "custom"')
    parser.add_argument('--list', action='store_true',
                        help='name the data sets, their protocols and how to '
                        'obtain them')
    parser.add_argument('--root', help='folder of the release; for "custom" '
                        'a folder of class folders, a .zip or a .csv file')
    parser.add_argument('--out', help='folder to write to')
    parser.add_argument('--workers', type=whole_number(), default=_cores(),
                        help='processes; 0 works in this one (default: the '
                        f'number of cores, {_cores()})')
    parser.add_argument('--retry', action='store_true',
                        help='try clips again that were kept out')
    parser.add_argument('--quiet', action='store_true', help='no progress')

    group = parser.add_argument_group('official releases')
    group.add_argument('--protocol', help='default: the usual one')
    group.add_argument('--source', help='which kind of clips of the release '
                       '(default: the best one that is there)')
    group.add_argument('--variant', action='append', default=[],
                       metavar='NAME=VALUE', help='another choice of the '
                       'data set; repeatable')

    group = parser.add_argument_group('own data (custom)')
    group.add_argument('--csv', help='table of clips; --root is then the '
                       'folder of its paths')
    group.add_argument('--name-of-set', default='', metavar='NAME',
                       help='default: the name of the folder')
    group.add_argument('--class-names', nargs='+', default=[],
                       metavar='FOLDER=NAME', help='class names of folders '
                       'named otherwise, such as 0=happy')
    group.add_argument('--subject-regex', metavar='REGEX',
                       help='finds the person in the path of a clip: its '
                       'group "subject", or its first group')
    group.add_argument('--split', nargs='+', type=float, default=[],
                       metavar='SHARE', help='shares of persons in train, val '
                       'and test, such as 0.7 0.1 0.2; or in train and test')
    group.add_argument('--folds', type=whole_number(), default=0,
                       help='divide persons among so many folds instead')
    group.add_argument('--seed', type=int, default=0, help='order of clips '
                       'whose persons are unknown (0)')
    group.add_argument('--frame-rate', type=float,
                       help='pictures a second in folders of pictures')

    group = parser.add_argument_group('face')
    group.add_argument('--crop', choices=('clip', 'frame', 'none'),
                       help='clip: one fixed box per clip, the union of the '
                       'faces found and a margin; frame: the box follows the '
                       'face, which adds motion that is not the face\'s; '
                       'none: whole pictures (default: clip; none for '
                       'releases that are cropped already)')
    group.add_argument('--margin', type=float, default=.3,
                       help='side of the box beyond the union (0.3)')
    group.add_argument('--detector', default='haar',
                       help='haar (comes with OpenCV), haar:FILE.xml, '
                       'yunet:FILE.onnx, or python:MODULE:NAME for a '
                       'function: picture to (N, 4) boxes (default: haar)')
    group.add_argument('--samples', type=whole_number(1), default=12,
                       help='pictures per clip searched for faces, at least '
                       '(12)')
    group.add_argument('--no-face', choices=('skip', 'frame', 'centre'),
                       default='skip', help='clips without a face: keep out, '
                       'take whole pictures, or the square in the middle '
                       '(default: skip)')
    group.add_argument('--keep-short', action='store_true',
                       help='keep clips with fewer than two predicted '
                       'pictures')
    group.add_argument('--frame-order', default='natural',
                       choices=('natural', 'lexicographic'),
                       help='order of numbered pictures; lexicographic (1, '
                       '10, 11, 2) repeats a mistake of published '
                       'checkpoints, to evaluate those')
    group.add_argument('--digest', action='store_true',
                       help='note the SHA-256 of every source')

    group = parser.add_argument_group(
        'coding', 'see mmfer.codec.transcode and docs/codec.md')
    group.add_argument('--codec', default='mpeg4',
                       choices=('mpeg4', 'mpeg2video', 'h264'),
                       help='mpeg4 is the cheapest to read, h264 tells '
                       'expressions better apart (default: mpeg4)')
    group.add_argument('--profile', default='residual',
                       choices=('residual', 'stock'), help='residual: no B '
                       'pictures, one reference; stock: the defaults of the '
                       'encoder, without --gop and --crf (default: residual)')
    group.add_argument('--gop', type=whole_number(), default=12, help='pictures from a '
                       'key picture to the next, 0: one group (12)')
    group.add_argument('--qscale', type=int, default=3,
                       help='quantiser of mpeg4 and mpeg2video, 1..31 (3)')
    group.add_argument('--crf', type=int, default=18,
                       help='quality of h264, 0..51 (18)')
    group.add_argument('--size', type=int, nargs='+', default=[224],
                       metavar='PIXELS', help='width and height, or both in '
                       'one, multiples of 16; 0: that of the source (224)')
    group.add_argument('--fps', type=float, help='drop or repeat pictures '
                       'such that there are so many a second')
    group.add_argument('--option', action='append', default=[],
                       metavar='NAME=VALUE',
                       help='another option of the encoder; repeatable')
    group.add_argument('--suffix', default='.mp4',
                       help='container of the clips (.mp4)')
    args = parser.parse_args(argv)
    if args.list:
        return args
    if not (args.name and args.root and args.out):
        parser.error('give the name of a data set (or "custom"), --root and '
                     '--out')
    if len(args.size) > 2:
        parser.error('--size takes one or two numbers')
    for option in ('variant', 'option', 'class_names'):
        setattr(args, option, _pairs(parser, option, getattr(args, option)))
    return args


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _pairs(parser, option, texts):
    wrong = [text for text in texts if '=' not in text]
    if wrong:
        parser.error(f'--{option.replace("_", "-")} {wrong[0]}: expected '
                     'NAME=VALUE')
    return dict(text.split('=', 1) for text in texts)


def _settings(args):
    from mmfer.datasets.preparation import Settings
    encoding = dict(codec=args.codec, profile=args.profile,
                    gop=args.gop or None, size=None)
    encoding.update(dict(crf=args.crf) if args.codec == 'h264'
                    else dict(qscale=args.qscale))
    if any(args.size):
        encoding['size'] = args.size if len(args.size) == 2 else args.size * 2
    if args.fps:
        encoding['fps'] = args.fps
    if args.option:
        encoding['options'] = args.option
    return Settings(
        margin=args.margin, detector=args.detector, samples=args.samples,
        no_face=args.no_face, keep_short=args.keep_short,
        frame_order=args.frame_order, digest=args.digest,
        suffix=args.suffix, encoding=encoding)


def _print_list():
    from mmfer.datasets.adapters import get_adapter, list_adapters
    for name in list_adapters():
        adapter = get_adapter(name)
        print(f'{name}: {adapter.title}. {adapter.access}')
        for protocol, facts in adapter.protocols.items():
            print(f'    --protocol {protocol}: {facts.description}')
        for source, place in adapter.places.items():
            print(f'    --source {source}: crop {place.crop}. {place.note}')
        for variant, values in adapter.variants.items():
            print(f'    --variant {variant}=VALUE: '
                  f'{", ".join(map(str, values)) or "anything"}')
    print('custom: videos, folders of pictures or zip archives of your own')


def _tell(findings):
    for finding in findings:
        print(finding.to_text(), file=sys.stderr)


def main(argv=None):
    args = parse_args(argv)
    from mmfer.datasets.preparation.commands import (
        USER_ERRORS, prepare_custom, prepare_release)
    if args.list:
        _print_list()
        return
    told = []

    def tell(findings):
        told.extend(findings)
        _tell(findings)

    try:
        common = dict(settings=_settings(args), crop=args.crop, tell=tell,
                      workers=args.workers, retry=args.retry,
                      progress=not args.quiet)
        if args.name == 'custom':
            outcome = prepare_custom(
                args.root, args.out, csv=args.csv, name=args.name_of_set,
                class_names=args.class_names, split=args.split,
                subject_regex=args.subject_regex, folds=args.folds,
                seed=args.seed, frame_rate=args.frame_rate, **common)
        else:
            outcome = prepare_release(
                args.name, args.root, args.out, protocol=args.protocol,
                source=args.source, variant=args.variant, **common)
    except (*USER_ERRORS, OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    except KeyboardInterrupt:
        print('interrupted; the same command continues', file=sys.stderr)
        sys.exit(130)
    _tell(f for f in outcome.findings if f not in told)
    each = outcome.seconds / outcome.made if outcome.made else 0
    print(f'{outcome.annotations}: {outcome.done} clips, '
          f'{outcome.skipped} kept out '
          f'{json.dumps(outcome.reasons) if outcome.reasons else ""}'.rstrip()
          + f'; {outcome.made} made now, {each:.2f} s each')
    print(f'next: python tools/data/doctor.py {outcome.annotations}')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
