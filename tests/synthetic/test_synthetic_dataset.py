# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The data set on disk: complete, resumable, the same for any workers."""
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import mmfer.synthetic.dataset as dataset
from mmfer.synthetic import (CLASSES, PRESETS, ClipItem,
                             ConfigurationMismatch, SyntheticFaces,
                             make_dataset, render_clip)
from mmfer.worker_processes import WorkersFailed

# Two frames more than the shortest clip allowed, to keep the suite quick.
QUICK = dict(num_subjects=5, takes=1, frames=10, size=48, shares=(3, 1, 1),
             progress=False)
LOSSLESS = dict(codec='h264', gop=10, crf=0)


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format='rgb24')
                         for f in container.decode(video=0)])


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """One data set in two codings, written by this process."""
    root = tmp_path_factory.mktemp('faces')
    make_dataset(root, codings={'coarse': dict(codec='mpeg4', gop=4),
                                'fine': LOSSLESS}, **QUICK)
    return root


def content(folder):
    return {p.name: p.read_bytes() for p in folder.glob('clips/*')}


def test_annotation(made):
    stored = json.loads((made / 'coarse' / 'annotations.json').read_text())
    assert set(stored) == {'metainfo', 'clips'}
    info = stored['metainfo']
    assert info['classes'] == list(CLASSES)
    assert info['coding'] == dict(codec='mpeg4', gop=4)
    assert info['dataset'] == 'synthetic-faces' and info['seed'] == 0
    clips = stored['clips']
    assert len(clips) == 5 * 7
    for clip in clips:
        assert (made / 'coarse' / clip['path']).is_file()
        assert clip['label'] in CLASSES
        assert clip['split'] in ('train', 'val', 'test')
        assert clip['fold'] in (1, 2, 3, 4, 5)
        assert ('apex' in clip) == (clip['label'] != 'neutral')
        if 'apex' in clip:
            assert 0 < clip['onset'] < clip['apex'] < 10
    of_split = {name: {c['subject'] for c in clips if c['split'] == name}
                for name in ('train', 'val', 'test')}
    assert all(of_split.values())
    assert sum(len(s) for s in of_split.values()) == 5
    for fold in range(1, 6):
        assert len({c['subject'] for c in clips if c['fold'] == fold}) == 1


def test_nothing_else_is_left(made):
    for folder in (made / 'coarse', made / 'fine'):
        assert sorted(os.listdir(folder)) == ['annotations.json', 'clips',
                                              'synthetic.json']
        assert len(os.listdir(folder / 'clips')) == 35


def test_codings_hold_the_same_pictures(made):
    item = ClipItem(1, 'surprise', 0, frames=10, size=48)
    drawn = render_clip(item).astype(int)
    for name, tolerance in (('coarse', 8), ('fine', 4)):
        seen = decode(made / name / 'clips' / f'{item.name}.mp4').astype(int)
        assert seen.shape == drawn.shape
        # Chroma is subsampled: compare brightness.
        assert np.abs(seen.mean(-1) - drawn.mean(-1)).mean() < tolerance


def test_two_workers_write_the_same_files(made, tmp_path):
    make_dataset(tmp_path, codings={'coarse': dict(codec='mpeg4', gop=4)},
                 workers=2, **QUICK)
    assert content(tmp_path / 'coarse') == content(made / 'coarse')


def test_only_missing_clips_are_made(tmp_path, monkeypatch):
    small = dict(QUICK, num_subjects=2, classes=('sad', 'fear'))
    [annotations] = make_dataset(tmp_path, **small)
    before, labels = content(tmp_path), annotations.read_bytes()
    (tmp_path / 'clips' / 's001_fear_0.mp4').unlink()
    annotations.unlink()
    made = []
    monkeypatch.setattr(dataset, 'render_clip', lambda item: (
        made.append(item.name), render_clip(item))[1])
    make_dataset(tmp_path, **small)
    assert made == ['s001_fear_0']
    assert content(tmp_path) == before
    assert annotations.read_bytes() == labels
    made.clear()
    make_dataset(tmp_path, **small)
    assert made == []


def test_killed_run_continues(tmp_path):
    options = dict(num_subjects=5, takes=1, frames=10, size=48,
                   progress=False)
    # It dies by itself, between writing the ninth clip and naming it.
    code = f'''
import os, signal
from mmfer.synthetic import make_dataset
replace, moved = os.replace, []
def die(*names):
    moved.extend(n for n in names[1:] if '/clips/' in str(n)
                 and str(n).endswith('.mp4'))
    if len(moved) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = die
make_dataset({str(tmp_path)!r}, **{options!r})'''
    root = str(Path(dataset.__file__).parents[2])
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [root, os.environ.get('PYTHONPATH', '')]))
    done = subprocess.run([sys.executable, '-c', code], env=environment)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / 'annotations.json').exists()
    before = content(tmp_path)
    assert len(list(tmp_path.glob('clips/*.mp4'))) == 8
    for path in tmp_path.glob('clips/*.mp4'):
        assert len(decode(path)) == 10
    # The rest of the run is cut short at the next clip.
    written = []

    def once(item, targets):
        written.append(item.name)
        raise KeyboardInterrupt

    original, dataset.write_clip = dataset.write_clip, once
    try:
        with pytest.raises(KeyboardInterrupt):
            make_dataset(tmp_path, **options)
    finally:
        dataset.write_clip = original
    assert f'{written[0]}.mp4' not in before
    assert content(tmp_path) == before


