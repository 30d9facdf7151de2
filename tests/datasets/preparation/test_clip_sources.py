# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures come in order, upright, from whatever a clip is stored as."""
import zipfile

import av
import numpy as np
import pytest

from mmfer.codec import CompressedVideo, NoVideoStream
from mmfer.datasets.preparation.archives import ArchiveError, ClipArchive
from mmfer.datasets.preparation.sources import (ViewSource, as_array,
                                                moved_index, open_source)
from mmfer.testing import write_video


def arrays(source, fps=None):
    return [as_array(picture) for picture in source.pictures(fps)]


def levels(source, fps=None):
    """Numbers of pictures whose grey level is five times their number."""
    return [round(float(picture.mean()) / 5)
            for picture in arrays(source, fps)]


def zipped(path, folder, prefix=''):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
        for member in sorted(folder.rglob('*')):
            if member.is_file():
                file.write(member, prefix + str(member.relative_to(folder)))
    return path


class TestPictures:

    def test_numbers_without_zeros_are_in_order(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 12)
        assert levels(open_source(folder)) == list(range(1, 13))

    def test_text_order_is_there_for_those_who_need_it(self, tmp_path,
                                                       numbered):
        folder = numbered(tmp_path / 'clip', 12)
        source = open_source(folder, frame_order='lexicographic')
        assert levels(source) == [1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9]

    def test_only_the_named_pictures_in_their_order(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 12)
        assert levels(open_source(folder, frames=('3.png', '2.png'))) == [3, 2]

    def test_a_named_picture_that_is_missing(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 3)
        with pytest.raises(FileNotFoundError, match='1 of 2 .* 9.png'):
            open_source(folder, frames=('1.png', '9.png'))

    def test_no_pictures(self, tmp_path):
        (tmp_path / 'clip').mkdir()
        with pytest.raises(NoVideoStream, match='clip: holds no pictures'):
            open_source(tmp_path / 'clip')

    def test_files_of_the_system_are_no_pictures(self, tmp_path, numbered):
        folder = numbered(tmp_path / 'clip', 2)
        (folder / '._1.png').write_bytes(b'finder')
        (folder / 'Thumbs.db').write_bytes(b'explorer')
        assert levels(open_source(folder)) == [1, 2]

    def test_a_known_rate_can_be_changed(self, tmp_path, numbered):
        source = open_source(numbered(tmp_path / 'clip', 12), rate=200.)
        assert levels(source, 50.) == [1, 5, 9]
        assert levels(source, 400.) == [n for n in range(1, 13)
                                        for _ in range(2)]
        assert levels(source) == list(range(1, 13))

    def test_an_unknown_rate_cannot(self, tmp_path, numbered):
        source = open_source(numbered(tmp_path / 'clip', 4))
        assert levels(source, 50.) == [1, 2, 3, 4]


class TestVideos:

    @pytest.mark.parametrize('suffix, coding', [
        ('.flv', 'flv1'), ('.avi', 'mpeg4'), ('.mp4', 'h264_plain')])
    def test_usual_containers(self, tmp_path, faces, suffix, coding):
        path = write_video(tmp_path / f'x y é{suffix}', faces, coding)
        source = open_source(path)
        found = arrays(source)
        assert len(found) == len(faces) and source.rate == 25
        error = np.abs(np.stack(found).astype(int) - faces).mean()
        assert error < 8
        assert len(arrays(source)) == len(faces)  # and once more

    def test_rotated_video_is_upright(self, tmp_path, faces):
        path = tmp_path / 'phone.mp4'
        lying = np.ascontiguousarray(np.rot90(faces, axes=(1, 2))[:, :64])
        write_video(path, lying, 'h264_plain')
        turned = tmp_path / 'turned.mp4'
        _set_rotation(path, turned)
        found = arrays(open_source(turned))[0]
        with CompressedVideo(turned) as reader:
            shown = reader.frame_at(0)
        assert found.shape == shown.shape == (96, 64, 3)
        assert (found == shown).all()

    def test_not_a_video(self, tmp_path):
        (tmp_path / 'a.mp4').write_text('hello')
        with pytest.raises(NoVideoStream, match='a.mp4: not a readable'):
            open_source(tmp_path / 'a.mp4')

    def test_nothing_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no such file'):
            open_source(tmp_path / 'b.mp4')


def _set_rotation(source, out):
    """Copy an MP4 and turn the matrix of its track by a quarter."""
    data = bytearray(source.read_bytes())
    at = data.index(b'tkhd') + 4 + 40
    one, minus = (1 << 16).to_bytes(4, 'big'), (-(1 << 16)).to_bytes(
        4, 'big', signed=True)
    zero = bytes(4)
    data[at:at + 20] = zero + one + zero + minus + zero
    out.write_bytes(bytes(data))
    with av.open(str(out)) as container:
        assert next(container.decode(video=0)).rotation % 360 in (90, 270)


