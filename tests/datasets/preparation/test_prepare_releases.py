# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Every official release: prepared, read by the data set, found healthy."""
import json

import pytest

from mmfer.codec import CompressedVideo
from mmfer.datasets import FERDataset
from mmfer.datasets.adapters import get_adapter, list_adapters
from mmfer.datasets.doctor import examine
from mmfer.datasets.preparation import Settings
from mmfer.datasets.preparation.commands import prepare_release
from mmfer.testing.releases import write_release

SMALL = Settings(samples=3, encoding=dict(codec='mpeg4', gop=12, qscale=3,
                                          size=[48, 48]))


def prepared(name, folder, **options):
    options.setdefault('settings', SMALL)
    return prepare_release(name, folder / 'release', folder / 'out',
                           workers=0, progress=False, **options)


@pytest.mark.parametrize('name', list_adapters())
def test_release_to_data_set(name, tmp_path):
    write_release(name, tmp_path / 'release', frames=8, size=48)
    outcome = prepared(name, tmp_path)
    adapter = get_adapter(name)
    release = adapter(tmp_path / 'release')
    clips = {clip.name: clip for clip in release.clips()}
    assert outcome.done == len(clips) and outcome.skipped == 0

    data = FERDataset('annotations.json', [], data_root=str(tmp_path / 'out'))
    assert data.metainfo['classes'] == tuple(release.class_names())
    assert data.metainfo['dataset'] == name
    for number in range(len(data)):
        item = data.get_data_info(number)
        clip = clips[item['path'][len('clips/'):-len('.mp4')]]
        assert item['label_name'] == clip.label
        for key in ('subject', 'split', 'fold', 'apex', 'onset', 'offset'):
            assert item.get(key) == getattr(clip, key), key
        assert 'turn_clockwise' not in item
    with CompressedVideo(item['filename']) as video:
        assert (video.width, video.height) == (48, 48)
        if item.get('apex') is not None:
            assert 0 <= item['apex'] < len(video)

    # A tiny copy misses clips, and calm small faces hardly change.
    found = examine(outcome.annotations, workers=0, progress=False)
    worse = [f for f in found.findings if f.severity != 'info']
    assert {f.code.split('-')[0] for f in worse} <= {'count', 'empty'}, worse
    assert found.summary['readable'] == len(clips)


def test_another_protocol_shares_the_clips(tmp_path):
    write_release('ravdess', tmp_path / 'release', frames=6, size=48)
    told = []
    first = prepared('ravdess', tmp_path, tell=told.extend, crop='none')
    second = prepared('ravdess', tmp_path, protocol='loso', crop='none')
    assert second.annotations.name == 'annotations-loso.json'
    assert second.made == 0 and second.done == first.done
    assert 'count-clips' in {finding.code for finding in told}
    content = json.loads(second.annotations.read_text('utf-8'))
    assert content['metainfo']['protocol'] == 'loso'
    assert {clip['subject']: clip['fold'] for clip in content['clips']} == {
        f'Actor_{n:02d}': n for n in range(1, 7)}


def test_choices_come_as_text(tmp_path):
    write_release('dfew', tmp_path / 'release', frames=6, size=48)
    outcome = prepared('dfew', tmp_path, variant=dict(label_base='1'))
    note = json.loads((tmp_path / 'out' / 'prepare.json').read_text())
    assert note['variant'] == dict(label_base=1, source='faces')
    assert outcome.done == 35


def test_archives_are_read_in_place(tmp_path):
    write_release('dfew', tmp_path / 'release', frames=6, size=48,
                  archive=True)
    assert list((tmp_path / 'release').rglob('*.zip'))
    assert not list((tmp_path / 'release').rglob('*.jpg'))
    before = sorted((tmp_path / 'release').rglob('*'))
    outcome = prepared('dfew', tmp_path)
    assert outcome.done == 35
    assert sorted((tmp_path / 'release').rglob('*')) == before
