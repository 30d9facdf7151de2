# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Bad input: one line that names the file, what is wrong and what to do."""

import os
import tracemalloc

import numpy as np
import pytest

from mmfer.codec import (CompressedVideo, CompressedVideoError, DamagedPacket,
                         NoVideoStream, NotPredicted, TruncatedFile,
                         UnsupportedCodec, UnsupportedStream, VideoIndex)
from mmfer.testing import (restless, truncated, with_bad_metadata,
                           write_audio_only, write_video)
from mmfer.testing.full_decode import read_packets


def test_all_errors_are_value_errors_of_one_family():
    for kind in (DamagedPacket, NoVideoStream, NotPredicted, TruncatedFile,
                 UnsupportedCodec, UnsupportedStream):
        assert issubclass(kind, CompressedVideoError)
    assert issubclass(CompressedVideoError, ValueError)


def open_and_read(source):
    with CompressedVideo(source) as video:
        return video.residual_at(min(3, len(video) - 1))


@pytest.mark.parametrize('content', [
    b'', b'hello, this is a text file\n' * 20,
    np.random.default_rng(0).bytes(5000), b'\0' * 4096,
    b'\0\0\0\x18ftypmp42\0\0\0\0mp42isom'
], ids=['empty', 'text', 'noise', 'zeros', 'only-ftyp'])
@pytest.mark.parametrize('suffix', ['.mp4', '.avi', '.txt'])
def test_what_is_no_video(tmp_path, content, suffix):
    path = tmp_path / f'odd{suffix}'
    path.write_bytes(content)
    # FFmpeg takes a .txt for ANSI art, a codec like any other.
    kinds = (NoVideoStream, UnsupportedCodec)
    with pytest.raises(kinds, match='odd') as caught:
        open_and_read(path)
    assert '\n' not in str(caught.value)
    with pytest.raises(NoVideoStream):
        open_and_read(content)


def test_audio_only(tmp_path):
    path = write_audio_only(tmp_path / 'sound.m4a')
    with pytest.raises(NoVideoStream, match='sound.m4a'):
        open_and_read(path)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.mp4'):
        CompressedVideo(tmp_path / 'nowhere.mp4')
    with pytest.raises((IsADirectoryError, NoVideoStream)):
        CompressedVideo(tmp_path)


@pytest.mark.parametrize('source', [3, None, 4.5, ['a.mp4'], 'text\0.mp4'])
def test_sources_of_a_wrong_kind(source):
    with pytest.raises((TypeError, ValueError)):
        CompressedVideo(source)


@pytest.mark.parametrize('coding, suffix', [('vp8', '.webm'),
                                            ('vp9', '.webm'), ('vp9', '.mp4'),
                                            ('av1', '.mp4'),
                                            ('mjpeg', '.avi')])
def test_codecs_without_exact_residuals(make_clip, coding, suffix):
    path = make_clip(coding, count=6, suffix=suffix)
    with pytest.raises(UnsupportedCodec, match='transcode') as caught:
        open_and_read(path)
    assert os.path.basename(path) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('encoder, suffix', [('msmpeg4', '.avi'),
                                             ('wmv2', '.avi'),
                                             ('ffv1', '.mkv')])
def test_codecs_whose_reference_survives_a_flush(tmp_path, encoder, suffix):
    from mmfer.testing import Recipe
    path = write_video(tmp_path / f'old{suffix}', restless(6),
                       Recipe(encoder, 12))
    with pytest.raises(UnsupportedCodec, match='transcode'):
        open_and_read(path)


def test_an_image_is_no_predicted_video(tmp_path):
    from mmfer.testing import Recipe
    path = write_video(tmp_path / 'still.png', restless(1),
                       Recipe('png', pix_fmt='rgb24'), container='image2')
    with pytest.raises((UnsupportedCodec, NoVideoStream)):
        open_and_read(path)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi', '.mov'])
def test_metadata_that_is_not_utf8_does_no_harm(make_clip, suffix):
    path = make_clip('mpeg4', count=8, suffix=suffix,
                     metadata={'title': 'PLAINTITLE'})
    with open(path, 'rb') as file:
        data = with_bad_metadata(file.read(), b'PLAINTITLE')
    with CompressedVideo(path) as clean:
        assert np.array_equal(open_and_read(data).y, clean.residual_at(3).y)


def test_truncated_fast_start_file(make_clip, tmp_path):
    """The table of contents promises pictures beyond the end."""
    path = make_clip('mpeg4', count=30,
                     container_options={'movflags': 'faststart'})
    with open(path, 'rb') as file:
        data = truncated(file.read(), .5)
    short = tmp_path / 'short.mp4'
    short.write_bytes(data)
    for source in (short, data):
        with CompressedVideo(source) as video:
            assert video.residual_at(3).y.any()
            with pytest.raises(TruncatedFile) as caught:
                video.residual_at(29)
            with pytest.raises(TruncatedFile):
                video.frame_at(29)
    with CompressedVideo(short) as video:
        with pytest.raises(TruncatedFile, match='short.mp4'):
            video.residual_at(28)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('suffix', ['.mkv', '.avi', '.ts', '.mpg'])
