# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Exports give what the training gives, and say what they are worth."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmaction')

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402

from mmfer.deployment import (ExportedModelError,  # noqa: E402
                              load_exported)
from mmfer.deployment import exporter  # noqa: E402
from mmfer.deployment.accuracy import Comparison, is_acceptable  # noqa: E402
from mmfer.deployment.formats import TARGETS, missing_packages  # noqa: E402
from mmfer.deployment.network import (DeployableNetwork,  # noqa: E402
                                      PoolByMatrices, ShiftByConcatenation,
                                      load_recognizer)
from mmfer.models.backbones.temporal_shift import TemporalShift  # noqa: E402

ROOT = Path(__file__).parents[2]
AVAILABLE = [name for name in TARGETS if not missing_packages(name)]


@pytest.fixture(scope='module')
def exported(trained, tmp_path_factory):
    """All that the installed packages can write, unchecked by accuracy."""
    config, checkpoint = trained
    stem = str(tmp_path_factory.mktemp('exported') / 'tiny')
    return exporter.export_checkpoint(
        Config.fromfile(config), str(checkpoint), AVAILABLE, stem,
        calibration_clips=4, force=True, report=lambda text: None)


@pytest.fixture(scope='module')
def eager(trained):
    """The recogniser of the training."""
    config, checkpoint = trained
    return load_recognizer(Config.fromfile(config), str(checkpoint))[0]


def _samples(trained):
    dataset = exporter.test_samples(Config.fromfile(trained[0]))
    return np.stack([np.asarray(dataset[i]['inputs'])
                     for i in range(len(dataset))])


@pytest.mark.parametrize('target', list(TARGETS))
def test_an_export_gives_the_scores_of_the_training(
        target, exported, trained, eager):
    """In batches of any size, of integers as the pipeline packs them."""
    if target not in exported:
        pytest.skip(f'{missing_packages(target)} not installed')
    inputs = _samples(trained)
    assert inputs.dtype == np.int16 and inputs.shape[1:] == (8, 3, 40, 40)
    expected = exporter.eager_scores(eager, inputs.astype(np.float32))
    # The drawn weights tell the clips apart; else this test would be void.
    assert expected.std(axis=0).max() > 1e-3
    model = load_exported(exported[target]['path'], threads=1)
    scores = model(inputs)
    assert scores.dtype == np.float32 and scores.shape == (len(inputs), 3)
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-3)
    atol = dict(fp32=1e-4, bf16=.05, int8=.25)[TARGETS[target][1]]
    np.testing.assert_allclose(scores, expected, atol=atol)
    np.testing.assert_allclose(model(inputs[1:2]), scores[1:2], atol=1e-5)


@pytest.mark.parametrize('target', AVAILABLE)
def test_the_metadata_tells_what_was_measured(target, exported, eager,
                                              trained):
    model = load_exported(exported[target]['path'])
    found = model.metadata
    assert found['classes'] == ['happy', 'sad', 'angry']
    assert found['coding'] == dict(codec='mpeg4')
    assert found['input'] == [8, 3, 40, 40]
    assert found['checkpoint'] == 'epoch_1.pth' and len(found['sha256']) == 64
    accuracy = found['accuracy']
    assert accuracy['clips'] == 3 and accuracy['split'] == 'test'
    inputs = _samples(trained)
    expected = exporter.eager_scores(eager, inputs.astype(np.float32))
    off = np.abs(model(inputs) - expected).max()
    assert accuracy['largest_difference'] == pytest.approx(off, abs=1e-5)
    # One clip of each class, in this order: UAR is the share of hits.
    assert accuracy['UAR_eager'] == pytest.approx(
        (expected.argmax(1) == [0, 1, 2]).mean())
    if TARGETS[target][1] == 'int8':
        assert found['calibration']['split'] == 'train'
        assert found['calibration']['clips'] == 4


def test_loading_imports_the_runtime_alone(exported):
    """No model class of torch, mmengine or mmaction2."""
    if 'onnx-fp32' not in exported:
        pytest.skip('onnx not installed')
    code = ('import sys; from mmfer.deployment import load_exported; '
            f'load_exported({exported["onnx-fp32"]["path"]!r}); '
            'print([m for m in ("torch", "mmengine", "mmaction") '
            'if m in sys.modules])')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True,
                         text=True, cwd=ROOT)
    assert out.stdout.strip() == '[]', out.stderr


def test_the_network_is_that_of_the_test(eager, trained):
    """Folded, rewritten for exporters, and still the same function."""
    inputs = _samples(trained).astype(np.float32)
    network = DeployableNetwork(eager)
    batch = torch.from_numpy(inputs)
    expected = exporter.eager_scores(eager, inputs)
    np.testing.assert_allclose(network(batch), expected, atol=1e-5)
    network.fix_input(batch)
    kinds = {type(module) for module in network.modules()}
    assert PoolByMatrices in kinds and torch.nn.BatchNorm2d in kinds
    # Only the normalisation of the input has no convolution before it.
    assert sum(isinstance(m, torch.nn.BatchNorm2d)
               for m in network.modules()) == 1
    np.testing.assert_allclose(network(batch), expected, atol=1e-5)
    # The original is as it was.
    assert sum(isinstance(m, torch.nn.BatchNorm2d)
               for m in eager.modules()) > 1


