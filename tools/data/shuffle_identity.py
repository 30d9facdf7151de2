# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Give the clips of a training each other's identities: a control.

A penalty that removes the person from a feature has nothing to remove if the
person is the wrong one. Train once more with the file that this makes: what
the penalty still costs or removes then has nothing to do with identity.
"""
import argparse
import sys

from mmfer.command_line import whole_number

EXAMPLES = """example:
  python tools/data/shuffle_identity.py data/faces/annotations.json \\
      data/faces/identity.npz data/faces/identity_shuffled.npz --seed 0
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', help='annotation file, JSON or CSV')
    parser.add_argument('identity', help='identity file of these clips, .npz')
    parser.add_argument('out', help='file to write, .npz')
    parser.add_argument(
        '--split', default='train',
        help='whose clips are shuffled; all others keep their own '
        '(default: train)')
    parser.add_argument('--seed', type=whole_number(), default=0)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from mmfer.datasets import IdentityEmbeddings
    from mmfer.datasets.annotations import read_annotations
    try:
        _, clips = read_annotations(args.annotations)
        identities = IdentityEmbeddings.load(args.identity)
        # A clip that could not be read has no identity.
        paths = list(dict.fromkeys(
            clip['path'] for clip in clips
            if clip.get('split') == args.split
            and clip['path'] in identities))
        if len(paths) < 2:
            raise ValueError(
                f'{args.annotations}: {len(paths)} clips of the split '
                f'{args.split!r} are in {args.identity}, two are needed')
        identities.shuffled(paths, args.seed).save(args.out)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: {len(paths)} of {len(identities)} clips have the '
          'identities of others')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
