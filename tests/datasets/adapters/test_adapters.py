# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What holds for every adapter."""
import io
import re
import zipfile
from collections import defaultdict

import av
import pytest

from mmfer.datasets.adapters import (ADAPTERS, AdapterError, get_adapter,
                                     list_adapters)
from mmfer.datasets.class_names import ALIASES
from mmfer.datasets.folds import subject_folds

TWELVE = ('dfew', 'ferv39k', 'mafw', 'afew', 'ckplus', 'mmi', 'oulu-casia',
          'crema-d', 'ravdess', 'enterface05', 'casme2', 'samm')
SHEETS = {'casme2': dict(sheet='.csv'), 'samm': dict(sheet='.csv')}


@pytest.fixture(params=TWELVE)
def adapter(request, release):
    root = release(request.param, **SHEETS.get(request.param, {}))
    return get_adapter(request.param)(root)


def test_the_twelve():
    assert tuple(list_adapters()) == TWELVE
    for written in ('CK+', 'ck-plus', 'CKPLUS'):
        assert get_adapter(written) is ADAPTERS['ckplus']
    assert get_adapter('Oulu_CASIA') is ADAPTERS['oulu-casia']
    assert get_adapter("CASME II") is ADAPTERS['casme2']
    with pytest.raises(AdapterError, match="no adapter 'imagenet'; there are "
                                           'dfew, ferv39k'):
        get_adapter('imagenet')


def test_clips_are_there_and_can_be_opened(adapter):
    clips = adapter.clips()
    assert len({clip.name for clip in clips}) == len(clips)
    assert [c.name for c in clips] == [c.name for c in adapter.clips()]
    for clip in clips:
        assert clip.label in adapter.class_names()
        assert re.fullmatch(r'[\w+-]+(/[\w+-]+)*', clip.name), clip.name
        assert clip.source.exists()
    assert {clip.label for clip in clips} == set(adapter.class_names())
    if clips[0].source.is_dir():
        assert next(clips[0].source.iterdir()).stat().st_size > 0
    else:
        with av.open(str(clips[0].source)) as video:
            count = sum(1 for _ in video.decode(video=0))
        assert count == 12


def test_every_protocol_tests_every_clip_once(adapter):
    for name, protocol in adapter.protocols.items():
        clips = adapter.clips(name)
        persons = defaultdict(set)
        for clip in clips:
            if protocol.kind == 'split':
                assert clip.split in ('train', 'val', 'test')
                assert clip.fold is None
                continue
            assert clip.fold >= 1
            if clip.subject is not None:
                persons[clip.subject].add(clip.fold)
        if protocol.kind == 'split':
            assert {c.split for c in clips} - {'train'}
            continue
        count = protocol.folds or len(persons)
        assert {c.fold for c in clips} == set(range(1, count + 1))
        assert bool(persons) == adapter.identity
        assert all(len(found) == 1 for found in persons.values())


def test_written_facts(adapter):
    assert re.match(r'@(inproceedings|article)\{\w+,\n', adapter.citation)
    assert adapter.citation.count('{') == adapter.citation.count('}')
    assert 'year=' in adapter.citation and 'author=' in adapter.citation
    assert adapter.licence and adapter.access and adapter.title
    for expected in adapter.expected.values():
        assert expected.source
        for counts in (expected.classes, expected.splits, expected.folds):
            assert not counts or sum(counts.values()) == expected.clips
    for name in adapter.protocols:
        expected = adapter.expected.get(name) or adapter.expected.get('')
        assert set(expected.classes) <= set(adapter.class_names(name))
    assert all(place.crop in ('clip', 'none')
               for place in adapter.places.values())
    assert set(adapter.classes) <= set(ALIASES)


def test_a_tiny_copy_is_not_taken_for_a_complete_one(adapter):
    findings = adapter.check(adapter.clips())
    if adapter.name == 'mmi':  # Nobody says how many clips it has.
        return
    count, = [f for f in findings if f.code == 'count-clips']
    assert str(adapter.expected.get('', next(iter(
        adapter.expected.values()))).clips) in count.message


def test_wrong_roots(adapter, tmp_path):
    kind = type(adapter)
    with pytest.raises(AdapterError, match='no such folder; give the folder '
                                           'of the'):
        kind(tmp_path / 'nowhere')
    (tmp_path / 'holiday.txt').write_text('nothing here')
    with pytest.raises(AdapterError) as error:
        kind(tmp_path).clips()
    message = str(error.value)
    assert '\n' not in message and message.startswith(f'{tmp_path}: no ')
    assert 'looked for' in message and adapter.title in message


def test_wrong_choices(adapter):
    kind = type(adapter)
    for wrong, text in ((dict(source='moon'), 'has the sources'),
                        (dict(frame_order='random'), 'lexicographic'),
                        (dict(colour='red'), 'has no choice colour')):
        with pytest.raises(AdapterError, match=text):
            kind(adapter.root, **wrong)
    with pytest.raises(AdapterError, match='has the protocols'):
        adapter.clips('leave-none-out')
    for name, values in adapter.variants.items():
        with pytest.raises(AdapterError, match=f'`{name}` is one of'):
            kind(adapter.root, **{name: 'wrong'})


@pytest.mark.parametrize('name', ['dfew', 'mafw', 'crema-d'])
def test_archives_hold_the_same_clips(release, name):
    folder = get_adapter(name)(release(name)).clips()
    clips = get_adapter(name)(release(name, archive=True)).clips()
    assert [(c.name, c.label, c.fold) for c in clips] == [
        (c.name, c.label, c.fold) for c in folder]
    with zipfile.ZipFile(clips[0].source) as archive:
        members = archive.namelist()
        if name == 'dfew':
            assert f'{clips[0].member}/1.jpg' in members
        else:
            data = io.BytesIO(archive.read(clips[0].member))
            with av.open(data) as video:
                assert sum(1 for _ in video.decode(video=0)) == 12


def test_folds_of_complete_copies():
    """The folds that published lists of these sets have."""
    def sizes(name, protocol, persons):
        rule = get_adapter(name).protocols[protocol]
        dealt = subject_folds(persons, rule.folds, rule.rule)
        return [list(dealt.values()).count(f) for f in range(1, rule.folds + 1)
                ], dealt

    count, dealt = sizes('crema-d', '5-fold', map(str, range(1001, 1092)))
    assert count == [18, 18, 18, 18, 19]
    assert (dealt['1018'], dealt['1019'], dealt['1073']) == (1, 2, 5)
    count, dealt = sizes('oulu-casia', '10-fold',
                         [f'P{i:03d}' for i in range(1, 81)])
    assert count == [8] * 10 and dealt['P001'] == dealt['P011'] == 1
    count, _ = sizes('ckplus', '10-fold', [f'S{i:03d}' for i in range(118)])
    assert count == [12] * 8 + [11] * 2
