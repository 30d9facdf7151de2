# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""tools/benchmark/read_stages.py: the parts and the whole of one call."""

import json
import pathlib
import subprocess
import sys

import numpy as np

TOOL = (pathlib.Path(__file__).parents[2] / 'tools' / 'benchmark'
        / 'read_stages.py')


def test_what_is_left_over_completes_the_whole(tmp_path):
    out = tmp_path / 'stages.json'
    done = subprocess.run(
        [sys.executable, TOOL, '--rounds', '3', '--pictures', '30', '--size',
         '64', '--asked', '3', '--clips', '2', '--out', out],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    rows = {}
    for line in done.stdout.splitlines():
        if line.startswith('|') and '---' not in line:
            name, *cells = [c.strip() for c in line.strip('|').split('|')]
            rows[name] = cells
    for column, label in enumerate(rows.pop('CPU ms, median')):
        samples = report['codings'][label]
        assert len(samples) == 3
        assert float(rows['whole'][column]) == round(
            float(np.median([s['whole'] for s in samples])), 2)
        parts = sum(float(cells[column]) for name, cells in rows.items()
                    if name != 'whole')
        assert abs(parts - float(rows['whole'][column])) < .05  # rounding
