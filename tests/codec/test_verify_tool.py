# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""tools/verify_exactness.py runs on any file and its table tells the truth."""

import importlib.util
import pathlib

import numpy as np
import pytest

from mmfer.codec import CompressedVideo

TOOL = pathlib.Path(__file__).parents[2] / 'tools' / 'verify_exactness.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('verify_exactness', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith('| ')]
    table = [[c.strip() for c in line.strip('|').split('|')] for line in lines]
    return [dict(zip(table[0], row)) for row in table[1:]]


def test_good_files_pass(tool, make_clip, capsys):
    paths = [
        make_clip('mpeg4', count=8), make_clip('mpeg4', count=6, size=(60, 50)),
        make_clip('mpeg4_interlaced', 'interlaced', 6),
        make_clip('h264_weighted', 'fade', 8), make_clip('hevc', count=6)
    ]
    assert tool.main(paths) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [r['proof'] for r in rows] == ['numpy', 'decoder', 'decoder',
                                          'numpy', 'none']
    assert {r['deterministic'] for r in rows} == {'100 %'}
    assert [r['exact'] for r in rows] == ['100 %'] * 4 + ['-']
    assert {r['read'] for r in rows} == {'100 %'}
    assert [r['P'] for r in rows] == ['7', '5', '5', '7', '5']


def test_wrong_and_unsteady_residuals_fail(tool, make_clip, capsys,
                                           monkeypatch):
    """Negative control: a reader that is off by one, then a moody one."""
    path = make_clip('h264_deblock', count=8)
    right = CompressedVideo.residual_at

    def off_by_one(self, index, otherwise=None):
        residual = right(self, index, otherwise)
        residual.y[16:32, 16:48] += 1
        return residual

    monkeypatch.setattr(CompressedVideo, 'residual_at', off_by_one)
    assert tool.main([path]) == 1
    row, = rows_of(capsys.readouterr().out)
    assert float(row['exact'].split()[0]) < 99.9
    assert row['deterministic'] == '100 %'

    rng = np.random.default_rng(0)

    def moody(self, index, otherwise=None):
        residual = right(self, index, otherwise)
        residual.y[0, 0] += rng.integers(1000)
        return residual

    monkeypatch.setattr(CompressedVideo, 'residual_at', moody)
    assert tool.main([path]) == 1
    row, = rows_of(capsys.readouterr().out)
    assert row['deterministic'] != '100 %'


def test_what_cannot_be_read_is_named(tool, make_clip, capsys):
    assert tool.main([make_clip('vp9', count=5, suffix='.webm')]) == 1
    assert 'vp9' in capsys.readouterr().err


def test_shares_are_not_rounded_up(tool):
    assert tool.share(10**9 - 1, 10**9) == '99.9999 %'
    assert tool.share(5, 5) == '100 %' and tool.share(0, 0) == '-'