@pytest.mark.parametrize('size, output', [((7, 7), (3, 3)), ((10, 5), (4, 2))])
def test_pooling_by_matrices(size, output):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = torch.nn.functional.adaptive_avg_pool2d(x, output)
    found = PoolByMatrices(size, output).double()(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_shift_by_concatenation():
    x = torch.randn(10, 16, 3, 3)
    shift = TemporalShift(5, 4)
    assert torch.equal(ShiftByConcatenation(shift)(x), shift(x))


def test_averages_over_clips_as_the_training_does(trained):
    """Two clips a sample; 'prob' and 'score' differ."""
    cfg = Config.fromfile(trained[0])
    inputs = _samples(trained).astype(np.float32)
    inputs = np.concatenate([inputs, inputs[:, :, :, ::-1]], axis=1)
    found = {}
    for kind in ('prob', 'score'):
        cfg.model.cls_head.average_clips = kind
        model = load_recognizer(cfg, str(trained[1]))[0]
        expected = exporter.eager_scores(model, inputs)
        found[kind] = DeployableNetwork(model)(
            torch.from_numpy(inputs.copy())).numpy()
        np.testing.assert_allclose(found[kind], expected, atol=1e-5)
    assert np.abs(found['prob'] - found['score']).max() > 1e-5


def test_what_loses_more_than_a_point_is_refused(trained, tmp_path,
                                                 monkeypatch):
    """And leaves nothing behind, unless it is forced."""
    comparison = Comparison(2)
    labels = [0] * 100 + [1] * 100
    right = np.eye(2)[labels]
    wrong = right.copy()
    wrong[:3] = wrong[:3, ::-1]
    comparison.add(labels, right, wrong)
    summary = comparison.summary()
    assert summary['UAR'] == pytest.approx(.985)
    assert summary['same_class'] == pytest.approx(.985)
    assert not is_acceptable(summary)
    assert is_acceptable(summary, .015)
    monkeypatch.setattr(exporter, 'compare_exports',
                        lambda *_: {'torchscript-fp32': summary})
    cfg, checkpoint = Config.fromfile(trained[0]), str(trained[1])
    options = dict(report=lambda text: None)
    done = exporter.export_checkpoint(
        cfg, checkpoint, ['torchscript-fp32'], str(tmp_path / 'x'), **options)
    assert done['torchscript-fp32']['path'] is None
    assert list(tmp_path.iterdir()) == []
    done = exporter.export_checkpoint(
        cfg, checkpoint, ['torchscript-fp32'], str(tmp_path / 'x'),
        force=True, **options)
    assert [p.name for p in tmp_path.iterdir()] == ['x_fp32.torchscript']
    model = load_exported(done['torchscript-fp32']['path'])
    assert model.metadata['accuracy']['UAR_loss'] == pytest.approx(.015)


def test_bad_files_are_named(tmp_path):
    for name, content in (('a.onnx', b'nothing'), ('b.pth', b''),
                          ('c.torchscript', b'nothing')):
        path = tmp_path / name
        path.write_bytes(content)
        if name == 'a.onnx' and missing_packages('onnx-fp32'):
            continue
        with pytest.raises(ExportedModelError, match=name):
            load_exported(path)
    with pytest.raises(ExportedModelError, match='no such file'):
        load_exported(tmp_path / 'd.onnx')


def test_samples_of_another_size_are_refused(exported):
    model = load_exported(exported['torchscript-fp32']['path'])
    with pytest.raises(ValueError, match=r'\(8, 3, 40, 40\)'):
        model(np.zeros((1, 8, 3, 48, 48), np.float32))


def test_the_tool_prints_what_an_export_is_worth(trained, tmp_path):
    config, checkpoint = trained
    command = [sys.executable, '-W', 'ignore',
               str(ROOT / 'tools' / 'deployment' / 'export.py'), str(config),
               str(checkpoint), '--to', 'torchscript-fp32', '--out',
               str(tmp_path / 'tiny')]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    out = subprocess.run(command, capture_output=True, text=True,
                         env=environment, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    row = out.stdout.splitlines()[-1]
    assert row.startswith('| torchscript-fp32 |') and '1.0000' in row
    assert (tmp_path / 'tiny_fp32.torchscript').is_file()
    out = subprocess.run(command[:5] + [str(tmp_path / 'no.pth')],
                         capture_output=True, text=True, env=environment)
    assert out.returncode == 2 and 'no.pth: no such file' in out.stderr