class TestViews:

    def test_halves_and_turns(self):
        class Whole:
            rate = 10.

            def pictures(self, fps=None):
                picture = np.zeros((2, 4, 3), np.uint8)
                picture[0, 0] = 1  # top left of the left half
                picture[0, 2] = 2  # top left of the right half
                yield picture

        right, = ViewSource(Whole(), 'right', 90).pictures()
        assert right.shape == (2, 2, 3)
        assert right[..., 0].tolist() == [[0, 2], [0, 0]]
        left, = ViewSource(Whole(), 'left').pictures()
        assert left[..., 0].tolist() == [[1, 0], [0, 0]]

    def test_turns_are_quarters(self):
        with pytest.raises(ValueError, match='multiple of 90'):
            ViewSource(None, turn=45)


class TestArchives:

    def test_pictures_in_order(self, tmp_path, numbered):
        numbered(tmp_path / 'set' / 'a', 11)
        numbered(tmp_path / 'set' / 'b', 2)
        path = zipped(tmp_path / 'set.zip', tmp_path / 'set')
        (tmp_path / 'work').mkdir()
        source = open_source(path, 'a', temporary=tmp_path / 'work')
        assert levels(source) == list(range(1, 12))
        source = open_source(path, 'b/', ('2.png', ), tmp_path / 'work')
        assert levels(source) == [2]

    def test_the_only_video_needs_no_name(self, tmp_path, video):
        (tmp_path / 'in').mkdir()
        (tmp_path / 'in' / 'v.mp4').write_bytes(video.read_bytes())
        path = zipped(tmp_path / 'v.zip', tmp_path / 'in')
        (tmp_path / 'work').mkdir()
        assert len(arrays(open_source(path, temporary=tmp_path / 'work'))) == 16

    def test_several_clips_do_need_one(self, tmp_path, numbered):
        numbered(tmp_path / 'set' / 'a', 2)
        numbered(tmp_path / 'set' / 'b', 2)
        path = zipped(tmp_path / 'set.zip', tmp_path / 'set')
        with pytest.raises(NoVideoStream, match='2 folders of pictures'):
            open_source(path, temporary=tmp_path)

    def test_names_that_climb_lead_nowhere(self, tmp_path):
        path = tmp_path / 'evil.zip'
        with zipfile.ZipFile(path, 'w') as file:
            for name in ('../../up.png', '/root.png', 'C:\\win.png'):
                file.writestr(name, b'x')
        inside = tmp_path / 'a' / 'b' / 'work'
        inside.mkdir(parents=True)
        before = sorted(tmp_path.rglob('*'))
        with ClipArchive(path) as archive:
            out = archive.unpack(archive.names(), inside)
        assert all(file.parent == inside for file in out)
        assert len(sorted(tmp_path.rglob('*'))) == len(before) + len(out)
        assert [file.name for file in out][:1] == ['00000000.png']

    def test_a_bomb_is_stopped(self, tmp_path):
        path = tmp_path / 'bomb.zip'
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
            file.writestr('a.mp4', bytes(5 << 20))
        assert path.stat().st_size < 20000
        with ClipArchive(path) as archive:
            with pytest.raises(ArchiveError, match='unpacks to more'):
                archive.unpack(['a.mp4'], tmp_path, limit=1 << 20)
        assert (tmp_path / '00000000.mp4').stat().st_size <= 2 << 20

    def test_damage_is_named(self, tmp_path):
        path = tmp_path / 'a.zip'
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('a.png', b'0123456789' * 50)
        data = path.read_bytes().replace(b'0123456789', b'9876543210', 1)
        path.write_bytes(data)
        with ClipArchive(path) as archive:
            with pytest.raises(ArchiveError, match='a.png cannot be unpack'):
                archive.unpack(['a.png'], tmp_path)
            with pytest.raises(ArchiveError, match='no member b.png'):
                archive.unpack(['b.png'], tmp_path)
        path.write_bytes(data[:100])
        with pytest.raises(ArchiveError, match='not a readable zip'):
            ClipArchive(path)

    def test_debris_is_left_out(self, tmp_path):
        path = tmp_path / 'a.zip'
        with zipfile.ZipFile(path, 'w') as file:
            for name in ('./a/1.png', '__MACOSX/a/._1.png', 'a/.DS_Store',
                         '../b.png'):
                file.writestr(name, b'x')
        with ClipArchive(path) as archive:
            assert archive.names() == ['a/1.png']


def test_where_a_picture_is_after_resampling():
    assert moved_index(100, 200., 50.) == 25
    assert moved_index(7, 25., None) == 7
    assert moved_index(7, None, 50.) == 7
