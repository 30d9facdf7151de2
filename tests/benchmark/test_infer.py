# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""tools/benchmark/infer.py: verified first, every stage and sample kept."""
import json
import statistics
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mmaction')
pytest.importorskip('decord')

import torch  # noqa: E402

from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ('configs/residual/residual_r10-quarter_1xb16-s8-24e_'
                 'synthetic-faces-single.py')
TWIN = ROOT / ('configs/residual/residual_r10-quarter_1xb16-s8-24e_'
               'synthetic-faces-rgb.py')


@pytest.fixture(scope='module')
def tool(load_tool):
    return load_tool('infer')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Clips of the size of the configs, and a checkpoint."""
    from mmengine.config import Config

    from mmfer.deployment.network import load_recognizer
    folder = tmp_path_factory.mktemp('data')
    write_labelled_clips(folder, subjects=3, frames=9)
    torch.manual_seed(0)
    model, _ = load_recognizer(Config.fromfile(CONFIG), None)
    torch.save(dict(state_dict=model.state_dict()), folder / 'epoch_1.pth')
    return folder


@pytest.fixture(scope='module')
def report(tool, data):
    out = data / 'infer.json'
    assert tool.main([
        '--model', f'ours={CONFIG},{data / "epoch_1.pth"}', '--twin',
        f'twin={TWIN}', '--peers', '--data-root', str(data), '--rounds', '2',
        '--clips', '2', '--out', str(out)
    ]) == 0
    return json.loads(out.read_text())


def test_every_stage_and_sample_is_kept(report):
    assert report['left_out'] == {} and report['threads'] == 1
    assert [clip['name'] for clip in report['clips']] == [
        's2_sad.mp4', 's2_disgust.mp4']
    assert set(report['samples']) == {'ours | torch', 'twin | torch'}
    for sample in report['samples'].values():
        assert len(sample['cpu']) == len(sample['stages']) == 2
        for cpu, stages in zip(sample['cpu'], sample['stages']):
            assert list(stages) == ['open', 'read', 'transform', 'forward']
            # The stages are all there is to a prediction.
            assert .7 * cpu < sum(stages.values()) < 1.1 * cpu


def test_accuracy_stands_beside_its_time(report):
    ours = report['models']['ours']
    assert ours['kind'] == 'residual' and ours['input'] == [8, 1, 96, 96]
    assert ours['parameters'] > 1e5 and .01 < ours['gmac'] < 1
    accuracy = ours['accuracy']['torch']
    # Seven test clips, one of each class.
    assert accuracy['clips'] == 7
    assert accuracy['UAR'] * 7 == pytest.approx(round(accuracy['UAR'] * 7))
    assert report['models']['twin']['accuracy'] == {}


def test_the_table_holds_medians(load_tool, report):
    text = load_tool('render').render_infer(report)
    row, = [line for line in text.splitlines() if line.startswith('| ours |')]
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    median = statistics.median(report['samples']['ours | torch']['cpu'])
    assert cells[4].startswith(f'{median:.2f} (') and cells[-1] == '1.0'
    assert f'{report["models"]["ours"]["accuracy"]["torch"]["UAR"]:.3f}' in row
    twin, = [line for line in text.splitlines() if line.startswith('| twin |')]
    assert 'random weights' in twin


def test_the_plot_has_models_with_accuracy_only(load_tool, report, tmp_path):
    pytest.importorskip('matplotlib')
    render = load_tool('render')
    assert render.plot_accuracy(report, tmp_path / 'plot.png') == 1
    assert (tmp_path / 'plot.png').stat().st_size > 5000


def test_wrong_pictures_are_not_timed(tool, data):
    """One picture late, or nothing at all, is disqualified."""
    from contestants import verify_reading
    rng = np.random.default_rng(0)
    true = rng.integers(0, 255, (5, 8, 8, 3)).astype(np.uint8)

    def contestant(shown):
        results = dict(imgs=list(shown), frame_inds=np.arange(4))
        return SimpleNamespace(pipeline=SimpleNamespace(
            kind='rgb', stages=(str, lambda _: results, None)))

    def pictures(indices):
        return true[indices].astype(int)

    assert verify_reading(contestant(true[:4]), 'x', pictures) is None
    assert 'other pictures' in verify_reading(
        contestant(true[1:]), 'x', pictures)
    assert verify_reading(
        contestant(np.zeros_like(true[:4])), 'x', pictures) == 'all zero'


def test_no_gpu_is_no_failure(tool, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert tool.main(['--model', f'ours={CONFIG}', '--device', 'cuda']) == 0
    assert 'no GPU here' in capsys.readouterr().err
