# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Take the expression model out of an identity-aware training checkpoint.

The result is mmaction2's Recognizer2D with a config of its own. It holds no
weight of an identity network, of an estimator or of a decoder, and predicts
what the training checkpoint predicts.
"""
import argparse
import os
import sys

EXAMPLES = """example:
  python tools/deployment/export_expression_model.py \\
      configs/mifer/mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py \\
      work_dirs/mifer/epoch_24.pth --out expression.pth
  python tools/test.py expression.py expression.pth
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training')
    parser.add_argument(
        '--out',
        metavar='PTH',
        help='checkpoint to write, a name in .pth; its config gets the '
        'ending .py (default: beside the checkpoint, with _expression in its '
        'name)')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmengine.config import Config

    from mmfer.engine.expression_model import (check_outputs,
                                               default_outputs,
                                               export_expression_model)
    out, out_config = default_outputs(args.checkpoint)
    if args.out:
        out, out_config = args.out, os.path.splitext(args.out)[0] + '.py'
    for path in (args.config, args.checkpoint):
        if not os.path.isfile(path):
            sys.exit(f'{path}: no such file')
    try:
        check_outputs(out, out_config, [args.config, args.checkpoint])
    except ValueError as error:
        sys.exit(f'error: {error}')
    try:
        report = export_expression_model(
            Config.fromfile(args.config), args.checkpoint, out, out_config)
    except ValueError as error:
        sys.exit(f'{args.checkpoint}: {error}')
    if report['doubt']:
        print(f'warning: {args.config}: {report["doubt"]}', file=sys.stderr)
    print(f'{out}: {report["parameters"]:,} numbers, '
          f'{report["bytes_after"] / 1e6:.2f} MB; left out '
          f'{report["dropped"]:,} numbers of {args.checkpoint} '
          f'({report["bytes_before"] / 1e6:.2f} MB)')
    print(f'{out_config}: its config')


if __name__ == '__main__':
    main()
