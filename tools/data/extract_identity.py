# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Store who every clip of a data set shows, for identity-aware training.

Reads the keyframes of the clips, nothing else, embeds them with a frozen face
network and writes one file for mmfer.LoadIdentity.
"""
import argparse
import sys
import time

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  # the face network that configs/face_recognition trains
  python tools/data/extract_identity.py data/synthetic_faces/annotations.json \\
      data/synthetic_faces/identity.npz --whiten 16 \\
      --encoder configs/face_recognition/arcface_iresnet18-quarter_1xb32-12e_synthetic-identities.py \\
      --checkpoint work_dirs/arcface_iresnet18-quarter_1xb32-12e_synthetic-identities/best_identity_EER_epoch_12.pth

  # a network in an ONNX file
  python tools/data/extract_identity.py data/mine/annotations.json \\
      data/mine/identity.npz --workers 4 \\
      --encoder-options type=mmfer.OnnxFace file=checkpoints/w600k_r50.onnx

A run that was ended goes on where it stopped. docs/identity.md tells more.
"""  # noqa: E501


def parse_args(argv=None):
    from mmengine.config import DictAction

    from mmfer.datasets.identity_file import WHICH
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', help='annotation file, JSON or CSV')
    parser.add_argument('out', help='file to write, .npz')
    parser.add_argument('--encoder', metavar='CONFIG',
                        help='config with `identity_encoder`, or one of face '
                        'recognition, whose backbone is taken')
    parser.add_argument('--checkpoint', help='weights of the encoder')
    parser.add_argument('--encoder-options', nargs='+', action=DictAction,
                        default={}, metavar='KEY=VALUE',
                        help='further settings of the encoder, e.g. '
                        'preprocess.crop=0.9')
    parser.add_argument('--which', choices=WHICH, default='first',
                        help='which keyframe of a clip (default: first)')
    parser.add_argument('--whiten', type=int, metavar='COMPONENTS',
                        help='also fit a whitening, on training clips only')
    parser.add_argument('--data-prefix', help='folder of the clips (default: '
                        'that of the annotation file)')
    parser.add_argument('--workers', type=whole_number(), default=0,
                        help='processes that read (default: 0, this one)')
    parser.add_argument('--device', default='cpu',
                        help='where the network runs (default: cpu)')
    parser.add_argument('--overwrite', action='store_true',
                        help='make an existing file anew')
    parser.add_argument('--quiet', action='store_true')
    args = parser.parse_args(argv)
    if not args.encoder and 'type' not in args.encoder_options:
        parser.error('give --encoder, or --encoder-options type=...')
    return args


def main(argv=None):
    args = parse_args(argv)
    from mmfer.engine.identity_extraction import (extract_identities,
                                                  read_encoder_config)
    from mmfer.models.identity import build_identity_encoder
    start = time.monotonic()
    try:
        encoder = build_identity_encoder(read_encoder_config(
            args.encoder, args.checkpoint, args.encoder_options))
        report = extract_identities(
            args.annotations, encoder.to(args.device), args.out,
            which=args.which, data_prefix=args.data_prefix,
            whiten=args.whiten, workers=args.workers,
            overwrite=args.overwrite, progress=not args.quiet)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'error: {text}')
    for path, reason in report.unreadable.items():
        print(f'not read: {path}: {reason}', file=sys.stderr)
    for reason in report.not_whitened.values():
        print(f'left out: {reason}', file=sys.stderr)
    print(f'{args.out}: {report.clips} clips, {report.pictures} embeddings '
          f'of {encoder.out_channels} channels, {report.resumed} clips from '
          f'an earlier run, {len(report.unreadable)} not read, '
          f'{time.monotonic() - start:.1f} s')
    return 1 if report.unreadable else 0


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
