# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is cut into windows, and what is taken for a file."""
import numpy as np
import pytest

from mmfer.apis import NoInput, expand_inputs, is_stream
from mmfer.apis.windows import PictureTimes, plan_windows


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


@pytest.mark.parametrize('window, stride', [
    (float('inf'), None), (1., float('inf')), (float('nan'), None)])
def test_endless_times_are_refused(window, stride):
    with pytest.raises(ValueError, match='positive time in seconds'):
        list(plan_windows(10, 25, window, stride))


class TestTimesOfTheFile:
    # 25 a second for 2 s, then one each half second, for 3 s.
    TIMES = np.concatenate([np.arange(50) / 25, 2 + np.arange(6) / 2])

    @pytest.fixture
    def uneven(self):
        return PictureTimes(56, 56 / 5, self.TIMES)

    @pytest.mark.parametrize('window, stride, expected', [
        (1., None, [(0, 25), (25, 50), (50, 52), (52, 54), (54, 56)]),
        (2., 1., [(0, 50), (25, 52), (50, 54), (52, 56)]),
        (None, None, [(0, 56)]), (9., None, [(0, 56)]),
        # Two pictures at least, and no window twice.
        (.1, 1., [(0, 3), (25, 28), (50, 52), (52, 54), (54, 56)])])
    def test_tell_what_a_window_holds(self, uneven, window, stride, expected):
        assert list(uneven.windows(window, stride)) == expected
        assert uneven.at(51) == 2.5

    def test_a_pause_is_no_window(self):
        times = np.concatenate([np.arange(25), 250 + np.arange(25)]) / 25
        assert list(PictureTimes(50, 25., times).windows(1.)) == [
            (0, 25), (25, 50)]

    def test_one_that_is_wrong_costs_no_time(self):
        times = np.concatenate([np.arange(25) / 25, [1e11, 1e11 + .04]])
        for stride in (None, 1e-8):
            found = list(PictureTimes(27, 25., times).windows(.5, stride))
            assert found[0] == (0, 13) and found[-1] == (25, 27)
            assert len(found) == len(set(found)) <= 60

    @pytest.mark.parametrize('seed', range(20))
    def test_windows_that_are_left_out_differ_in_nothing(self, seed):
        rng = np.random.default_rng(seed)
        times = np.cumsum(rng.choice([.04, .1, .5, 3.], 60)) - .04
        window, stride = rng.uniform(.1, 2., 2)
        clock = PictureTimes(60, 10., times)
        found, begin = [], 0.
        end = times[-1] + .1
        while begin + window < end - 1e-4:
            found.append(clock._between(begin, begin + window))
            begin = round((begin + stride) / stride) * stride
        found.append(clock._between(max(0., end - window), end))
        expected = []
        for one in filter(None, found):
            if not expected or one != expected[-1]:
                expected.append(one)
        assert list(clock.windows(window, stride)) == expected

    def test_are_rounded_where_the_rate_is_even(self):
        times = np.round(np.arange(90) / 30, 2)
        even = PictureTimes(90, 30., times)
        assert even.uneven is None and even.at(1) == 1 / 30
        assert list(even.windows(1.1, .4)) == list(
            plan_windows(90, 30., 1.1, .4))

    def test_may_be_unknown(self):
        assert list(PictureTimes(50, 0.).windows(1.)) == [(0, 25), (25, 50)]


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
