# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is cut into windows, and what is taken for a file."""
import pytest

from mmfer.apis import NoInput, expand_inputs, is_stream
from mmfer.apis.windows import plan_windows


@pytest.mark.parametrize('total, window, stride, expected', [
    (100, None, None, [(0, 100)]),
    (100, 2, 2, [(0, 50), (50, 100)]),
    (101, 2, 2, [(0, 50), (50, 100), (51, 101)]),
    (30, 2, 1, [(0, 30)]),
    (80, 2, 4, [(0, 50), (30, 80)]),
    (0, 2, None, []),
])
def test_windows_cover_the_file(total, window, stride, expected):
    assert list(plan_windows(total, 25, window, stride)) == expected


@pytest.mark.parametrize('total', range(1, 140, 7))
def test_every_picture_is_in_a_window_of_full_length(total):
    windows = list(plan_windows(total, 30, 1.1, .4))
    assert set().union(*(range(*w) for w in windows)) == set(range(total))
    assert {stop - first for first, stop in windows} == {min(total, 33)}


def test_unknown_rate_counts_as_25():
    assert list(plan_windows(60, 0., 1.)) == [(0, 25), (25, 50), (35, 60)]


@pytest.mark.parametrize('window, stride', [(0, None), (-1, 1), (None, 2),
                                            (2, 0)])
def test_senseless_times_are_refused(window, stride):
    with pytest.raises(ValueError, match='window|stride'):
        list(plan_windows(10, 25, window, stride))


def test_folders_patterns_and_lists_become_files(tmp_path):
    for name in ('a10.mp4', 'a9.MP4', 'sub/b.avi', 'notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    names = [n[len(str(tmp_path)) + 1:] for n, _ in expand_inputs(tmp_path)]
    assert names == ['a9.MP4', 'a10.mp4', 'sub/b.avi']
    assert len(expand_inputs(f'{tmp_path}/a*')) == 2
    assert len(expand_inputs([tmp_path, f'{tmp_path}/**/*.avi'])) == 4
    assert expand_inputs(b'abc') == [('<3 bytes>', b'abc')]
    assert expand_inputs('gone.mp4') == [('gone.mp4', 'gone.mp4')]
    for nothing in (tmp_path / 'sub' / '..' / 'z*', [f'{tmp_path}/z*']):
        with pytest.raises(NoInput, match='pattern'):
            expand_inputs(nothing)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(NoInput, match='no video in this folder'):
        expand_inputs(tmp_path / 'empty')


def test_a_file_whose_name_is_a_pattern(tmp_path):
    (tmp_path / 'x[1].mp4').write_bytes(b'')
    assert len(expand_inputs(tmp_path / 'x[1].mp4')) == 1


@pytest.mark.parametrize('source, live', [
    (0, True), ('0', True), ('rtsp://camera/live', True), ('/dev/video1', True),
    ('http://host/a.ts', True), ('clip.mp4', False), (b'0', False)])
def test_cameras_and_addresses_are_told_from_files(source, live):
    assert is_stream(source) == live
