# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

from mmfer.datasets import FERDataset  # noqa: E402
from mmfer.datasets.annotations import AnnotationError  # noqa: E402
from mmfer.datasets.merging import merge_annotations  # noqa: E402

TOOL = Path(__file__).parents[2] / 'tools/data/merge.py'


def write(folder, classes, clips, **metainfo):
    folder.mkdir()
    for clip in clips:
        (folder / clip['path']).write_bytes(b'')
    path = folder / 'annotations.json'
    path.write_text(json.dumps(dict(
        metainfo=dict(classes=classes, **metainfo), clips=clips)))
    return str(path)


@pytest.fixture
def sources(tmp_path):
    return dict(
        a=write(tmp_path / 'a', ['happy', 'sad'], [
            dict(path='1.mp4', label='sad', subject='s0', split='train'),
            dict(path='2.mp4', label='happy', subject='s1', split='test',
                 fold=2)], coding=dict(codec='h264')),
        b=write(tmp_path / 'b', ['sad', 'happy'], [
            dict(path='1.mp4', label='sad', subject='s1', split='test',
                 fold=1)], coding=dict(codec='h264')))


def test_the_data_set_reads_clips_of_both(sources, tmp_path):
    out = tmp_path / 'new' / 'annotations.json'
    counts = merge_annotations(sources, str(out), ['b'])
    assert counts == dict(train=2, test=1)
    train = FERDataset(str(out), [], split='train', check_files=True)
    infos = [train.get_data_info(index) for index in range(len(train))]
    assert [(i['subject'], i['label_name'], i['label']) for i in infos] == [
        ('a/s0', 'sad', 1), ('b/s1', 'sad', 1)]
    assert Path(infos[1]['filename']).samefile(tmp_path / 'b/1.mp4')
    assert len(FERDataset(str(out), [], fold=2, fold_role='test')) == 1
    stored = json.loads(out.read_text())
    assert stored['metainfo']['coding'] == dict(codec='h264')
    assert 'fold' not in stored['clips'][2]
    # They are trained with in every fold.
    assert stored['clips'][2]['train_only'] is True
    stored['clips'][0]['fold'] = 1
    out.write_text(json.dumps(stored))
    for fold, own in ((1, 'a/2.mp4'), (2, 'a/1.mp4')):
        trained = FERDataset(str(out), [], fold=fold, check_files=False)
        assert [trained.get_data_info(i)['path'] for i in range(
            len(trained))] == [f'../{own}', '../b/1.mp4']


def test_splits_are_kept_unless_asked(sources, tmp_path):
    counts = merge_annotations(sources, str(tmp_path / 'annotations.json'))
    assert counts == dict(train=1, test=2)


def test_what_does_not_fit_is_refused(sources, tmp_path):
    out = str(tmp_path / 'annotations.json')
    other = write(tmp_path / 'c', ['happy', 'angry'], [])
    with pytest.raises(AnnotationError, match='different: angry, sad'):
        merge_annotations(dict(sources, c=other), out)
    with pytest.raises(ValueError, match='no / in its name'):
        merge_annotations({'a': sources['a'], 'a/b': sources['b']}, out)
    with pytest.raises(ValueError, match='no source is called x'):
        merge_annotations(sources, out, ['x'])
    with pytest.raises(ValueError, match='at least two'):
        merge_annotations(dict(a=sources['a']), out)
    with pytest.raises(FileNotFoundError, match='none.json'):
        merge_annotations(dict(sources, c='none.json'), out)
    assert not Path(out).exists()


def test_into_a_folder_behind_a_link(sources, tmp_path):
    (tmp_path / 'far/away').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'far/away')
    out = tmp_path / 'link' / 'annotations.json'
    merge_annotations(sources, str(out))
    assert len(FERDataset(str(out), [])) == 3  # which looks for the files


def test_the_command(sources, tmp_path):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, '-W', 'ignore', str(TOOL), *arguments],
            cwd=tmp_path, capture_output=True, text=True)

    done = call('m.json', f'a={sources["a"]}', f'b={sources["b"]}',
                '--train-only', 'b')
    assert done.stdout == 'm.json: 3 clips, test 1, train 2\n', done.stderr
    for wrong in (('m.json', sources['a']), ('m.json', 'a=x', 'a=y')):
        refused = call(*wrong)
        assert refused.returncode == 2 and 'NAME=FILE' in refused.stderr
    missing = call('m.json', 'a=x.json', 'b=y.json')
    assert missing.returncode == 1
    assert missing.stderr.startswith('error: x.json: no such annotation')
