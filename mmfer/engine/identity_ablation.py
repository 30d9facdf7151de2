# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train identity-aware configs on several seeds, and tabulate what is left.

Runs, files and resumption are those of :mod:`mmfer.engine.ablation`; each run
ends with the leakage battery on the persons of the test split.
"""
import glob
import math
import os.path as osp
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Dict, List, Optional, Sequence

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint

from mmfer.datasets.identity_file import IdentityEmbeddings
from mmfer.evaluation.leakage import LeakageReport
from mmfer.registry import MODELS
from .ablation import prepare_config
from .checkpoints import epoch_checkpoints
from .leakage import leakage_dataloaders, measure_leakage
from .trained_config import check_trained_config

#: Columns of the table: head, measure, value and what knowing nothing gives.
COLUMNS = (
    ('linear probe', 'probe/linear/clip_disjoint', 'accuracy', 'chance'),
    ('MLP probe', 'probe/mlp/clip_disjoint', 'accuracy', 'chance'),
    ('linear, new expressions', 'probe/linear/expression_disjoint',
     'accuracy', 'chance'),
    ('re-id rank 1', 'reidentification/whitened/different_expression',
     'rank1', 'chance_rank1'),
    ('EER, LDA', 'verification/lda/all', 'equal_error_rate', None),
    ('dCor²', 'dependence', 'distance_correlation', None),
    ('InfoNCE, nats', 'information/infonce', 'nats', None),
    ('inversion rank 1', 'inversion', 'rank1', 'chance'),
)


def prepare_identity_config(path: str, data_root: str, identity: str,
                            work_dir: str, seed: int,
                            epochs: Optional[int] = None,
                            store: Optional[str] = None,
                            kind: Optional[str] = None) -> Config:
    """Read a config of ``configs/mifer`` and point it to data and identities.

    Args:
        path (str): Config.
        data_root (str): Folder with the annotation file.
        identity (str): Identity file of these clips.
        work_dir (str): Where checkpoints and logs go.
        seed (int): Seed of everything random.
        epochs (int, optional): As in
            :func:`mmfer.engine.ablation.prepare_config`. Defaults to None.
        store (str, optional): Likewise. Defaults to None.
        kind (str, optional): What the network reads, see
            :func:`change_input`. Defaults to None, as the config says.

    Returns:
        Config: Ready for ``Runner.from_cfg``.
    """
    cfg = prepare_config(path, data_root, work_dir, seed, epochs)
    for split in ('train', 'val', 'test'):
        for step in cfg[f'{split}_dataloader'].dataset.pipeline:
            if step['type'] == 'mmfer.LoadIdentity':
                step['file'] = identity
    if kind is not None:
        change_input(cfg, kind)
    if store is not None:
        store_reader(cfg, store)
    return cfg


def change_input(cfg: Config, name: str) -> None:
    """Let the network read something else.

    Args:
        cfg (Config): Modified: all pipelines and the backbone.
        name (str): 'single', 'chained' or 'accumulated', each with
            '-motion' behind it or not, or 'rgb'; see ``configs/residual``.

    Raises:
        ValueError: Something else.
    """
    mode, _, motion = name.partition('-')
    if mode == 'rgb' and not motion:
        reader, channels = dict(type='mmfer.ReadFrames'), 3
    elif mode in ('single', 'chained', 'accumulated') and \
            motion in ('', 'motion'):
        reader = dict(
            type='mmfer.ReadResiduals', mode=mode, channels='y',
            motion=bool(motion))
        channels = 3 if motion else 1
    else:
        raise ValueError(
            f'{name!r} is no input: single, chained or accumulated, with or '
            'without -motion, or rgb')
    for split in ('train', 'val', 'test'):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        for number, step in enumerate(pipeline):
            if step['type'] == 'mmfer.ReadResiduals':
                pipeline[number] = dict(reader)
    cfg.model.backbone.in_channels = channels


def store_reader(cfg: Config, folder: str) -> None:
    """Keep what the readers of all pipelines read.

    Args:
        cfg (Config): Modified.
        folder (str): Where.
    """
    for split in ('train', 'val', 'test'):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        for number, step in enumerate(pipeline):
            if step['type'] in ('mmfer.ReadResiduals', 'mmfer.ReadFrames'):
                pipeline[number] = dict(
                    type='mmfer.StoredReader', reader=step, folder=folder)


def run_and_measure(cfg: Config, identity: str, encoder=None) -> dict:
    """Train, test the last checkpoint, and measure what it leaks.

    Args:
        cfg (Config): From :func:`prepare_identity_config`.
        identity (str): Identity file.
        encoder (IdentityEncoder, optional): For the inversion attack.
            Defaults to None, no attack.

    Returns:
        dict: ``UAR``, ``WAR``, ``train_s`` (wall clock), ``train_cpu_s`` (of
        the training process, without that which loads data), ``penalty``
        (mean of the last epoch, None without) and ``leakage``, a report.
    """
    runner = Runner.from_cfg(cfg)
    wall, cpu = time.monotonic(), time.process_time()
    runner.train()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    penalty = None
    if 'train/identity_penalty' in runner.message_hub.log_scalars:
        history = runner.message_hub.get_scalar('train/identity_penalty')
        steps = len(runner.train_dataloader)
        penalty = float(history.mean(steps))
    metrics = runner.test()
    return dict(
        UAR=metrics['fer/UAR'],
        WAR=metrics['fer/WAR'],
        train_s=wall,
        train_cpu_s=cpu,
        penalty=penalty,
        leakage=_leakage(runner.model, cfg, identity, encoder))


def measure_again(cfg: Config, identity: str, encoder=None) -> dict:
    """Measure what the checkpoint of a finished run leaks.

    For results that an earlier version of the battery measured.

    Args:
        cfg (Config): As it was trained, from :func:`prepare_identity_config`.
        identity (str): Identity file.
        encoder (IdentityEncoder, optional): For the inversion attack.
            Defaults to None, no attack.

    Returns:
        dict: ``leakage``, a report.

    Raises:
        FileNotFoundError: The checkpoint of the last epoch is gone.
        ValueError: It was trained with another config.
    """
    epoch = cfg.train_cfg.max_epochs
    path = epoch_checkpoints(Path(cfg.work_dir)).get(epoch)
    if path is None:
        raise FileNotFoundError(
            f'{cfg.work_dir}: has no checkpoint of epoch {epoch}; delete '
            'the line of this run in the results, and it is trained again')
    check_trained_config(str(path), cfg)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    load_checkpoint(model, str(path), map_location='cpu', strict=True)
    return dict(leakage=_leakage(model, cfg, identity, encoder))


def _leakage(model, cfg: Config, identity: str, encoder) -> dict:
    measured = measure_leakage(
        model,
        *leakage_dataloaders(cfg.test_dataloader, None, 'train'),
        IdentityEmbeddings.load(identity),
        encoder,
        progress=False)
    return measured.report.to_dict()


def format_identity_table(results: Sequence[dict],
                          controls: Optional[Dict[str, dict]] = None) -> str:
    """Make a Markdown table, one row per variant, mean and deviation.

    Args:
        results (Sequence[dict]): Finished runs.
        controls (dict[str, dict], optional): Reports of controls by name, as
            dicts. Defaults to None.

    Returns:
        str: The table; its last row says what knowing nothing gives.
    """
    groups: Dict[str, List[dict]] = {}
    for result in results:
        groups.setdefault(result['variant'], []).append(result)
    heads = ['penalty', 'seeds', 'UAR', 'WAR'] + [c[0] for c in COLUMNS] + [
        'penalty at the end', 'training, CPU s']
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    for variant, runs in groups.items():
        cells = [variant, str(len(runs)),
                 _spread([r['UAR'] for r in runs]),
                 _spread([r['WAR'] for r in runs])]
        for _, measure, name, _ in COLUMNS:
            cells.append(_spread([
                r['leakage']['measures'].get(measure, {}).get(name)
                for r in runs
            ]))
        cells.append(_spread([r.get('penalty') for r in runs]))
        cells.append(_spread([r.get('train_cpu_s') for r in runs], 0))
        lines.append('| ' + ' | '.join(cells) + ' |')
    for control, report in (controls or {}).items():
        cells = [f'control: {control}', '', '', '']
        for _, measure, name, _ in COLUMNS:
            cells.append(
                _spread([report['measures'].get(measure, {}).get(name)]))
        lines.append('| ' + ' | '.join(cells + ['', '']) + ' |')
    if results:
        measures = results[0]['leakage']['measures']
        chance = measures['expression']['chance_UAR']
        cells = ['knowing nothing', '', _spread([chance]), '']
        for _, measure, value, name in COLUMNS:
            nothing = measures.get(measure, {}).get(name) if name else \
                0.5 * (value == 'equal_error_rate')
            cells.append(_spread([nothing]))
        lines.append('| ' + ' | '.join(cells + ['', '']) + ' |')
    return '\n'.join(lines)


def reports_of(results: Sequence[dict]) -> Dict[str, LeakageReport]:
    """Give the leakage reports of finished runs.

    Args:
        results (Sequence[dict]): Finished runs.

    Returns:
        dict[str, LeakageReport]: By variant and seed, 'dcor-0'.
    """
    reports = {}
    for result in results:
        leakage = result['leakage']
        measures = {
            measure: {
                name: math.nan if value is None else value
                for name, value in values.items()
            }
            for measure, values in leakage['measures'].items()
        }
        reports[f'{result["variant"]}-{result["seed"]}'] = LeakageReport(
            measures, leakage['settings'])
    return reports


def _spread(values: Sequence[Optional[float]], digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return '–'
    text = f'{mean(known):.{digits}f}'
    if len(known) > 1:
        text += f' ± {stdev(known):.{digits}f}'
    return text


def read_controls(folder: str) -> Dict[str, dict]:
    """Read the reports that ``identity_leakage.py --controls`` wrote.

    Args:
        folder (str): Its ``--out``.

    Returns:
        dict[str, dict]: Reports by the control's name.
    """
    found = {}
    for path in sorted(glob.glob(osp.join(folder, 'control_*.json'))):
        name = osp.splitext(osp.basename(path))[0].partition('_')[2]
        found[name] = LeakageReport.load(path).to_dict()
    return found