@pytest.mark.parametrize('share', [.5, .7, .97])
def test_truncated_streaming_files_give_what_is_there(make_clip, suffix,
                                                      share):
    coding = 'mpeg1' if suffix == '.mpg' else 'mpeg4'
    coding = 'mpeg2' if suffix == '.ts' else coding
    path = make_clip(coding, count=30, suffix=suffix)
    with open(path, 'rb') as file:
        data = truncated(file.read(), share)
    with CompressedVideo(data) as video, CompressedVideo(path) as whole:
        assert 2 <= len(video) <= 30
        assert np.array_equal(video.residual_at(1).y, whole.residual_at(1).y)


def test_a_moov_that_is_cut_off(make_clip):
    with open(make_clip('mpeg4'), 'rb') as file:
        data = file.read()
    with pytest.raises(CompressedVideoError):
        open_and_read(truncated(data, .9))


@pytest.mark.parametrize('box, value', [
    (b'stts', 0xfffffff0), (b'ctts', 0xfffffff0), (b'stts', 3), (b'ctts', 3)])
def test_counts_of_samples_that_are_wrong(make_clip, box, value):
    with open(make_clip('h264_default', count=20), 'rb') as file:
        data = bytearray(file.read())
    at = data.index(box) + 12
    data[at:at + 4] = value.to_bytes(4, 'big')
    tracemalloc.start()
    try:
        open_and_read(bytes(data))
    except CompressedVideoError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1 << 26


@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg2', 'h264_deblock', 'hevc'])
def test_a_broken_packet_raises_or_is_marked_and_harms_no_other(
        make_clip, coding):
    path = make_clip(coding, count=10)
    index = VideoIndex.build(path)
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    at, size = int(index.position[4]), int(index.size[4])
    data[at + size // 3:at + size] = bytes(size - size // 3)
    with CompressedVideo(path) as whole, CompressedVideo(bytes(data)) as video:
        try:
            residual = video.residual_at(4)
            if coding in ('mpeg4', 'mpeg2'):
                assert residual.damaged
        except DamagedPacket as error:
            assert '4' in str(error) and '\n' not in str(error)
        for i in (5, 3):
            assert np.array_equal(video.residual_at(i).y,
                                  whole.residual_at(i).y)
            assert not video.residual_at(i).damaged


def test_an_unreadable_packet_is_a_damaged_packet(make_clip):
    path = make_clip('h264_deblock', count=10)
    index = VideoIndex.build(path)
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    at, size = int(index.position[4]), int(index.size[4])
    data[at + 4:at + size] = bytes([0x41]) + b'\xff' * (size - 5)
    with CompressedVideo(bytes(data)) as video:
        with pytest.raises(CompressedVideoError):
            video.residual_at(4, otherwise='error')
        assert video.residual_at(5).y.any()


def test_empty_packets_are_no_pictures(tmp_path, make_clip, truth):
    """A zero-length sample would act as the end of the stream."""
    import dataclasses
    path = make_clip('mpeg4', count=10)
    index = VideoIndex.build(path)
    size = index.size.copy()
    size[4] = 0
    with CompressedVideo(path, index=dataclasses.replace(
            index, size=size)) as video:
        with pytest.raises(CompressedVideoError):
            video.residual_at(4, otherwise='error')
        assert video.residual_at(5).y.any()
        assert len(read_packets(path)[0]) == 10


def test_huge_pictures_are_refused(make_clip):
    with pytest.raises(CompressedVideoError, match='max_pixels'):
        with CompressedVideo(make_clip('mpeg4'), max_pixels=1000) as video:
            video.residual_at(3)


def test_arguments_name_their_choices(make_clip):
    path = make_clip('mpeg4')
    with pytest.raises(ValueError, match='nearest_p'):
        CompressedVideo(path, otherwise='nearest')
    with CompressedVideo(path) as video:
        with pytest.raises(ValueError, match='nearest_p'):
            video.residual_at(3, otherwise='nearest')
        with pytest.raises(NotPredicted, match='0') as caught:
            video.residual_at(0, otherwise='error')
        assert os.path.basename(path) in str(caught.value)


def test_a_clip_without_predicted_pictures(make_clip):
    """An all-intra clip: nothing to read, and it says so."""
    from mmfer.testing import Recipe, recipe
    path = make_clip(Recipe('mpeg4', 1, 0, 4, recipe('mpeg4').options),
                     count=5)
    with CompressedVideo(path) as video:
        assert video.picture_types == 'IIIII'
        with pytest.raises(NotPredicted, match='transcode'):
            video.residual_at(2)
        assert not video.residual_at(2, otherwise='zeros').y.any()


def test_a_closed_video_says_so(make_clip):
    video = CompressedVideo(make_clip('mpeg4'))
    video.residual_at(3)  # its type is known from now on
    video.close()
    video.close()
    for read in (video.residual_at, video.frame_at,
                 lambda i: video.chained_at([i])):
        with pytest.raises(ValueError, match='closed'):
            read(3)
    with pytest.raises(ValueError, match='closed'):
        video.__enter__()


def test_no_log_output(make_clip, capfd):
    """FFmpeg's complaints about missing references stay silent."""
    for coding in ('mpeg4', 'h264_multiref', 'hevc'):
        with CompressedVideo(make_clip(coding)) as video:
            video.residuals_at(range(1, 10))
            video.chained_at([8])
    out, err = capfd.readouterr()
    assert out == '' and err == ''
