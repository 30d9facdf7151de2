# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is left of an identity-aware training when it is over."""
import copy
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS, MODELS  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402

from mmfer.engine.expression_model import (ExportError,  # noqa: E402
                                           export_expression_model,
                                           expression_config,
                                           expression_state)
from mmfer.testing.decoded_packets import (decoded_types,  # noqa: E402
                                           listen_to_decoders)
from mmfer.testing.identity_data import write_identity_data  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ('configs/mifer/mifer-vclub-apex_r10-quarter_1xb32-s8-24e_'
                 'synthetic-faces.py')
TRAINING_ONLY = ('identity_head.', 'apex_decoder.', 'identity_encoder.')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Labelled clips with identities, where the shipped configs look."""
    folder = tmp_path_factory.mktemp('data')
    write_identity_data(folder, subjects=3)
    return folder


@pytest.fixture
def cfg(data, monkeypatch):
    """The paper-faithful config with the complementary constraint."""
    monkeypatch.setenv('MMFER_DATA', str(data))
    return Config.fromfile(CONFIG)


@pytest.fixture
def checkpoint(cfg, tmp_path):
    """A checkpoint as a training would write it."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        dict(meta=dict(epoch=1, dataset_meta=dict(classes=('a', 'b'))),
             state_dict=model.state_dict()), path)
    return path


def _scores(model, cfg, count=3):
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in range(count)])
    with torch.no_grad():
        samples = model.eval().test_step(batch)
    return torch.stack([sample.pred_score for sample in samples])


def test_export_predicts_the_same_and_holds_no_identity(
        cfg, checkpoint, tmp_path):
    out, out_config = tmp_path / 'e.pth', tmp_path / 'e.py'
    report = export_expression_model(cfg, str(checkpoint), str(out),
                                     str(out_config))
    before = torch.load(checkpoint, weights_only=True)['state_dict']
    content = torch.load(out, weights_only=True)
    names = set(content['state_dict'])
    assert names == {n for n in before if not n.startswith(TRAINING_ONLY)}
    assert any(n.startswith(TRAINING_ONLY) for n in before)
    assert report['dropped'] > 0
    assert report['bytes_after'] < report['bytes_before']
    assert content['meta']['dataset_meta']['classes'] == ('a', 'b')

    exported_cfg = Config.fromfile(out_config)
    text = exported_cfg.pretty_text
    assert 'dentity' not in text and 'pex' not in text
    exported = MODELS.build(exported_cfg.model)
    assert type(exported).__name__ == 'Recognizer2D'
    exported.load_state_dict(content['state_dict'], strict=True)
    trained = MODELS.build(cfg.model)
    trained.load_state_dict(before)
    ours, theirs = _scores(exported, exported_cfg), _scores(trained, cfg)
    assert torch.equal(ours, theirs)
    assert ours.std() > 1e-3
    assert report['doubt'] is None


def test_the_tool_writes_what_mmactions_test_runs(
        cfg, checkpoint, tmp_path, data):
    env = {**os.environ, 'MMFER_DATA': str(data), 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        [sys.executable, '-W', 'ignore',
         str(ROOT / 'tools/deployment/export_expression_model.py'),
         str(CONFIG), str(checkpoint), '--out', str(tmp_path / 'e.pth')],
        env=env, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert 'left out' in done.stdout
    tested = subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools/test.py'),
         'e.py', 'e.pth', '--work-dir', 'out', '--cfg-options',
         'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False'],
        env=env, cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert tested.returncode == 0, tested.stdout[-2000:]
    assert 'fer/UAR' in tested.stdout


def test_no_intra_picture_is_decoded_in_test(cfg):
    """Counted packet by packet, over the whole test split."""
    reduced = expression_config(cfg)
    dataset = DATASETS.build(reduced.test_dataloader.dataset)
    for index in range(len(dataset)):
        with listen_to_decoders() as heard:
            sample = dataset[index]
        assert isinstance(sample['inputs'], torch.Tensor)
        types = decoded_types(dataset.get_data_info(index)['filename'], heard)
        assert set(types) == {'P'} and types['P'] >= 8


def test_training_decodes_the_apex_which_shows_that_packets_are_heard(cfg):
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    known = [i for i in range(len(dataset))
             if dataset.get_data_info(i).get('apex') is not None]
    with listen_to_decoders() as heard:
        dataset[known[0]]
    types = decoded_types(dataset.get_data_info(known[0])['filename'], heard)
    assert types['I'] >= 1


def test_a_foreign_checkpoint_is_refused(cfg, checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    spoilt = copy.deepcopy(content['state_dict'])
    spoilt['other.weight'] = spoilt.pop('cls_head.fc_cls.weight')
    torch.save(dict(state_dict=spoilt), checkpoint)
    with pytest.raises(ExportError, match='belongs to another config'):
        export_expression_model(cfg, str(checkpoint),
                                str(tmp_path / 'e.pth'),
                                str(tmp_path / 'e.py'))
    assert not (tmp_path / 'e.pth').exists()


@pytest.mark.parametrize('out, word', [
    ('identity-aware.pth', r'identity-aware\.py: would be overwritten'),
    ('epoch_1.pth', r'epoch_1\.pth: would be overwritten'),
    ('e.py', r'e\.py: give a name in \.pth'),
    ('other.pth', r'other\.py: would be overwritten')])
def test_nothing_but_an_earlier_export_is_overwritten(
        cfg, checkpoint, tmp_path, out, word):
    config = tmp_path / 'identity-aware.py'
    cfg.dump(config)
    (tmp_path / 'other.py').write_text('x = 1')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    tool = runpy.run_path(
        str(ROOT / 'tools/deployment/export_expression_model.py'))['main']
    with pytest.raises(SystemExit, match=word):
        tool([str(config), str(checkpoint), '--out', str(tmp_path / out)])
    with pytest.raises(ExportError, match=word):
        export_expression_model(
            Config.fromfile(config), str(checkpoint), str(tmp_path / out),
            str((tmp_path / out).with_suffix('.py')))
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(2):  # its own files are replaced
        tool([str(config), str(checkpoint), '--out', str(tmp_path / 'e.pth')])


@pytest.mark.parametrize('tool', ['export.py', 'export_expression_model.py'])
def test_files_that_are_no_checkpoint_are_one_line(tool, checkpoint, tmp_path,
                                                   capsys, data, monkeypatch):
    monkeypatch.setenv('MMFER_DATA', str(data))
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['cls_head.fc_cls.bias'] = torch.zeros(99)
    for number, spoilt in enumerate((
            [1, 2], {0: torch.ones(1)}, dict(state_dict=3), content)):
        torch.save(spoilt, tmp_path / f'{number}.pth')
    (tmp_path / 'cut.pth').write_bytes(checkpoint.read_bytes()[:-3000])
    main = runpy.run_path(str(ROOT / 'tools/deployment' / tool))['main']
    for name in ('0', '1', '2', '3', 'cut'):
        path = str(tmp_path / f'{name}.pth')
        arguments = [str(CONFIG), path] + (
            ['--to', 'torchscript-fp32'] if tool == 'export.py' else [])
        try:
            said = main(arguments)
            assert said == 2
            said = capsys.readouterr().err
        except SystemExit as end:
            said = end.code
        assert said.startswith(path) and len(said.splitlines()) == 1, said


def test_kept_weights_are_copies():
    state = {'a': torch.ones(2), 'identity_head.b': torch.ones(1)}
    kept = expression_state(state, ['a'])
    state['a'].zero_()
    assert list(kept) == ['a'] and kept['a'].sum() == 2
