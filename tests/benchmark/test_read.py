# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""tools/benchmark/read.py: verifies before it times, keeps every sample."""

import importlib
import importlib.util
import json
import pathlib
import statistics
import sys
import time

import numpy as np
import pytest

TOOL = pathlib.Path(__file__).parents[2] / 'tools' / 'benchmark' / 'read.py'


@pytest.fixture(scope='module')
def tool():
    # A script finds the modules beside it.
    sys.path.insert(0, str(TOOL.parent))
    spec = importlib.util.spec_from_file_location('benchmark_read', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(TOOL.parent))


@pytest.fixture(scope='module')
def report(tool, tmp_path_factory):
    out = tmp_path_factory.mktemp('benchmark') / 'read.json'
    assert tool.main(['--rounds', '2', '--pictures', '40', '--size', '64',
                      '--asked', '3', '--out', str(out)]) == 0
    assert [p.name for p in out.parent.iterdir()] == ['read.json']
    return json.loads(out.read_text())


def test_every_sample_is_kept(report):
    assert list(report['clips']) == ['MPEG-4, GOP 12', 'H.264, defaults']
    for clip in report['clips'].values():
        assert clip['indices'] == [6, 20, 33] and clip['pictures'] == 40
        for sample in clip['samples'].values():
            assert len(sample['cpu']) == len(sample['wall']) == 2
            assert min(sample['cpu'] + sample['wall']) > 0
        assert {'mmfer residuals', 'PyAV'} <= set(clip['samples'])
        assert clip['left_out'] == {}
    assert report['versions']['av'] and report['machine']['cores'] >= 1


def test_the_table_holds_medians_and_ratios(tool, report):
    text = tool.render(report)
    clip = report['clips']['MPEG-4, GOP 12']
    base = statistics.median(clip['samples']['mmfer residuals']['cpu'])
    other = statistics.median(clip['samples']['PyAV']['cpu'])
    line, = [
        row for row in text.split('H.264, defaults')[0].splitlines()
        if row.startswith('| PyAV |')
    ]
    cells = [c.strip() for c in line.strip('|').split('|')]
    assert cells[1] == f'{other:.2f}' and cells[4] == f'{other / base:.1f}'


def test_clips_of_a_coding_are_read_in_turn(tool, report):
    for clip in report['clips'].values():
        assert len({file['sha256'] for file in clip['files']}) == 4
    readers, _ = tool.make_readers()
    reader = readers[0]
    seen = []
    reader.read, reader.prepare = lambda *given: seen.append(given), None
    call = reader.bind(['a', 'b'], [3])
    for _ in range(3):
        call()
    assert seen == [('a', [3]), ('b', [3]), ('a', [3])]


def test_readers_that_disagree_are_left_out(tool):
    rng = np.random.default_rng(0)
    right = [rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
             for _ in range(3)]
    close = [np.clip(f.astype(int) + 1, 0, 255) for f in right]
    residual = [rng.integers(-9, 9, (8, 8)) for _ in range(3)]
    out = tool.disqualified({
        'a': ('rgb', right), 'close': ('rgb', close),
        'shifted': ('rgb', right[1:] + right[:1]),
        'short': ('rgb', right[:2]),
        'r': ('residual', residual),
        'off': ('residual', [r + (r == 3) for r in residual]),
        'empty': ('chain', [np.zeros((8, 8))])
    })
    assert set(out) == {'shifted', 'short', 'off', 'empty'}


def test_cpu_and_wall_time_mean_what_they_say(tool):
    """Sleeping costs wall time only; counting costs both."""
    samples = tool.measure(
        dict(sleep=lambda: time.sleep(.03),
             count=lambda: sum(range(2_000_000))), 3, 0)
    sleep, count = samples['sleep'], samples['count']
    assert statistics.median(sleep['wall']) >= 30
    assert statistics.median(sleep['cpu']) < 10
    assert statistics.median(count['cpu']) > 10


def test_a_library_that_is_missing_is_a_note(tool, monkeypatch):
    real = importlib.import_module

    def missing(name, *args):
        if name == 'decord':
            raise ImportError('No module named decord')
        return real(name, *args)

    monkeypatch.setattr(importlib, 'import_module', missing)
    readers, notes = tool.make_readers()
    assert 'decord' not in [r.name for r in readers]
    assert any(n.startswith('decord left out') for n in notes)
