# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""docs/data.md lists what the doctor can find, and what the tool can do."""
import re
from pathlib import Path

import pytest

import mmfer
from mmfer.datasets.doctor import annotation_checks, stream_checks

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
PAGE = REPOSITORY / 'docs' / 'data.md'
pytestmark = pytest.mark.skipif(not PAGE.is_file(),
                                reason='the source tree is not here')


def codes_in_source():
    """Codes of findings, with all that may stand in their gaps."""
    gaps = {'{kind}': list(stream_checks._PROBLEMS), '{key}': ['split', 'fold'],
            '{code}': ['duplicate', 'near-duplicate'],
            '{what.split()[0]}': ['sizes', 'codecs'],
            '{what}': ['clips', 'subjects', 'classes', 'splits', 'folds']}
    folder = Path(annotation_checks.__file__).parent
    files = [*folder.glob('*.py'),
             folder.parent / 'adapters' / 'completeness.py']
    codes = set()
    for file in files:
        text = file.read_text('utf-8')
        for code in re.findall(
                r"Finding\(\s*(?:'\w+'(?: if .+? else '\w+')?),\s*"
                r"f?'([^']+)'|(?:yield from _describe\([^)]*?"
                r"'((?:near-)?duplicate)')", text):
            code = ''.join(code)
            for gap, fillings in gaps.items():
                if gap in code:
                    codes |= {code.replace(gap, f) for f in fillings}
                    break
            else:
                codes.add(code)
    return codes


def test_every_finding_is_explained():
    section = PAGE.read_text('utf-8').split('## The doctor')[1]
    listed = set(re.findall(r'`([a-z-]+)`', '\n'.join(
        line.split('|')[1] for line in section.splitlines()
        if line.startswith('| `'))))
    found = codes_in_source()
    assert len(found) > 30
    assert listed == found


def test_every_option_of_the_page_exists():
    tool = ''.join((REPOSITORY / f'tools/data/{name}.py').read_text('utf-8')
                   for name in ('prepare', 'merge'))
    page = PAGE.read_text('utf-8').split('## The doctor')[0]
    options = set(re.findall(r'(?<![\w-])--[a-z][a-z-]+', page))
    others = {'--out', '--work-dir', '--cfg-options'}
    assert len(options) > 20
    for option in options - others:
        assert f"'{option}'" in tool, option
