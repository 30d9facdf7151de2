# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures that are damaged or missing in a source are told."""
import json

import av
import cv2
import numpy as np
import pytest

from mmfer.codec import transcode
from mmfer.codec.source_pictures import Reading, open_pictures
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import Settings, prepare
from mmfer.testing import face_like, write_video

COUNT = 20


@pytest.fixture(scope='module')
def pictures():
    return face_like(COUNT, (64, 64), 0)


@pytest.fixture
def damaged(tmp_path, pictures):
    """A video of which some pictures decode with errors."""
    path = tmp_path / 'damaged.mp4'
    write_video(path, pictures, 'mpeg4')
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    third = len(data) // 3
    for _ in range(40):
        data[third + int(rng.integers(0, third))] ^= 0x55
    path.write_bytes(data)
    return path


@pytest.fixture
def cut(tmp_path, pictures):
    """A video that ends before its container says."""
    path = tmp_path / 'cut.avi'
    write_video(path, pictures, 'mpeg4')
    data = path.read_bytes()
    path.write_bytes(data[:len(data) * 2 // 3])
    return path


def read(path, fps=None):
    reading = Reading()
    count = sum(1 for _ in open_pictures(path, fps, reading)[0])
    return reading, count


def test_damaged_pictures_are_counted(damaged):
    reading, count = read(damaged)
    assert count == reading.pictures == COUNT
    assert reading.corrupt > 0 and reading.missing == 0


def test_missing_pictures_are_counted(cut):
    reading, count = read(cut)
    assert 0 < count < COUNT and reading.missing == COUNT - count


@pytest.mark.parametrize('coding, suffix', [
    ('h264_plain', '.mp4'), ('h264_bframes', '.mp4'),
    ('h264_open_gop', '.mkv'), ('mpeg4_bframes', '.avi'),
    ('hevc_bframes', '.mp4'), ('mpeg2', '.mpg')])
def test_sound_files_are_sound(tmp_path, pictures, coding, suffix):
    path = tmp_path / f'x{suffix}'
    write_video(path, pictures, coding)
    for fps in (None, 50.):
        reading, _ = read(path, fps)
        assert reading.pictures == COUNT
        assert (reading.corrupt, reading.missing) == (0, 0)


def test_what_an_edit_list_cuts_off_is_not_missed(tmp_path, pictures):
    write_video(tmp_path / 'x.mp4', pictures, 'h264_bframes')
    with av.open(str(tmp_path / 'x.mp4')) as source, \
            av.open(str(tmp_path / 'y.mp4'), 'w') as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        early = int(5 / stream.average_rate / stream.time_base)
        for packet in source.demux(stream):
            if packet.size:
                packet.pts, packet.dts = (packet.pts - early,
                                          packet.dts - early)
                packet.stream = copy
                target.mux(packet)
    reading, count = read(tmp_path / 'y.mp4')
    assert count == COUNT - 5 and reading.missing == 0


def test_a_jpeg_without_its_end(tmp_path, pictures):
    for number in range(3):
        code = cv2.imencode('.jpg', pictures[number])[1].tobytes()
        (tmp_path / f'{number}.jpg').write_bytes(
            code[:len(code) * 2 // 3] if number == 1 else code + bytes(99))
    reading, count = read(tmp_path)
    assert (count, reading.pictures, reading.corrupt) == (3, 3, 1)


def test_records_and_warnings(tmp_path, pictures, damaged, cut):
    write_video(tmp_path / 'sound.mp4', pictures, 'h264_plain')
    clips = [SourceClip('a', damaged, 'a'), SourceClip('b', cut, 'a', apex=15),
             SourceClip('c', tmp_path / 'sound.mp4', 'a', apex=15)]
    settings = Settings('none', keep_short=True,
                        encoding=dict(codec='mpeg4', size=[48, 48]))
    outcome = prepare(clips, tmp_path / 'out',
                      dict(dataset='mine', classes=['a']), settings,
                      workers=0, progress=False)
    records = {}
    with open(tmp_path / 'out/prepare.jsonl', encoding='utf-8') as file:
        for line in file:
            record = json.loads(line)
            records[record['name']] = record
    assert records['a']['source_corrupt'] > 0
    assert records['b']['source_missing'] > 5
    assert 'source_corrupt' not in records['c']
    told = {finding.code: finding for finding in outcome.findings}
    assert told['damaged-source'].items == ('a', 'b')
    assert 'decode with errors' in told['damaged-source'].message
    assert told['times-outside'].items == ('b', )


def test_a_single_clip_is_told_about(tmp_path, damaged):
    with pytest.warns(UserWarning, match='damaged.mp4: of its pictures '):
        transcode(damaged, tmp_path / 'y.mp4')
