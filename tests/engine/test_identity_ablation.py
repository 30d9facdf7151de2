# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import pytest

pytest.importorskip('mmaction')


from mmfer.engine import identity_ablation  # noqa: E402
from mmfer.testing.identity_data import write_identity_data  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')

ROOT = Path(__file__).parents[2]
NAME = 'configs/mifer/mifer-{}_r10-quarter_1xb32-s8-24e_synthetic-faces.py'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    return write_identity_data(folder, subjects=6, frames=9, size=96)


def _prepare(variant, data, tmp_path, **kwargs):
    return identity_ablation.prepare_identity_config(
        str(ROOT / NAME.format(variant)), str(data),
        str(data / 'identity.npz'), str(tmp_path / variant), 0, 1,
        str(tmp_path / 'store'), **kwargs)


@pytest.mark.parametrize('kind, mode, motion, channels', [
    ('single', 'single', False, 1),
    ('accumulated-motion', 'accumulated', True, 3),
    (None, 'chained', True, 3),
])
def test_input_and_identity_are_exchanged_everywhere(
        kind, mode, motion, channels, data, tmp_path):
    cfg = _prepare('dcor-apex', data, tmp_path, kind=kind)
    assert cfg.model.backbone.in_channels == channels
    for split in ('train', 'val', 'test'):
        steps = cfg[f'{split}_dataloader'].dataset.pipeline
        stored = [s for s in steps if s['type'] == 'mmfer.StoredReader']
        assert len(stored) == 1
        reader = stored[0]['reader']
        assert (reader['mode'], reader['motion']) == (mode, motion)
    files = [s['file'] for s in cfg.train_dataloader.dataset.pipeline
             if s['type'] == 'mmfer.LoadIdentity']
    assert files == [str(data / 'identity.npz')]


def test_unknown_input_lists_the_known_ones(data, tmp_path):
    with pytest.raises(ValueError, match='single, chained'):
        _prepare('dcor', data, tmp_path, kind='chaind')


@pytest.mark.filterwarnings('ignore')
def test_a_run_is_trained_measured_and_tabulated(data, tmp_path):
    cfg = _prepare('dcor', data, tmp_path, kind='single')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(
            batch_size=8, num_workers=0, persistent_workers=False)
    # Leakage needs several persons: the splits change their roles.
    cfg.train_dataloader.dataset.split = 'val'
    cfg.test_dataloader.dataset.split = 'train'
    cfg.log_level = 'ERROR'
    result = identity_ablation.run_and_measure(cfg,
                                               str(data / 'identity.npz'))
    assert 0 <= result['UAR'] <= 1 and result['train_cpu_s'] > 0
    assert math.isfinite(result['penalty'])
    measures = result['leakage']['measures']
    chance = measures['probe/linear/clip_disjoint']['chance']
    assert chance == pytest.approx(1 / 4)
    again = identity_ablation.measure_again(cfg, str(data / 'identity.npz'))
    assert set(again['leakage']['measures']) == set(measures)
    for name, values in again['leakage']['measures'].items():
        assert values == pytest.approx(measures[name], abs=1e-4), name
    runs = [dict(result, variant='dcor', seed=s) for s in (0, 1)]
    runs.append(dict(result, variant='ce', penalty=None))
    table = identity_ablation.format_identity_table(
        runs, dict(noise=result['leakage']))
    lines = table.splitlines()
    assert len(lines) == 2 + 2 + 1 + 1
    assert len({line.count('|') for line in lines}) == 1
    assert lines[2].startswith('| dcor | 2 | ') and '± 0.000' in lines[2]
    assert lines[3].startswith('| ce | 1 | ')
    assert lines[-1].startswith('| knowing nothing')
    assert f'{chance:.3f}' in lines[-1]
