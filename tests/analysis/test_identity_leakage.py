# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The tool as a user calls it, on a tiny data set."""
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')
pytest.importorskip('matplotlib')
pytest.importorskip('sklearn')

from mmengine.config import Config  # noqa: E402

import mmfer  # noqa: E402
from mmfer.datasets.identity_file import IdentityEmbeddings  # noqa: E402
from mmfer.engine.features import FeatureSet  # noqa: E402
from mmfer.evaluation.leakage import LeakageReport  # noqa: E402
from mmfer.registry import MODELS  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

ROOT = Path(mmfer.__file__).resolve().parent.parent
CONFIG = ROOT / ('configs/residual/residual_r10-quarter_1xb16-s8-24e_'
                 'synthetic-faces-chained.py')


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'identity_leakage', ROOT / 'tools/analysis/identity_leakage.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Four persons of two splits, an identity file and two checkpoints."""
    from mmengine.registry import DefaultScope
    place = tmp_path_factory.mktemp('leakage')
    path = write_labelled_clips(place, ('happy', 'sad', 'fear'), 4, 10, 112,
                                'h264_default')
    content = json.loads(path.read_text())
    for clip in content['clips']:
        clip['split'] = 'train' if clip['fold'] == 1 else 'test'
    path.write_text(json.dumps(content))
    clips = content['clips']
    IdentityEmbeddings(
        [clip['path'] for clip in clips],
        np.random.default_rng(0).standard_normal((len(clips), 6)),
        [0] * len(clips)).save(place / 'identity.npz')
    with DefaultScope.overwrite_default_scope('mmaction'):
        for seed in range(2):
            torch.manual_seed(seed)
            model = MODELS.build(Config.fromfile(CONFIG).model)
            torch.save(model.state_dict(), place / f'{seed}.pth')
    return place


def arguments(place, *checkpoints):
    return [
        str(CONFIG), *checkpoints, '--identity', str(place / 'identity.npz'),
        '--level', 'fast', '--out', str(place / 'out'), '--cfg-options',
        f'test_dataloader.dataset.data_root={place}',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False'
    ]


def test_a_table_reports_features_and_pictures(tool, place, capsys):
    tool.main(arguments(place, f'ce={place}/0.pth', f'ce={place}/1.pth'))
    table = capsys.readouterr().out
    assert table.startswith('6 clips of 2 persons')
    assert '| measure | ce-0 | ce-1 | chance |' in table
    written = {path.name for path in (place / 'out').iterdir()}
    assert written == {'frontier.png'} | {
        f'ce-{n}{end}' for n in range(2)
        for end in ('.json', '_features.npz', '_fit_features.npz',
                    '_embedding.png')
    }
    report = LeakageReport.load(place / 'out/ce-0.json')
    assert report.settings['num_fit_subjects'] == 2
    features = FeatureSet.load(place / 'out/ce-0_features.npz')
    assert features.features.shape == (6, 256)
    assert set(features.subjects) == {'s1', 's3'}


def test_controls_are_columns(tool, place, capsys):
    parts = arguments(place, f'{place}/0.pth')
    tool.main(parts[:2] + ['--controls'] + parts[2:])
    head = capsys.readouterr().out.splitlines()[2]
    assert [cell.strip() for cell in head.split('|')[3:-2]] == [
        'control: identity', 'control: noise', 'control: expression']
    assert (place / 'out/control_identity.json').exists()


def test_names_are_taken_apart(tool, tmp_path):
    assert tool.name_checkpoints(['a=x/1.pth', 'b=y.pth', 'a=x/2.pth']) == [
        ('a-0', 'a', 'x/1.pth'), ('b', 'b', 'y.pth'), ('a-1', 'a', 'x/2.pth')]
    odd = tmp_path / 'lr=1.pth'
    odd.touch()
    assert tool.name_checkpoints([str(odd)]) == [
        (tmp_path.name, tmp_path.name, str(odd))]


def test_mistakes_are_one_line(tool, place):
    with pytest.raises(SystemExit, match='error: none.pth: no such check'):
        tool.main([str(CONFIG), 'none.pth'])
    parts = arguments(place, f'{place}/0.pth')
    parts[parts.index('--identity') + 1] = str(place / 'other.npz')
    with pytest.raises(SystemExit, match='error: .*other.npz: no such'):
        tool.main(parts)
