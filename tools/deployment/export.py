# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Export a trained network to ONNX, OpenVINO or TorchScript, and check it.

Each exported file takes what the test pipeline packs and gives
probabilities: normalisation, softmax and the mean over clips are within.
What an export costs is measured on the test split, printed, and written into
its metadata. int8 is calibrated on residuals of training clips.

Exit codes: 0, all were written; 1, at least one was refused because it loses
more UAR than allowed; 2, the call is wrong or a package is missing.
"""
import argparse
import os
import sys

EXAMPLES = """example:
  python tools/deployment/export.py work_dirs/mifer/config.py \\
      work_dirs/mifer/epoch_24.pth --to openvino-int8 onnx-fp32 \\
      --data-root data/synthetic_faces --out exported/mifer
  python tools/predict.py work_dirs/mifer/config.py \\
      exported/mifer_int8.xml clip.mp4
"""


def parse_args(argv=None):
    from mmengine.config import DictAction

    from mmfer.deployment.formats import TARGETS
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training')
    parser.add_argument(
        '--to', nargs='+', choices=list(TARGETS), metavar='TARGET',
        default=['onnx-fp32', 'onnx-int8'],
        help=f'{", ".join(TARGETS)} (default: onnx-fp32 onnx-int8)')
    parser.add_argument(
        '--out', metavar='STEM',
        help='files are called STEM_int8.xml and so on (default: beside the '
        'checkpoint, after its name)')
    parser.add_argument(
        '--data-root', metavar='FOLDER',
        help='where the clips are, instead of what the config says')
    parser.add_argument(
        '--calibration-clips', type=int, default=128, metavar='N',
        help='training clips for int8 (default: 128)')
    parser.add_argument(
        '--allowed-loss', type=float, default=1.0, metavar='POINTS',
        help='points of UAR that an export may lose (default: 1)')
    parser.add_argument(
        '--force', action='store_true', help='keep an export that loses more')
    parser.add_argument(
        '--no-check', action='store_true',
        help='do not measure on the test split; the metadata says so')
    parser.add_argument('--threads', type=int, default=1,
                        help='threads of torch (default: 1)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        help='settings of the config, key=value')
    args = parser.parse_args(argv)
    if args.calibration_clips < 1:
        parser.error('--calibration-clips is at least 1')
    return args


def prepare(args):
    """Read the config and point it to the clips."""
    from mmengine.config import Config
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    if args.data_root:
        for split in ('train', 'test'):
            cfg[f'{split}_dataloader'].dataset.data_root = args.data_root
    return cfg


def row(target, done):
    """One row of the table."""
    accuracy = done['accuracy']
    cells = [target, f'{done["bytes"] / 1e3:.0f}']
    if accuracy is None:
        cells += ['not measured'] + [''] * 4
    else:
        cells += [f'{accuracy["UAR"]:.4f}', f'{accuracy["UAR_eager"]:.4f}',
                  f'{accuracy["WAR"]:.4f}', f'{accuracy["same_class"]:.4f}',
                  f'{accuracy["largest_difference"]:.1e}']
    return '| ' + ' | '.join(cells + [done['path'] or 'refused']) + ' |'


def _wrong(text):
    print(text, file=sys.stderr)
    return 2


def main(argv=None):
    import mmfer  # noqa: F401, repairs the stack before it is imported
    args = parse_args(argv)
    for path in (args.config, args.checkpoint):
        if not os.path.isfile(path):
            return _wrong(f'{path}: no such file')
    import torch

    from mmfer.deployment.exporter import export_checkpoint
    from mmfer.deployment.formats import missing_packages
    missing = sorted({m for t in args.to for m in missing_packages(t)})
    if missing:
        return _wrong(f'{", ".join(missing)} is not installed: '
                      'pip install "mmfer[export]"')
    torch.set_num_threads(args.threads)
    cfg = prepare(args)
    try:
        done = export_checkpoint(
            cfg, args.checkpoint, args.to,
            args.out or os.path.splitext(args.checkpoint)[0],
            args.calibration_clips, args.allowed_loss / 100, args.force,
            not args.no_check,
            lambda text: print(text, file=sys.stderr, flush=True))
    except (ValueError, FileNotFoundError) as error:
        return _wrong(f'{args.checkpoint}: {error}')
    print('| export | kB | UAR | UAR, torch | WAR | same class | largest '
          'difference | file |')
    print('|---|---|---|---|---|---|---|---|')
    for target, result in done.items():
        print(row(target, result))
    refused = [target for target, r in done.items() if r['path'] is None]
    if refused:
        print(f'{", ".join(refused)}: lost more than {args.allowed_loss:g} '
              'points of UAR and was not written; --force keeps it',
              file=sys.stderr)
    return 1 if refused else 0


if __name__ == '__main__':
    sys.exit(main())
