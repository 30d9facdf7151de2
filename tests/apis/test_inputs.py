# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Names that look like a camera or like a number, and are none."""
import os
import stat

from mmfer.apis import expand_inputs, is_stream


def test_files_below_dev_are_files(tmp_path, monkeypatch):
    assert is_stream('/dev/video99') and is_stream(os.devnull)
    assert not is_stream('/dev/shm/gone.mp4')
    (tmp_path / 'x.mp4').write_bytes(b'')
    assert not is_stream(str(tmp_path / 'x.mp4'))
    kinds = {'/dev/stdin': stat.S_IFIFO, '/dev/shm/x.mp4': stat.S_IFREG,
             '/dev/video1': stat.S_IFCHR}
    monkeypatch.setattr(
        os, 'stat', lambda path: os.stat_result((kinds[path], *[0] * 9)))
    assert [is_stream(path) for path in kinds] == [False, False, True]


def test_signs_that_are_digits_but_no_numbers(tmp_path):
    for name in ('10²3.mp4', '9.mp4', '٣.mp4'):
        (tmp_path / name).write_bytes(b'')
    names = [n[len(str(tmp_path)) + 1:] for n, _ in expand_inputs(tmp_path)]
    assert names[0] == '9.mp4' and len(names) == 3
    assert not is_stream('²')
