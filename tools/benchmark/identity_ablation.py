# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Compare penalties on identity: expression kept, identity left.

Trains configs of configs/mifer on several seeds, tests each on persons that
it never saw, and runs the leakage battery on what it makes of them. Finished
runs are kept in the file of --out, so the command can be repeated after an
interruption, or with more variants. Prints a Markdown table.
"""
import argparse
import os.path as osp
import sys

CONFIG = 'mifer-{}_r10-quarter_1xb32-s8-24e_synthetic-faces.py'
EXAMPLES = """example:
  python tools/benchmark/identity_ablation.py data/faces/h264-stock \\
      --identity data/faces/h264-stock/identity.npz \\
      --variants ce dcor vclub --seeds 0 1 2 --store /tmp/store
"""


def parse_args(argv=None):
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', help='folder with annotations.json')
    parser.add_argument('--identity', required=True, metavar='NPZ')
    parser.add_argument(
        '--variants', nargs='+', required=True,
        help='names in the file names of configs/mifer, e.g. ce dcor vclub')
    parser.add_argument(
        '--input', metavar='INPUT',
        help='what the network reads instead of chained-motion: single, '
        'chained, accumulated, each with -motion or not, or rgb')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--epochs', type=int, help='stretch the schedule to this many epochs')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument(
        '--store', metavar='FOLDER',
        help='keep what is read for later epochs and seeds: faster, takes '
        'some GB; the folder may be deleted afterwards')
    parser.add_argument(
        '--encoder', metavar='CONFIG',
        help='config of the face network, for the inversion attack')
    parser.add_argument('--encoder-checkpoint', metavar='FILE')
    parser.add_argument(
        '--controls', metavar='FOLDER',
        help='where identity_leakage.py --controls wrote its reports')
    parser.add_argument(
        '--out', default='work_dirs/identity_ablation/results.jsonl')
    parser.add_argument(
        '--configs', metavar='FOLDER', help='instead of configs/mifer')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='override settings of all these configs, '
        'e.g. model.identity_head.weight=1')
    parser.add_argument(
        '--plot', metavar='PNG', help='draw accuracy against leakage')
    parser.add_argument(
        '--measure-again', action='store_true',
        help='train nothing that is finished, but run the leakage battery '
        'again on its checkpoints')
    parser.add_argument(
        '--table', action='store_true',
        help='train nothing: print what is there')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    import mmfer  # noqa: F401, repairs the stack before it is imported
    import torch

    from mmfer.engine import ablation, identity_ablation
    from mmfer.engine.ablation_protocol import (follows, identity_protocol,
                                                lacks_facts, run_folder)
    torch.set_num_threads(args.threads)
    coding = osp.basename(osp.abspath(args.data))
    kind = args.input or 'chained-motion'
    try:
        protocol = identity_protocol(args.data, args.identity, kind,
                                     args.epochs, args.cfg_options,
                                     args.configs)
    except FileNotFoundError as error:
        sys.exit(f'error: {error}')
    configs = args.configs or osp.join(
        osp.dirname(__file__), '..', '..', 'configs', 'mifer')
    rows = [ablation.Row(coding, variant) for variant in args.variants]

    def wanted():
        return [
            result for result in ablation.read_results(args.out)
            if ablation.Row(result['coding'], result['variant']) in rows
        ]

    def finished():
        return [result for result in wanted() if follows(result, protocol)]

    def prepare(variant, seed, again=False):
        folder = run_folder(args.out, (coding, kind, variant, seed), protocol)
        # Where earlier versions trained; the checkpoint tells with what.
        earlier = osp.join(osp.dirname(args.out),
                           f'{coding}_{kind}_{variant}_{seed}')
        if again and not osp.isdir(folder) and osp.isdir(earlier):
            folder = earlier
        cfg = identity_ablation.prepare_identity_config(
            osp.join(configs, CONFIG.format(variant)), args.data,
            args.identity, folder, seed, args.epochs, args.store, args.input)
        cfg.merge_from_dict(args.cfg_options)
        return cfg

    untold = sum(lacks_facts(result, protocol) for result in wanted())
    if untold:
        print(f'{args.out}: {untold} runs do not say on which data and '
              'identities they were trained and do not count; if these are '
              f'theirs, add "data": "{protocol["data"]}", "identity": '
              f'"{protocol["identity"]}" to their lines', file=sys.stderr)
    missing = [] if args.table else ablation.missing_runs(
        rows, args.seeds, finished(), protocol)
    again = finished() if args.measure_again else []
    encoder = None
    if args.encoder and (missing or again):
        from mmfer.engine.identity_extraction import read_encoder_config
        from mmfer.models.identity import build_identity_encoder
        encoder = build_identity_encoder(
            read_encoder_config(args.encoder, args.encoder_checkpoint, {}))
    for number, result in enumerate(again):
        print(f'measuring {number + 1} of {len(again)}: {result["variant"]}, '
              f'seed {result["seed"]}', file=sys.stderr, flush=True)
        cfg = prepare(result['variant'], result['seed'], again=True)
        try:
            values = identity_ablation.measure_again(cfg, args.identity,
                                                     encoder)
        except (FileNotFoundError, ValueError) as error:
            sys.exit(f'error: {error}')
        ablation.replace_result(args.out, result, dict(result, **values))
    for number, (row, seed) in enumerate(missing):
        print(f'run {number + 1} of {len(missing)}: {row}, seed {seed}',
              file=sys.stderr, flush=True)
        values = identity_ablation.run_and_measure(
            prepare(row.variant, seed), args.identity, encoder)
        ablation.append_result(args.out, row, seed, dict(values, **protocol))
    results = finished()
    results.sort(key=lambda r: args.variants.index(r['variant']))
    controls = args.controls and identity_ablation.read_controls(
        args.controls)
    print(identity_ablation.format_identity_table(results, controls))
    if args.plot:
        from mmfer.visualization.frontier import draw_frontier
        reports = identity_ablation.reports_of(results)
        groups = {name: name.rpartition('-')[0] for name in reports}
        draw_frontier(reports, groups).savefig(args.plot, dpi=150)


if __name__ == '__main__':
    main()
