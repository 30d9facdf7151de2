# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Findings: text, plain types, order."""
import json

import pytest

from mmfer.datasets.findings import Finding, count_severities, worst_first


def test_text_names_the_first_items():
    finding = Finding('error', 'subject-leak', '7 persons in two splits',
                      'make the splits again', (f's{i}' for i in range(7)))
    assert finding.to_text(limit=3) == (
        'error: 7 persons in two splits [subject-leak]\n'
        '    s0, s1, s2, ... (4 more)\n'
        '    -> make the splits again')
    assert Finding('info', 'x', 'fine').to_text() == 'info: fine [x]'


def test_json_keeps_all_items():
    finding = Finding('warning', 'x', 'text', items=range(9))
    assert json.loads(json.dumps(finding.to_dict())) == dict(
        severity='warning', code='x', message='text', advice='',
        items=[str(i) for i in range(9)])


def test_order_and_counts():
    found = [Finding(s, c, 'm') for s, c in
             (('info', 'a'), ('error', 'b'), ('info', 'c'), ('error', 'd'))]
    assert [f.code for f in worst_first(found)] == ['b', 'd', 'a', 'c']
    assert count_severities(found) == dict(error=2, warning=0, info=2)


def test_unknown_severity():
    with pytest.raises(ValueError, match="'bad' is none of error, warning"):
        Finding('bad', 'x', 'm')
