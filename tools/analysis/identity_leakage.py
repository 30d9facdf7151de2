# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Measure what trained models still tell of the person.

Takes the features of a split of unseen persons, runs the leakage battery of
docs/leakage.md on them, prints a Markdown table (one column a checkpoint) and
writes reports, features and pictures.
"""
import argparse
import os.path as osp
import sys
from importlib.util import find_spec

EXAMPLES = """examples:
  python tools/analysis/identity_leakage.py CONFIG work_dirs/a/epoch_24.pth \\
      --identity data/synthetic_faces/identity.npz --controls

  # several methods and seeds on one frontier; NAME=CHECKPOINT names a point,
  # equal names are seeds of one method
  python tools/analysis/identity_leakage.py CONFIG \\
      ce=work_dirs/ce_0/epoch_24.pth ce=work_dirs/ce_1/epoch_24.pth \\
      dcor=work_dirs/dcor_0/epoch_24.pth --identity identity.npz

  # with the inversion attack, by the network that made the identity file
  python tools/analysis/identity_leakage.py CONFIG CHECKPOINT \\
      --identity identity.npz --encoder configs/face_recognition/NAME.py \\
      --encoder-checkpoint epoch_12.pth
"""


def parse_args(argv=None):
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the models')
    parser.add_argument(
        'checkpoints', nargs='+', metavar='[NAME=]CHECKPOINT')
    parser.add_argument(
        '--identity', metavar='NPZ',
        help='identity file (tools/data/extract_identity.py); without it, '
        'what needs face embeddings is left out')
    parser.add_argument(
        '--controls', action='store_true',
        help='also measure the face embeddings, noise and the bare label')
    parser.add_argument(
        '--split', help='measured split (default: that of test_dataloader)')
    parser.add_argument(
        '--fit-split', default='train',
        help='split of other persons, from which attacks learn (train)')
    parser.add_argument('--level', choices=('fast', 'full'), default='full')
    parser.add_argument(
        '--encoder', metavar='CONFIG',
        help='config of the face network, for the inversion attack')
    parser.add_argument('--encoder-checkpoint', metavar='FILE')
    parser.add_argument(
        '--encoder-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='further settings of the face network')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--perplexity', type=float, default=30.)
    parser.add_argument(
        '--projections', nargs='+', choices=('tsne', 'umap'),
        default=['tsne'], help='of the pictures of the codes; umap needs '
        "pip install 'mmfer[umap]' (default: tsne)")
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--out', default='work_dirs/leakage', metavar='FOLDER')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='override settings of the config, e.g. '
        'test_dataloader.dataset.data_root=data/mine')
    return parser.parse_args(argv)


def name_checkpoints(arguments):
    """Split NAME=CHECKPOINT; give equal names numbers.

    Returns:
        list[tuple[str, str, str]]: Unique name, group and file.
    """
    named = []
    for argument in arguments:
        group, equals, path = argument.partition('=')
        if not equals or osp.exists(argument):
            path = argument
            group = osp.basename(osp.dirname(osp.abspath(path)))
        named.append((group, path))
    groups = [group for group, _ in named]
    return [(group if groups.count(group) == 1 else
             f'{group}-{groups[:number].count(group)}', group, path)
            for number, (group, path) in enumerate(named)]


def main(argv=None):
    args = parse_args(argv)
    if 'umap' in args.projections and find_spec('umap') is None:
        sys.exit("error: --projections umap needs pip install 'mmfer[umap]'")
    for _, _, path in name_checkpoints(args.checkpoints):
        if not osp.isfile(path):
            sys.exit(f'error: {path}: no such checkpoint')
    try:
        print(run(args))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')


def run(args):
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from mmfer.datasets.identity_file import IdentityEmbeddings
    from mmfer.engine.expression_model import (expression_config,
                                               load_expression_weights)
    from mmfer.engine.leakage import leakage_dataloaders, measure_leakage
    from mmfer.evaluation.leakage import (control_features, format_reports,
                                          leakage_report)
    from mmfer.registry import MODELS
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmaction'))
    identity = args.identity and IdentityEmbeddings.load(args.identity)
    encoder = build_encoder(args)
    loaders = leakage_dataloaders(config.test_dataloader, args.split,
                                  args.fit_split)
    # What trained beside the expression model may differ between them.
    model = MODELS.build(expression_config(config).model).to(args.device)
    checkpoints = name_checkpoints(args.checkpoints)
    reports, controls, groups = {}, {}, {}
    for name, group, path in checkpoints:
        print(f'{name}: {path}', file=sys.stderr, flush=True)
        load_expression_weights(model, path)
        measured = measure_leakage(model, *loaders, identity, encoder,
                                   args.level, args.seed)
        reports[name] = measured.report
        groups[name] = group
        stem = osp.join(args.out, name)
        measured.report.save(f'{stem}.json')
        measured.features.save(f'{stem}_features.npz')
        if measured.fit_features is not None:
            measured.fit_features.save(f'{stem}_fit_features.npz')
        draw(measured, name, f'{stem}_embedding.png', args)
        if args.controls and not controls:
            for control, pair in control_features(
                    measured.data, measured.fit, args.seed).items():
                print(f'control: {control}', file=sys.stderr, flush=True)
                controls[control] = leakage_report(
                    *pair, encoder and measured.fit and encoder.encode,
                    args.level, args.seed)
                controls[control].save(
                    osp.join(args.out, f'control_{control}.json'))
    from mmfer.visualization.figures import save_figure
    from mmfer.visualization.frontier import draw_frontier
    figure = draw_frontier(reports, groups, controls.get('identity'))
    save_figure(figure, osp.join(args.out, 'frontier.png'), dpi=150)
    print(f'reports, features and pictures: {args.out}', file=sys.stderr)
    settings = next(iter(reports.values())).settings
    return (f'{settings["num_clips"]} clips of {settings["num_subjects"]} '
            f'persons; ± is a standard error over persons.\n\n' +
            format_reports(dict(reports, **{
                f'control: {name}': report
                for name, report in controls.items()
            })))


def build_encoder(args):
    """Build the face network, or None."""
    if not args.encoder and 'type' not in args.encoder_options:
        return None
    from mmfer.engine.identity_extraction import read_encoder_config
    from mmfer.models.identity import build_identity_encoder
    return build_identity_encoder(
        read_encoder_config(args.encoder, args.encoder_checkpoint,
                            args.encoder_options)).to(args.device)


def draw(measured, name, path, args):
    """Draw the embedding; codes that are all equal are not drawn."""
    from mmfer.visualization.embedding import draw_embedding
    from mmfer.visualization.figures import save_figure
    if measured.data.collapsed:
        print(f'{name}: all codes are equal, nothing to draw',
              file=sys.stderr)
        return
    features = measured.features
    known = features.subjects != ''
    figure = draw_embedding(
        features.features[known], features.labels[known],
        features.subjects[known], features.classes or None, name,
        args.perplexity, args.seed, args.projections)
    save_figure(figure, path, dpi=150)


if __name__ == '__main__':
    from mmfer import command_line
    command_line.run(main)
