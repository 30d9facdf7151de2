# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import math
import shutil
from pathlib import Path

import pytest

pytest.importorskip('mmaction')


from mmfer.engine import identity_ablation  # noqa: E402
from mmfer.testing.identity_data import write_identity_data  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'benchmark' / 'identity_ablation.py'
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
    # The same weights under another config are another training's.
    cfg.model.identity_head.weight = 1.
    with pytest.raises(ValueError, match=r'epoch_1.pth: was trained with '
                       r'model.identity_head.weight = 3.0 instead of 1.0'):
        identity_ablation.measure_again(cfg, str(data / 'identity.npz'))


@pytest.fixture
def tool(data, tmp_path, monkeypatch):
    """The command, whose trainings only note what they were given."""
    spec = importlib.util.spec_from_file_location('identity_ablation', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    calls = []

    def note(cfg, identity, encoder=None):
        calls.append(cfg)
        return dict(
            UAR=.5, WAR=.5, train_s=1., train_cpu_s=1., penalty=.1,
            leakage=dict(
                measures=dict(expression=dict(chance_UAR=.1)), settings={}))

    monkeypatch.setattr(identity_ablation, 'run_and_measure', note)
    out = str(tmp_path / 'results.jsonl')

    def call(*arguments, identity=data / 'identity.npz', out=out):
        del calls[:]
        module.main([str(data), '--identity', str(identity), '--variants',
                     'dcor', '--seeds', '0', '--out', out, *arguments])
        return [Path(cfg.work_dir) for cfg in calls]

    call.out = Path(out)
    return call


def test_every_protocol_has_a_run_folder_of_its_own(tool, data, tmp_path):
    other = tmp_path / 'other.npz'
    shutil.copy(data / 'identity.npz', other)
    weight = 'model.identity_head.weight=1'
    first, = tool()
    assert first.parent == tmp_path and first.name.startswith(
        f'{data.name}_chained-motion_dcor_0_')
    assert tool() == []
    assert tool(identity=other) == []  # the content counts, not the name
    with open(other, 'ab') as file:
        file.write(b'other')
    folders = [first] + tool(identity=other) + tool(
        '--cfg-options', weight) + tool('--epochs', '2') + tool(
            '--cfg-options', weight, out=str(tmp_path / 'second.jsonl'))
    assert len(set(folders)) == 5
    stored = json.loads(tool.out.read_text().splitlines()[0])
    assert stored['data'] == str(data.resolve())
    assert len(stored['identity']) == 64
    with pytest.raises(SystemExit, match='nowhere.npz: no such identity'):
        tool(identity='nowhere.npz')


def test_a_tuple_among_the_options_is_recognised(tool):
    option = ('--cfg-options', 'custom=(0.8,1.2)')
    assert len(tool(*option)) == 1
    assert tool(*option) == []


def test_results_that_say_too_little_do_not_count(tool, capsys):
    tool()
    line = json.loads(tool.out.read_text())
    old = {k: v for k, v in line.items()
           if k not in ('data', 'identity', 'configs')}
    tool.out.write_text(json.dumps(old) + '\n')
    capsys.readouterr()
    tool('--table')
    said = capsys.readouterr()
    assert '| dcor |' not in said.out
    assert 'results.jsonl: 1 runs do not say on which data' in said.err
    assert len(tool()) == 1
    # Whoever knows what they are of adds it.
    added = {key: line[key] for key in ('data', 'identity')}
    tool.out.write_text(json.dumps({**old, **added}) + '\n')
    assert tool() == []


def test_measuring_again_needs_the_run_of_this_protocol(tool):
    tool()
    with pytest.raises(SystemExit, match='has no checkpoint of epoch 24'):
        tool('--measure-again')
