# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A decoder that served one clip serves the next as a new one would."""

import multiprocessing
import threading

import numpy as np
import pytest

from mmfer.codec import CompressedVideo, CompressedVideoError, VideoIndex
from mmfer.codec import decoder_pool
from mmfer.codec.bitstreams import make_bitstream
from mmfer.codec.decoder import ResidualDecoder
from mmfer.codec.decoder_pool import forget_decoders, give_decoder, take_decoder
from mmfer.testing import fingerprint
from mmfer.testing.odd_streams import damaged

CODINGS = ('mpeg4', 'mpeg4_bframes', 'mpeg4_interlaced', 'mpeg1', 'mpeg2',
           'mpeg2_interlaced', 'h264_default', 'h264_bframes',
           'h264_open_gop', 'h264_long', 'hevc')


@pytest.fixture(autouse=True)
def no_decoders():
    forget_decoders()
    yield
    forget_decoders()


@pytest.fixture
def taken(monkeypatch):
    """Codecs of the decoders that were taken over from another clip."""
    codecs, take = [], decoder_pool._pool.take

    def listen(key):
        context = take(key)
        if context is not None:
            codecs.append(key[0])
        return context

    monkeypatch.setattr(decoder_pool._pool, 'take', listen)
    return codecs


def read(source, index=None):
    """Fingerprints of all residuals, or the names of errors."""
    with CompressedVideo(source, index=index) as video:
        return [one(video, number) for number in range(len(video))]


def one(video, number):
    try:
        return fingerprint(video.residual_at(number))
    except CompressedVideoError as error:
        return type(error).__name__


def by_new_decoders(source, index=None):
    """As `read`, each picture by a decoder that never served before."""
    found = []
    with CompressedVideo(source, index=index) as video:
        count = len(video)
    for number in range(count):
        forget_decoders()
        with CompressedVideo(source, index=index) as video:
            found.append(one(video, number))
    forget_decoders()
    return found


@pytest.mark.parametrize('size', [(96, 80), (72, 56)])
@pytest.mark.parametrize('coding', CODINGS)
def test_equal_to_new_decoders(make_clip, coding, size):
    # MP4 keeps no global header of MPEG-1 and 2; without one none is shared.
    suffix = '.mpg' if coding[:5] in ('mpeg1', 'mpeg2') else '.mp4'
    clips = [make_clip(coding, source, size=size, suffix=suffix)
             for source in ('restless', 'fade', 'noise')]
    wanted = [by_new_decoders(clip) for clip in clips]
    for _ in range(2):
        assert [read(clip) for clip in clips] == wanted


@pytest.mark.parametrize('coding, suffix', [
    ('mpeg4', '.mp4'), ('flv1', '.flv'), ('h264_default', '.mp4')])
def test_decoders_are_taken_over(make_clip, taken, coding, suffix):
    """Else the other tests would prove nothing."""
    for source in ('restless', 'fade', 'noise'):
        read(make_clip(coding, source, suffix=suffix))
    assert len(taken) == 2


@pytest.mark.parametrize('coding', ['hevc', 'h264_plain', 'h264_long',
                                    'mpeg1', 'mpeg2'])
def test_decoders_that_cannot_tell_what_is_damaged_are_not(make_clip, taken,
                                                           coding):
    suffix = '.mpg' if coding[:4] == 'mpeg' else '.mp4'
    for source in ('restless', 'fade'):
        read(make_clip(coding, source, suffix=suffix))
    assert not taken


@pytest.mark.parametrize('suffix', ['.mp4', '.mpg'])
def test_a_last_slice_that_is_missing_without_a_sign(make_clip, suffix):
    # An odd number of rows, see `Mpeg12Bitstream`.
    path = make_clip('mpeg2', 'restless', size=(112, 112), suffix=suffix)
    index = VideoIndex.build(path)
    with CompressedVideo(path, index=index) as video:
        victim = video.picture_types.index('P', 6)
    number = int(index.order[victim])
    data = bytearray(np.fromfile(path, np.uint8).tobytes())
    at, size = int(index.position[number]), int(index.size[number])
    if at < 0:
        packet = index.payloads[number]
        last = packet.rindex(b'\0\0\1\7')
        index.payloads[number] = packet[:last] + bytes(len(packet) - last)
    else:
        last = data.rindex(b'\0\0\1\7', at, at + size)
        data[last:at + size] = bytes(at + size - last)
    source = bytes(data)
    with CompressedVideo(source, index=index) as video:
        alone = fingerprint(video.residual_at(victim))
        assert not video.residual_at(victim).inter[-2:].any()
    read(make_clip('mpeg2', 'fade', size=(112, 112), suffix=suffix))
    with CompressedVideo(source, index=index) as video:
        for near in (2, 3, victim + 1):
            video.residual_at(near)
            assert fingerprint(video.residual_at(victim)) == alone


