# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Damage: no crash, no hang, only the library's own errors.

``MMFER_LONG_FUZZ=1 pytest tests/codec/test_fuzz.py`` damages 2,500 files and
20,000 packets instead of 200 and 300.
"""

import os
import subprocess
import sys

import pytest

from mmfer.codec import CompressedVideoError
from mmfer.testing import damaged, fuzz

LONG = os.environ.get('MMFER_LONG_FUZZ', '') not in ('', '0')


def test_damaged_files_and_packets():
    """In a subprocess: a segmentation fault must not take pytest along."""
    files, packets, timeout = (2500, 20000, 3000) if LONG else (200, 300, 120)
    done = subprocess.run([
        sys.executable, '-X', 'faulthandler', '-m', 'mmfer.testing.fuzz',
        '--files', str(files), '--packets', str(packets)
    ], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '0 wrong' in done.stdout
    assert f'{files} damaged files' in done.stdout


def test_damage_is_real_and_repeatable():
    data = bytes(range(256)) * 8
    broken = [damaged(data, seed) for seed in range(40)]
    assert all(b != data for b in broken)
    assert broken == [damaged(data, seed) for seed in range(40)]
    assert len({len(b) for b in broken}) > 5
    confined = [damaged(data, s, first=100, last=200) for s in range(40)]
    assert all(b[:100] == data[:100] for b in confined)


def test_the_harness_notices_foreign_errors_and_slowness():
    """Negative control."""
    import collections
    import time

    def fail():
        raise KeyError('oops')

    def refuse():
        raise CompressedVideoError('bad file; do this')

    def sleep():
        time.sleep(.05)

    outcomes = collections.Counter()
    wrong = fuzz.run_cases([('a', fail), ('b', refuse), ('c', sleep)],
                           outcomes, .02, 'case')
    assert [line.split(':')[0] for line in wrong] == ['a', 'c']
    assert outcomes['CompressedVideoError'] == 1


@pytest.mark.parametrize('size', [0, 1, 3])
def test_damage_of_almost_nothing(size):
    for seed in range(8):
        damaged(bytes(size), seed)
