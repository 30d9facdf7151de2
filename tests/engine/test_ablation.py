# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

from mmfer.engine import ablation  # noqa: E402
from mmfer.engine.ablation import Row  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

CONFIG = str(
    Path(__file__).parents[2] / 'configs' / 'residual' /
    'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained.py')


def test_one_run(tmp_path):
    write_labelled_clips(tmp_path / 'mpeg4', subjects=3, frames=6)
    cfg = ablation.prepare_config(
        CONFIG, str(tmp_path / 'mpeg4'), str(tmp_path / 'run'), 3, epochs=1)
    for split in ablation.SPLITS:
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
    assert cfg.randomness.seed == 3
    values = ablation.run_once(cfg)
    assert 0 <= values['UAR'] == values['WAR'] <= 1  # one clip of each class
    assert list((tmp_path / 'run').glob('*.pth'))


def test_schedule_is_stretched():
    cfg = ablation.prepare_config(CONFIG, 'd', 'w', 0)
    whole = [dict(s) for s in cfg.param_scheduler]
    assert cfg.train_cfg.max_epochs == 24
    ablation.stretch_schedule(cfg, 12)
    assert cfg.train_cfg.max_epochs == 12
    for old, new in zip(whole, cfg.param_scheduler):
        assert new['end'] == old['end'] / 2 and new['begin'] == \
            old['begin'] / 2
    ablation.stretch_schedule(cfg, 2)
    # No two schedulers at once, however short the training.
    assert [(s['begin'], s['end']) for s in cfg.param_scheduler] == \
        [(0, 1), (1, 2)]
    assert cfg.param_scheduler[1]['T_max'] == 1


def test_resuming(tmp_path):
    path = str(tmp_path / 'out' / 'results.jsonl')
    rows = [Row('a', 'single'), Row('a', 'rgb')]
    assert ablation.read_results(path) == []
    assert len(ablation.missing_runs(rows, [0, 1], [], {})) == 4
    values = dict(UAR=0.5, WAR=0.5, epochs=None)
    ablation.append_result(path, rows[0], 0, values)
    with open(path, 'a') as file:
        file.write('{"coding": "a", "vari')  # interrupted here
    assert len(ablation.read_results(path)) == 1
    ablation.append_result(path, rows[1], 1, values)
    results = ablation.read_results(path)
    assert ablation.missing_runs(rows, [0, 1], results, dict(epochs=None)) == [
        (rows[1], 0), (rows[0], 1)
    ]
    # A run of another protocol is another run.
    assert len(
        ablation.missing_runs(rows, [0, 1], results, dict(epochs=3))) == 4
    # JSON has no tuples.
    values = dict(UAR=0.5, options=dict(gain=(0.8, 1.2)))
    ablation.append_result(path, rows[0], 5, values)
    results = ablation.read_results(path)
    assert ablation.missing_runs(rows[:1], [5], results,
                                 dict(options=dict(gain=(0.8, 1.2)))) == []


def test_reading_costs(tmp_path):
    write_labelled_clips(tmp_path / 'mpeg4', subjects=3, frames=6)
    cfg = ablation.prepare_config(CONFIG, str(tmp_path / 'mpeg4'), 'w', 0)
    row = Row('mpeg4', 'chained')
    costs = ablation.reading_costs({row: cfg}, clips=2)
    assert set(costs) == {row, Row('mpeg4', 'decord')}
    assert all(0 < cost < 1000 for cost in costs.values())


def test_table():
    results = [
        dict(coding='a', variant='rgb', seed=0, UAR=.3, WAR=.3),
        dict(coding='a', variant='single', seed=0, UAR=.5, WAR=.4),
        dict(coding='a', variant='single', seed=1, UAR=.7, WAR=.4),
    ]
    costs = {Row('a', 'single'): 2.51, Row('a', 'decord'): 9.}
    lines = ablation.format_table(results, costs).splitlines()
    assert lines[2] == ('| a | single | 0.600 ± 0.141 | 0.400 ± 0.000 | 2 | '
                        '2.5 |')
    assert lines[3] == '| a | rgb | 0.300 | 0.300 | 1 | not measured |'
    assert lines[4].endswith('| 9.0 |')


def test_a_result_is_replaced_and_the_others_stay(tmp_path):
    path = str(tmp_path / 'results.jsonl')
    for seed in (0, 1):
        ablation.append_result(path, Row('a', 'rgb'), seed, dict(UAR=.5))
    first, second = ablation.read_results(path)
    ablation.replace_result(path, first, dict(first, UAR=.7))
    assert ablation.read_results(path) == [dict(first, UAR=.7), second]
    assert [file.name for file in tmp_path.iterdir()] == ['results.jsonl']
