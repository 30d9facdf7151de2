# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Compare residual modes, motion and codings over several seeds.

    python tools/data/make_synthetic.py ...      # several codings of the faces
    python tools/benchmark/ablation.py data/synthetic_faces \\
        --codings mpeg4-gop12 h264-stock --seeds 0 1 2

Finished runs are kept in the file of --out, so the command can be repeated
after an interruption, or with more rows. Prints a Markdown table.
"""
import argparse
import os.path as osp
import sys

CONFIG = ('residual_r10-quarter_1xb16-s8-24e_synthetic-faces-{}.py')
VARIANTS = ('single', 'single-motion', 'chained', 'chained-motion',
            'accumulated', 'accumulated-motion', 'rgb', 'chained-bgr')


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('data', help='folder with one sub-folder per coding')
    parser.add_argument('--codings', nargs='+', required=True)
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--epochs', type=int, help='stretch the schedule to this many epochs')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument(
        '--store',
        metavar='FOLDER',
        help='keep what is read for later epochs and seeds: faster, takes '
        'some GB; the folder may be deleted afterwards')
    parser.add_argument('--out', default='work_dirs/ablation/results.jsonl')
    parser.add_argument(
        '--configs',
        default=osp.join(
            osp.dirname(__file__), '..', '..', 'configs', 'residual'))
    parser.add_argument(
        '--table', action='store_true', help='train nothing: measure the reading, print what is there')
    return parser.parse_args()


def main():
    args = parse_args()
    import mmfer  # noqa: F401, repairs the stack before it is imported
    import torch

    from mmfer.engine import ablation
    torch.set_num_threads(args.threads)
    protocol = dict(epochs=args.epochs, selection='last', split='test')
    rows = [
        ablation.Row(coding, variant) for coding in args.codings
        for variant in args.variants
    ]
    missing = [] if args.table else ablation.missing_runs(
        rows, args.seeds, ablation.read_results(args.out), protocol)

    def prepare(row, seed, store=None):
        return ablation.prepare_config(
            osp.join(args.configs, CONFIG.format(row.variant)),
            osp.join(args.data, row.coding),
            osp.join(osp.dirname(args.out),
                     f'{row.coding}_{row.variant}_{seed}'), seed, args.epochs,
            store)

    for number, (row, seed) in enumerate(missing):
        print(f'run {number + 1} of {len(missing)}: {row}, seed {seed}',
              file=sys.stderr, flush=True)
        values = ablation.run_once(prepare(row, seed, args.store))
        ablation.append_result(args.out, row, seed, dict(values, **protocol))
    print('measuring the reading', file=sys.stderr, flush=True)
    costs = ablation.reading_costs({row: prepare(row, 0) for row in rows})
    print(ablation.format_table(ablation.read_results(args.out), costs))


if __name__ == '__main__':
    main()
