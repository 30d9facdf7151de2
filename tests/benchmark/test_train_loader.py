# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""tools/benchmark/train_loader.py: clips a second and core."""
import json
import time

import pytest
import torch

pytest.importorskip('mmaction')
pytest.importorskip('decord')


@pytest.fixture(scope='module')
def tool(load_tool):
    return load_tool('train_loader')


@pytest.fixture(scope='module')
def report(tool, tmp_path_factory):
    out = tmp_path_factory.mktemp('loader') / 'loader.json'
    assert tool.main([
        '--workers', '0', '1', '--rounds', '1', '--batches', '2',
        '--batch-size', '2', '--pictures', '12', '--size', '56', '--out',
        str(out)
    ]) == 0
    return json.loads(out.read_text())


def test_all_loaders_are_timed(tool, report):
    group = report['groups']['h264']
    assert group['pictures'] == 12 and len(group['files']) == 4
    assert set(group['samples']) == {
        f'{name} | {workers}' for name in tool.training_pipelines(56)
        for workers in (0, 1)}
    for samples in group['samples'].values():
        sample, = samples
        assert sample['clips'] == 4
        assert sample['cpu'] > 0 and sample['wall'] > 0


def test_the_table_holds_clips_by_cpu_seconds(load_tool, report):
    text = load_tool('render').render(report)
    sample, = report['groups']['h264']['samples']['decord, same crop | 1']
    row, = [line for line in text.splitlines()
            if line.startswith('| decord, same crop | 1 |')]
    assert f'| {sample["clips"] / sample["cpu"]:.2f} (' in row


def test_cpu_time_of_workers_counts_and_waiting_does_not(tool):
    """Each clip costs a known time; sleeping costs none."""

    def costly(_):
        time.sleep(.02)
        end = time.process_time() + .02
        while time.process_time() < end:
            pass
        return dict(inputs=torch.zeros(1), data_samples=None)

    for workers in (0, 1):
        measured = tool.load(
            ['x'], [costly], 'pseudo_collate', workers, 2, 4)
        assert measured['clips'] == 8
        assert .155 < measured['cpu'] < .4
        assert measured['wall'] > .28
