# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Every official data set, from the release to a tested model.

The commands of the documentation, on tiny trees in the official layouts:
prepare, doctor, one epoch of training with the data set's own config, test of
the same fold. The commands run in this process, which saves the minute that
their imports would take.
"""
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

from mmengine.fileio import load  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402

from mmfer.datasets.adapters import get_adapter, list_adapters  # noqa: E402
from mmfer.handover import run_script  # noqa: E402
from mmfer.testing.releases import write_release  # noqa: E402

ROOT = Path(__file__).parents[1]
# The same config on small pictures, with a network of a quarter of the width.
SMALL = [
    'model.backbone.width=0.25', 'model.backbone.depth=10',
    'model.cls_head.in_channels=128',
    'train_dataloader.dataset.pipeline.4.scale=(32,32)',
    'val_dataloader.dataset.pipeline.3.scale=(32,32)',
    'test_dataloader.dataset.pipeline.3.scale=(32,32)',
    'train_cfg.max_epochs=1'
] + [f'{part}_dataloader.{key}' for part in ('train', 'val', 'test')
     for key in ('num_workers=0', 'persistent_workers=False')]


def _tool(name):
    """The main function of one of the tools."""
    path = ROOT / 'tools' / 'data' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'tool_{name}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def _exit_code(main, *arguments):
    try:
        return main(list(map(str, arguments))) or 0
    except SystemExit as stop:
        return stop.code or 0


def _run(script, monkeypatch, *arguments):
    """One of mmaction2's scripts; leaves no trace in this process."""
    monkeypatch.setattr(sys, 'argv', [script])
    before = DefaultScope.get_current_instance()
    run_script(script, list(map(str, arguments)))
    # The runner sets a scope for good.
    DefaultScope._instance_dict.clear()
    if before is not None:
        DefaultScope._instance_dict[before.instance_name] = before


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', list_adapters())
def test_from_release_to_result(name, tmp_path, monkeypatch, capsys):
    release = write_release(name, tmp_path / 'release', frames=8, size=48)
    out = tmp_path / 'data' / name
    assert _exit_code(_tool('prepare'), name, '--root', release, '--out', out,
                      '--size', 48, '--samples', 3, '--workers', 0,
                      '--quiet') == 0
    clips = json.loads((out / 'annotations.json').read_text('utf-8'))['clips']
    # A tiny copy is no complete one: warnings, but no error.
    assert _exit_code(_tool('doctor'), out / 'annotations.json', '--workers',
                      0, '--detector', '', '--quiet') in (0, 1)

    config, = (ROOT / 'configs' / 'residual').glob(f'*_{name}-*.py')
    work = tmp_path / 'work'
    monkeypatch.setenv('MMFER_DATA', str(tmp_path / 'data'))
    monkeypatch.setenv('MMFER_FOLD', '2')
    monkeypatch.chdir(tmp_path)
    _run('train.py', monkeypatch, config, '--work-dir', work, '--seed', 0,
         '--cfg-options', *SMALL, f'experiment_name=train_{name}')
    said = capsys.readouterr().out
    assert re.search(r'Epoch\(train\)\s+\[1\]', said)
    _run('test.py', monkeypatch, config, work / 'epoch_1.pth', '--work-dir',
         work / 'test', '--dump', work / 'said.pkl', '--cfg-options', *SMALL,
         f'experiment_name=test_{name}')
    tested = _clips_of_the_test(name, clips)
    said = load(str(work / 'said.pkl'))
    assert sorted(Path(sample['filename']).name for sample in said) == \
        sorted(Path(clip['path']).name for clip in tested)


def _clips_of_the_test(name, clips):
    """The clips that the protocol tests, by the annotations alone."""
    kind = next(iter(get_adapter(name).protocols.values())).kind
    if kind == 'split':
        split = 'val' if name == 'afew' else 'test'
        return [clip for clip in clips if clip['split'] == split]
    kept = dict(
        casme2=('happy', 'disgust', 'repression', 'surprise', 'others'),
        samm=('angry', 'contempt', 'happy', 'surprise', 'others')).get(name)
    return [clip for clip in clips if clip['fold'] == 2
            and (kept is None or clip['label'] in kept)]
