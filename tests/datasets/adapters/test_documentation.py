# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The page about data sets says what the adapters say."""
import re
from pathlib import Path

import pytest

from mmfer.datasets.adapters import ADAPTERS

PAGE = Path(__file__).parents[3] / 'docs/datasets/README.md'


@pytest.mark.parametrize('name', ADAPTERS)
def test_section(name):
    adapter = ADAPTERS[name]
    sections = re.split(r'^## ', PAGE.read_text('utf-8'), flags=re.M)
    section, = [s for s in sections if s.startswith(adapter.title + '\n')]
    plain = ' '.join(section.split())
    facts = [f'tools/data/prepare.py {name} --root', adapter.access,
             adapter.licence, f'Classes: {", ".join(adapter.classes)}']
    facts += [f'`{key}`: {protocol.description}'
              for key, protocol in adapter.protocols.items()]
    facts += [f'`--source {key}`: {place.note} (crop `{place.crop}`)'
              for key, place in adapter.places.items()]
    facts += [expected.source for expected in adapter.expected.values()]
    facts += [f'{count} {each:,}' for expected in adapter.expected.values()
              for count, each in expected.classes.items()
              if count in adapter.classes and len(expected.classes) < 20]
    facts += list(adapter.unverified)
    missing = [fact for fact in facts if fact not in plain]
    assert missing == []
    assert adapter.citation in section


def test_table():
    rows = re.findall(r'^\| `([\w+-]+)` \| \[(.+?)\]\(#(.+?)\) \| (\d+) \| '
                      r'([\d,]+|not stated) \| (yes|no) \| (.+?) \|',
                      PAGE.read_text('utf-8'), flags=re.M)
    assert [row[0] for row in rows] == list(ADAPTERS)
    for name, title, _, classes, clips, persons, protocols in rows:
        adapter = ADAPTERS[name]
        expected = next(iter(adapter.expected.values()))
        assert title == adapter.title
        assert int(classes) == len(adapter.classes)
        assert clips == (f'{expected.clips:,}' if expected.clips
                         else 'not stated')
        assert (persons == 'yes') == adapter.identity
        assert re.findall('`(.+?)`', protocols) == list(adapter.protocols)