@pytest.mark.parametrize('coding', ['mpeg4', 'mpeg2', 'h263', 'flv1',
                                    'h264_default', 'h264_bframes'])
def test_a_damaged_clip_does_no_harm(make_clip, coding):
    """Neither to the next clip, nor does it show what was read before."""
    suffix = {'h263': '.avi', 'flv1': '.flv'}.get(coding, '.mp4')
    size = (176, 144) if coding == 'h263' else (96, 80)
    good = make_clip(coding, 'fade', suffix=suffix, size=size)
    path = make_clip(coding, 'restless', suffix=suffix, size=size)
    index = VideoIndex.build(path)
    data = np.fromfile(path, np.uint8).tobytes()
    wanted_good = by_new_decoders(good)
    for seed in range(8):
        broken = data
        for number in range(1 + seed, len(index.size), 3):
            at, length = int(index.position[number]), int(index.size[number])
            packet = damaged(data[at:at + length], seed, 1 + seed % 4)
            packet = packet[:length].ljust(length, b'\0')
            broken = broken[:at] + packet + broken[at + length:]
        wanted = by_new_decoders(broken, index)
        for _ in range(2):
            assert read(good) == wanted_good
            assert read(broken, index) == wanted
    assert read(good) == wanted_good


def test_damage_shows_nothing_old_where_headers_are_sent_along(make_clip):
    path = make_clip('mpeg4', 'restless')
    with CompressedVideo(path) as video:
        headers, packets = video.index.extradata, video._packets
        coded = [packets.data(packets.order.item(at))
                 for at in range(len(video)) if video.picture_type_at(at) == 'P']
        size = video.index.width, video.index.height

    def decoder():
        return ResidualDecoder(make_bitstream('mpeg4', b'', 'test'), *size)

    def decoded(decoder, data):
        try:
            return fingerprint(decoder.decode(data, headers))
        except CompressedVideoError as error:
            return type(error).__name__

    used = decoder()
    for seed in range(60):
        broken = damaged(coded[seed % len(coded)], seed, 4, first=8)
        decoded(used, coded[(seed + 3) % len(coded)])
        assert decoded(used, broken) == decoded(decoder(), broken), seed
        assert decoded(used, broken) == decoded(decoder(), broken), seed


def test_each_thread_and_process_has_its_own(make_clip):
    clips = [make_clip(coding, source) for coding in ('mpeg4', 'h264_default')
             for source in ('restless', 'fade')]
    wanted = [by_new_decoders(clip) for clip in clips]
    assert [read(clip) for clip in clips] == wanted  # leaves decoders
    found = {}

    def work(name):
        found[name] = [[read(clip) for clip in clips] for _ in range(3)]

    threads = [threading.Thread(target=work, args=(n, )) for n in range(3)]
    for thread in threads:
        thread.start()
    with multiprocessing.get_context('fork').Pool(2) as pool:
        children = pool.map_async(read, clips * 2, chunksize=1).get(60)
    for thread in threads:
        thread.join(60)
    assert list(found.values()) == [[wanted] * 3] * 3
    assert children == wanted * 2


def test_two_open_videos_do_not_share(make_clip):
    one_clip, other = make_clip('mpeg4'), make_clip('mpeg4', 'fade')
    wanted = by_new_decoders(one_clip), by_new_decoders(other)
    read(one_clip)
    with CompressedVideo(one_clip) as a, CompressedVideo(other) as b:
        found = [(one(a, n), one(b, n)) for n in range(len(a))]
    assert tuple(zip(*found)) == tuple(map(tuple, wanted))


def test_few_wait_and_no_large_ones():
    coding = dict(codec='mpeg4', extradata=b'', height=16, options={})
    for width in range(16, 176, 16):
        give_decoder(object(), width=width, **coding)
    waiting = [width for width in range(16, 176, 16)
               if take_decoder(width=width, **coding)]
    assert waiting == [112, 128, 144, 160]
    give_decoder(object(), 'mpeg4', b'', 1920, 1080, {})
    assert take_decoder('mpeg4', b'', 1920, 1080, {}) is None