def test_a_worker_that_dies(tmp_path, monkeypatch):
    small = dict(QUICK, num_subjects=2, classes=('sad',), shares=(1, 1, 0))
    make_dataset(tmp_path, **small)
    before = content(tmp_path)
    (tmp_path / 'clips' / 's000_sad_0.mp4').unlink()
    (tmp_path / 'clips' / 's001_sad_0.mp4').unlink()
    with monkeypatch.context() as patch:
        patch.setattr(dataset, '_start_worker', os.abort)
        with pytest.raises(WorkersFailed) as error:
            make_dataset(tmp_path, workers=2, **small)
    assert '\n' not in str(error.value)
    assert 'finished clips are kept, and the same command goes on' in str(
        error.value)
    make_dataset(tmp_path, workers=2, **small)
    assert content(tmp_path) == before


@pytest.mark.parametrize('shares', [
    (0, 0, 0), (-1, 1, 1), (1, 1), (float('nan'), 1, 1),
    (float('inf'), 1, 1)])
def test_shares_that_are_none(tmp_path, shares):
    with pytest.raises(ValueError, match='shares are .*, must be three'):
        make_dataset(tmp_path / 'new', **dict(QUICK, shares=shares))
    # It is said before anything is made.
    assert not (tmp_path / 'new').exists()


def test_shares_of_few_persons():
    def counts(persons, *shares):
        splits = [split for split, _ in SyntheticFaces(
            persons, classes=('sad', )).splits(shares)]
        return [splits.count(name) for name in ('train', 'val', 'test')]

    assert counts(3, 0, 1, 1) == [0, 2, 1]
    assert counts(60, 40, 5, 15) == [40, 5, 15]
    assert counts(5, 3, 1, 1) == [3, 1, 1]
    assert counts(2, 1, 1, 0) == [1, 1, 0]


class TestCommand:

    @pytest.fixture
    def main(self):
        path = Path(dataset.__file__).parents[2] / 'tools/data'
        spec = importlib.util.spec_from_file_location(
            'make_synthetic', path / 'make_synthetic.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return lambda *arguments: module.main([*map(str, arguments)])

    @pytest.mark.parametrize('arguments, text', [
        (('--contact-sheet', '{}/x.foo'), 'x.foo: ends like no kind of pict'),
        (('--contact-sheet', '{}/x.png', '--size', 33), 'size is 33'),
        (('{}/a', '--shares', 0, 0, 0), 'shares are 0.0, 0.0, 0.0'),
        (('{}/a', '--shares', -1, 1, 1), 'shares are -1.0, 1.0, 1.0')])
    def test_errors_are_one_line(self, main, tmp_path, arguments, text):
        with pytest.raises(SystemExit) as end:
            main(*(str(a).format(tmp_path) for a in arguments))
        assert text in end.value.code and '\n' not in end.value.code
        assert os.listdir(tmp_path) == []

    def test_a_worker_that_dies(self, main, tmp_path, monkeypatch):
        monkeypatch.setattr(dataset, '_start_worker', os.abort)
        with pytest.raises(SystemExit) as end:
            main(tmp_path, '--preset', 'tiny', '--workers', 2, '--quiet')
        assert end.value.code.startswith('error: a worker process died')

    def test_contact_sheet(self, main, tmp_path):
        main('--contact-sheet', tmp_path / 'new/sheet.png', '--subjects', 1,
             '--frames', 8, '--size', 32)
        assert os.listdir(tmp_path / 'new') == ['sheet.png']


@pytest.mark.parametrize('change, named', [
    (dict(seed=3), 'seed 0 instead of 3'),
    (dict(gop=8), 'coding'), (dict(frames=12), 'frames 10 instead of 12')])
def test_other_arguments_are_refused(tmp_path, change, named):
    small = dict(QUICK, num_subjects=1, classes=('sad',), shares=(1, 0, 0))
    make_dataset(tmp_path, **small)
    before = content(tmp_path)
    with pytest.raises(ConfigurationMismatch, match=named) as error:
        make_dataset(tmp_path, **dict(small, **change))
    assert str(tmp_path) in str(error.value)
    assert '\n' not in str(error.value)
    assert content(tmp_path) == before


def test_foreign_clips_are_not_touched(tmp_path):
    (tmp_path / 'clips').mkdir()
    (tmp_path / 'clips' / 'mine.mp4').write_bytes(b'mine')
    with pytest.raises(ConfigurationMismatch, match='choose another folder'):
        make_dataset(tmp_path, **QUICK)
    assert os.listdir(tmp_path) == ['clips']


def test_failed_start_does_not_bind(tmp_path):
    small = dict(QUICK, num_subjects=1, classes=('sad',), shares=(1, 0, 0))
    with pytest.raises(ValueError, match='vp9'):
        make_dataset(tmp_path, codec='vp9', **small)
    make_dataset(tmp_path, **small)
    assert len(content(tmp_path)) == 1


@pytest.mark.parametrize('codings', [{}, {'a': 'mpeg4'}, {'a': {}},
                                     {'a': dict(codec='mpeg4', speed=1)},
                                     {'../a': dict(codec='mpeg4')}])
def test_bad_codings_are_named(tmp_path, codings):
    with pytest.raises(ValueError, match='coding'):
        make_dataset(tmp_path, codings=codings, **QUICK)


def test_presets_are_arguments():
    assert set(PRESETS) == {'tiny', 'small', 'standard'}
    assert PRESETS['standard']['num_subjects'] * 7 * \
        PRESETS['standard']['takes'] >= 840
