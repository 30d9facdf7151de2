# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train shipped configs on several codings and seeds, and tabulate.

Every run is one line of JSON in a file, written when the run is finished, so
an interrupted ablation goes on where it stopped. All rows share network,
schedule and augmentation: they differ in the data folder and in the third
step of the pipeline, the reader.
"""
import json
import os
import os.path as osp
import time
from dataclasses import asdict, dataclass
from statistics import mean, median, stdev
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmfer.atomic import write_text
from mmfer.registry import DATASETS
from .ablation_protocol import follows

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Row:
    """What one row of the table compares.

    Args:
        coding (str): Folder of the data set, which says codec and GOP.
        variant (str): End of the config's name: 'chained', 'single-motion',
            'rgb', ...
    """
    coding: str
    variant: str


def prepare_config(path: str,
                   data_root: str,
                   work_dir: str,
                   seed: int,
                   epochs: Optional[int] = None,
                   store: Optional[str] = None) -> Config:
    """Read a shipped config and point it to a data set.

    The checkpoint after the last epoch is the one that is tested; the test
    split takes no part in any choice.

    Args:
        path (str): Config.
        data_root (str): Folder with the annotation file.
        work_dir (str): Where checkpoints and logs go.
        seed (int): Seed of everything random.
        epochs (int, optional): Train for fewer or more epochs; the schedule
            is stretched. Defaults to None, as the config says.
        store (str, optional): Folder in which whatever is read is kept for
            the next epochs. Defaults to None, read every time.

    Returns:
        Config: Ready for ``Runner.from_cfg``.
    """
    cfg = Config.fromfile(path)
    for split in SPLITS:
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = data_root
        if store is not None:
            dataset.pipeline[2] = dict(
                type='mmfer.StoredReader',
                reader=dataset.pipeline[2],
                folder=store)
    cfg.work_dir = work_dir
    cfg.randomness = dict(seed=seed)
    cfg.experiment_name = f'{osp.basename(work_dir)}_{time.time_ns()}'
    if epochs is not None:
        stretch_schedule(cfg, epochs)
    cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs + 1
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=-1, save_last=True)
    return cfg


def stretch_schedule(cfg: Config, epochs: int) -> None:
    """Scale the number of epochs and all places of the schedule with it.

    Args:
        cfg (Config): Modified.
        epochs (int): New number.
    """
    factor = epochs / cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs

    def place(epoch: int) -> int:
        return max(1, round(epoch * factor)) if epoch else 0

    for scheduler in cfg.param_scheduler:
        scheduler.begin = place(scheduler.begin)
        scheduler.end = max(scheduler.begin + 1, place(scheduler.end))
        if 'T_max' in scheduler:
            scheduler.T_max = scheduler.end - scheduler.begin


def reading_costs(configs: Dict[Row, Config],
                  clips: int = 40) -> Dict[Row, float]:
    """Measure what it takes to get the pictures of a clip out of its file.

    All rows take turns clip by clip, so that whatever else the machine does
    meets them alike. Each coding gets a row 'decord', the reader of mmaction2:
    the same pictures as RGB, on one thread.

    Args:
        configs (dict[Row, Config]): Their test data and the first three steps
            of their test pipelines (open, sample, read) are used.
        clips (int): How many clips. Defaults to 40.

    Returns:
        dict[Row, float]: Median CPU time of this process per clip, in
        milliseconds.
    """
    init_default_scope('mmaction')
    datasets, readers = {}, {}
    for row, cfg in configs.items():
        if row.coding not in datasets:
            datasets[row.coding] = DATASETS.build(cfg.test_dataloader.dataset)
            readers[Row(row.coding, 'decord')] = _read_with_decord
        readers[row] = Compose(cfg.test_pipeline[:3])  # not from a store
    costs: Dict[Row, List[float]] = {row: [] for row in readers}
    for number in range(-1, clips):  # libraries load lazily: one is not counted
        for row, read in readers.items():
            dataset = datasets[row.coding]
            info = dataset.get_data_info(max(number, 0) % len(dataset))
            start = time.process_time()
            read(info)
            if number >= 0:
                costs[row].append(time.process_time() - start)
    return {row: 1e3 * median(values) for row, values in costs.items()}


def _read_with_decord(info: dict) -> None:
    """Read the centres of eight segments as mmaction2 would."""
    import decord
    video = decord.VideoReader(info['filename'], num_threads=1)
    length = len(video)
    video.get_batch([(2 * k + 1) * length // 16 for k in range(8)]).asnumpy()


def run_once(cfg: Config) -> Dict[str, float]:
    """Train, and test the last checkpoint.

    Args:
        cfg (Config): From :func:`prepare_config`.

    Returns:
        dict: ``UAR``, ``WAR``, ``macro_F1``, ``train_s`` (wall clock).
    """
    runner = Runner.from_cfg(cfg)
    start = time.monotonic()
    runner.train()
    train_s = time.monotonic() - start
    metrics = runner.test()
    return dict(
        {key: metrics[f'fer/{key}'] for key in ('UAR', 'WAR', 'macro_F1')},
        train_s=train_s)


def read_results(path: str) -> List[dict]:
    """Read the finished runs.

    Args:
        path (str): File of JSON lines; need not exist.

    Returns:
        list[dict]: One dict per run. A last line that was cut off by an
        interruption is left out.
    """
    if not osp.exists(path):
        return []
    results = []
    with open(path, encoding='utf-8') as file:
        for line in file:
            if line.endswith('\n'):
                results.append(json.loads(line))
    return results


def missing_runs(rows: Iterable[Row], seeds: Sequence[int],
                 results: Sequence[dict],
                 protocol: dict) -> List[Tuple[Row, int]]:
    """List the runs that have no result yet, seed by seed.

    Args:
        rows (Iterable[Row]): Wanted rows.
        seeds (Sequence[int]): Wanted seeds.
        results (Sequence[dict]): Finished runs.
        protocol (dict): A result counts only if it has these entries, as
            JSON writes them.

    Returns:
        list[tuple[Row, int]]: In the order in which to run them.
    """
    done = {(Row(r['coding'], r['variant']), r['seed'])
            for r in results
            if follows(r, protocol)}
    return [(row, seed) for seed in seeds for row in rows
            if (row, seed) not in done]


def append_result(path: str, row: Row, seed: int, values: dict) -> None:
    """Write a finished run.

    Args:
        path (str): File of JSON lines.
        row (Row): What was run.
        seed (int): Its seed.
        values (dict): Its result and protocol.
    """
    line = json.dumps(dict(asdict(row), seed=seed, **values)) + '\n'
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
    cut_off = b''
    if osp.exists(path):
        with open(path, 'rb') as file:
            cut_off = file.read().rpartition(b'\n')[2]
    with open(path, 'ab') as file:
        # What an interruption left of a line gets out of the way.
        file.truncate(file.tell() - len(cut_off))
        file.write(line.encode())


def replace_result(path: str, old: dict, new: dict) -> None:
    """Exchange a finished run, in one move.

    Args:
        path (str): File of JSON lines.
        old (dict): A line of it.
        new (dict): What stands there from now on.
    """
    write_text(path, ''.join(
        json.dumps(new if result == old else result) + '\n'
        for result in read_results(path)))


def format_table(results: Sequence[dict],
                 costs: Optional[Dict[Row, float]] = None) -> str:
    """Make a Markdown table, best UAR first.

    Args:
        results (Sequence[dict]): Finished runs.
        costs (dict[Row, float], optional): From :func:`reading_costs`.
            Defaults to None, not measured.

    Returns:
        str: Mean and standard deviation over the seeds of each row, and the
        reading cost, of decord last.
    """
    costs = costs or {}
    groups: Dict[Row, List[dict]] = {}
    for result in results:
        row = Row(result['coding'], result['variant'])
        groups.setdefault(row, []).append(result)
    ordered = sorted(
        groups.items(), key=lambda item: -mean(r['UAR'] for r in item[1]))
    lines = [
        '| coding | input | UAR | WAR | seeds | reading, CPU ms per clip |',
        '|---|---|---|---|---|---|'
    ]
    for row, runs in ordered:
        lines.append(
            f'| {row.coding} | {row.variant} | {_spread(runs, "UAR")} | '
            f'{_spread(runs, "WAR")} | {len(runs)} | {_cost(costs, row)} |')
    for row in costs:
        if row.variant == 'decord':
            lines.append(f'| {row.coding} | decord, the same pictures as RGB '
                         f'| | | | {_cost(costs, row)} |')
    return '\n'.join(lines)


def _cost(costs: Dict[Row, float], row: Row) -> str:
    return f'{costs[row]:.1f}' if row in costs else 'not measured'


def _spread(runs: Sequence[dict], key: str) -> str:
    values = [run[key] for run in runs]
    if len(values) == 1:
        return f'{values[0]:.3f}'
    return f'{mean(values):.3f} ± {stdev(values):.3f}'
