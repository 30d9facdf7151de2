# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""H.264: residual == picture before deblocking - prediction, to the bit."""

import av
import numpy as np
import pytest

from mmfer.codec import (CompressedVideo, CompressedVideoError, NotPredicted)
from mmfer.testing import encode_packets, restless, x264
from mmfer.testing.exactness import check_file
from mmfer.testing.full_decode import padded_packet, read_packets
from mmfer.testing.h264_headers import H264Headers
from mmfer.testing.reference_motion import rasterise

EXACT = [
    'h264_plain', 'h264_cabac', 'h264_8x8dct', 'h264_deblock', 'h264_cavlc',
    'h264_slices', 'h264_constrained_intra', 'h264_multiref', 'h264_422',
    'h264_444', 'h264_10bit', 'h264_full_range', 'h264_lossless',
    'h264_open_gop', 'h264_bframes', 'h264_intra_refresh', 'h264_default'
]


def total_share(agreements):
    """Share of all samples of all pictures that agree."""
    compared = sum(sum(a.total) for a in agreements)
    assert compared > 0
    return sum(sum(a.right) for a in agreements) / compared


def check(path, **options):
    """Agreements of all P pictures that the stream holds."""
    with CompressedVideo(path, otherwise='error') as video:
        return list(check_file(path, video.residual_at, **options))


@pytest.mark.parametrize('coding', EXACT)
def test_numpy_motion_compensation_agrees(make_clip, coding):
    agreements = check(make_clip(coding, count=14))
    assert len(agreements) >= 3
    assert total_share(agreements) == 1
    for a in agreements:
        assert sum(a.total) > .5 * 96 * 80, a


@pytest.mark.parametrize('size', [(90, 74), (36, 20), (100, 100)])
def test_sizes_that_are_no_multiple_of_16(make_clip, size):
    assert total_share(check(make_clip('h264_deblock', count=8,
                                       size=size))) == 1


@pytest.mark.parametrize('suffix', ['.mkv', '.ts', '.flv', '.h264'])
def test_other_containers(make_clip, suffix):
    assert total_share(
        check(make_clip('h264_deblock', count=14, suffix=suffix))) == 1


def test_monochrome(make_clip):
    path = make_clip(x264(pix_fmt='gray'), count=8)
    assert total_share(check(path)) == 1
    with CompressedVideo(path) as video:
        residual = video.residual_at(3)
        assert residual.y.any() and not residual.u.any()


def test_small_partitions_but_for_their_inexact_vectors(make_clip):
    """FFmpeg exports one vector of an 8x8 block cut smaller: few misfits."""
    share = total_share(check(make_clip('h264_partitions', count=14)))
    assert .98 < share < 1


def test_frame_num_zero_is_read(make_clip, truth):
    """frame_num wraps every 16 pictures; FFmpeg drops such lone slices."""
    path = make_clip('h264_long', count=40)
    packets, new_decoder = read_packets(path)
    headers = H264Headers(bytes(new_decoder().extradata))
    zeros = [
        n for n, data in enumerate(packets) for s in headers.slices(data)[:1]
        if s.frame_num == 0 and not s.idr
    ]
    assert len(zeros) == 2
    agreements = {a.index: a for a in check(path)}
    for number in zeros:
        assert agreements[number].right == agreements[number].total
        assert sum(agreements[number].total) > .5 * 96 * 80
    # Negative control: fed as it is, the picture has no vectors.
    decoder = new_decoder({
        'flags': '+output_corrupt',
        'flags2': '+showall+export_mvs',
        'skip_loop_filter': 'all'
    })
    for number, bare in ((zeros[0], True), (zeros[0] + 1, False)):
        frames = decoder.decode(padded_packet(packets[number], 0))
        frames += decoder.decode(None)
        decoder.flush_buffers()
        lost = not frames or frames[-1].side_data.get(
            'MOTION_VECTORS') is None
        assert lost is bare


@pytest.mark.parametrize('params', ['cabac=0', 'cabac=1', 'slices=3',
                                    'bframes=2:b-pyramid=0', 'ref=4'])
def test_frame_num_zero_in_every_slice_form(make_clip, params):
    """The rewritten header must keep what follows it, CABAC alignment too."""
    path = make_clip(x264(params, gop=60), count=36, size=(64, 48))
    agreements = check(path)
    assert total_share(agreements) == 1
    assert all(sum(a.total) for a in agreements)


def test_the_loop_filter_must_be_off(make_clip):
    """Negative control: with its filter on, the packet says something else.
    """
    path = make_clip('h264_deblock', count=8)
    packets, new_decoder = read_packets(path)
    outputs = []
    for skip in ('all', 'default'):
        decoder = new_decoder({
            'flags': '+output_corrupt',
            'flags2': '+showall',
            'skip_loop_filter': skip
        })
        frame = (decoder.decode(padded_packet(packets[3], 0)) +
                 decoder.decode(None))[-1]
        outputs.append(frame.to_ndarray()[:80].astype(np.int16) - 128)
    with CompressedVideo(path) as video:
        inter = video.residual_at(3).inter.repeat(8, 0).repeat(8, 1)
        luma = video.residual_at(3).y
    assert np.array_equal(luma[inter], outputs[0][inter])
    assert (luma != outputs[1])[inter].mean() > .02


def test_a_still_picture_has_no_residual(make_clip):
    for coding in ('h264_deblock', 'h264_10bit', 'h264_444'):
        with CompressedVideo(make_clip(coding, 'flat', 20)) as video:
            depth = 10 if '10' in coding else 8
            for index in range(1, 12):
                residual = video.residual_at(index, otherwise='error')
                assert residual.bit_depth == depth
                assert not residual.y.any() and not residual.u.any()
                assert residual.inter.all() and not residual.motion.any()


def test_vectors_are_those_of_a_full_decode(make_clip, truth):
    for coding in ('h264_deblock', 'h264_multiref', 'h264_8x8dct'):
        path = make_clip(coding)
        with CompressedVideo(path) as video:
            for index, picture in enumerate(truth(path)):
                if picture.picture_type == 'P':
                    residual = video.residual_at(index)
                    motion, inter = rasterise(picture.vectors, 96, 80)
                    assert np.array_equal(residual.motion, motion)
                    assert np.array_equal(residual.inter, inter)


def test_intra_blocks_are_zero_and_masked(make_clip, truth):
    path = make_clip('h264_deblock', 'noise', 6)
    seen = 0
    with CompressedVideo(path) as video:
        for index, picture in enumerate(truth(path)):
            if picture.picture_type == 'P':
                residual = video.residual_at(index)
                _, inter = rasterise(picture.vectors, 96, 80)
                assert np.array_equal(residual.inter, inter)
                outside = ~inter.repeat(8, 0).repeat(8, 1)
                assert not residual.y[outside].any()
                seen += outside.sum()
    assert seen > 1000


def test_weighted_prediction_is_flagged_and_exact_but_for_its_offset(
        make_clip):
    path = make_clip('h264_weighted', 'fade', 14)
    agreements = check(path)
    assert total_share(agreements) == 1
    assert sum(a.weighted for a in agreements) > 5
    with CompressedVideo(path) as video:
        for a in agreements:
            assert video.residual_at(a.index).weighted == a.weighted
    plain = make_clip('h264_deblock')
    with CompressedVideo(plain) as video:
        assert not any(r.weighted for r in video.residuals_at(range(1, 12)))


def test_the_check_notices_a_wrong_residual(make_clip):
    """Negative control of the search over references."""
    path = make_clip('h264_multiref')
    with CompressedVideo(path) as video:
        shifted = check_file(path, lambda i: video.residual_at(max(1, i - 1)))
        assert max(a.share for a in list(shifted)[1:]) < .95


@pytest.mark.parametrize('coding, source', [('h264_mbaff', 'interlaced'),
                                            ('h264_partitions', 'restless'),
                                            ('h264_deblock', 'restless')])
def test_residual_does_not_depend_on_the_level_of_a_flat_reference(
        tmp_path, coding, source, make_clip):
    """The same P packet behind flat intra pictures of three levels.

    Holds whatever the motion, so also for field macroblocks, whose exported
    vectors are in other units.
    """
    path = make_clip(coding, source, 8)
    packets, new_decoder = read_packets(path)
    with CompressedVideo(path) as video:
        residual = video.residual_at(1, otherwise='error')
    inter = residual.inter.repeat(8, 0).repeat(8, 1)
    assert inter.mean() > .5
    for level in (60, 128, 190):
        grey = np.full((1, 80, 96, 3), level, np.uint8)
        flat_packet = bytes(
            encode_packets(grey, coding, global_header=True)[0][0])
        decoder = new_decoder({'skip_loop_filter': 'all'})
        # Strip start codes to the length prefixes that MP4 packets have.
        decoder.extradata = encode_packets(
            grey, coding, global_header=True)[1]
        frames = decoder.decode(padded_packet(flat_packet, 0))
        length, data = packets[1], b''
        while length:
            size = int.from_bytes(length[:4], 'big')
            data += b'\0\0\0\1' + length[4:4 + size]
            length = length[4 + size:]
        frames += decoder.decode(padded_packet(data, 1))
        frames += decoder.decode(None)
        base, predicted = (f.to_ndarray()[:80].astype(np.int16)
                           for f in frames)
        assert np.ptp(base) == 0
        free = inter & (predicted > 0) & (predicted < 255) & (
            np.abs(residual.y) < 127)
        assert np.array_equal((predicted - base)[free], residual.y[free])
        assert free.sum() > 1000


def test_interlaced_clips_use_field_macroblocks(make_clip):
    """The frame-based model must fail somewhere, or MBAFF is not tested."""
    path = make_clip('h264_mbaff', 'interlaced', 8)
    assert total_share(check(path)) < .999


def test_b_pictures_on_request(make_clip, truth):
    """'pixels' reads B pictures: they agree with one- or two-way averages."""
    from mmfer.testing.reference_motion import blocks_of, predict_luma
    path = make_clip(x264('weightb=0:b-pyramid=0:partitions=none:no-deblock=1',
                          bframes=1, options={'b_strategy': '0'}), count=9)
    pictures = truth(path)
    kinds = [p.picture_type for p in pictures]
    checked = right = 0
    with CompressedVideo(path) as video:
        for index, picture in enumerate(pictures):
            if picture.picture_type != 'B':
                continue
            with pytest.raises(NotPredicted):
                video.residual_at(index, otherwise='error')
            assert video.residual_at(index).picture_type == 'P'
            residual = video.residual_at(index, otherwise='pixels')
            assert residual.picture_type == 'B' and residual.index == index
            assert residual.motion is None
            before = index - 1 - kinds[index - 1::-1].index(
                next(k for k in kinds[index - 1::-1] if k != 'B'))
            after = index + 1 + next(n for n, k in enumerate(kinds[index + 1:])
                                     if k != 'B')
            options = {}
            for source, reference in ((-1, before), (1, after)):
                vectors = picture.vectors[picture.vectors['source'] == source]
                vectors = vectors.copy()
                vectors['source'] = -1
                for blocks in blocks_of(vectors):
                    values = predict_luma(pictures[reference].planes[0],
                                          blocks, 'h264')
                    for x, y, value in zip(blocks.x, blocks.y, values):
                        options.setdefault((x, y), []).append(value)
            for (x, y), values in options.items():
                if len(values) == 2 and values[0].shape == values[1].shape:
                    values.append((values[0] + values[1] + 1) >> 1)
                h, w = values[0].shape
                cut = np.s_[y:y + h, x:x + w]
                wanted = picture.planes[0][cut] - residual.y[cut]
                checked += 1
                right += any(v.shape == wanted.shape and (v == wanted).all()
                             for v in values)
    assert checked > 50 and right / checked > .97


def test_field_pictures_are_refused(tmp_path):
    """No encoder here makes PAFF: set the bit in an interlaced stream."""
    packets, extradata = encode_packets(
        restless(3), x264('interlaced=1:cabac=0'), global_header=True)
    raw = extradata + b''.join(bytes(p) for p in packets)
    position = [i for i in range(len(raw) - 4)
                if raw[i:i + 3] == b'\0\0\1' and raw[i + 3] & 31 == 1][0] + 4
    bits = ''.join(f'{b:08b}' for b in raw[position:position + 8])
    # ue(first_mb)=1, ue(slice_type 5)=00110, ue(pps)=1, frame_num, field.
    assert bits.startswith('1' + '00110' + '1')
    headers = H264Headers(extradata)
    width = next(iter(headers.sps.values()))['frame_num_bits']
    at = 7 + width
    assert bits[at] == '0'
    bits = bits[:at] + '1' + bits[at + 1:]
    patched = int(bits, 2).to_bytes(8, 'big')
    path = tmp_path / 'field.h264'
    path.write_bytes(raw[:position] + patched + raw[position + 8:])
    with pytest.raises(CompressedVideoError, match='field'):
        with CompressedVideo(path) as video:
            video.residual_at(1, otherwise='error')


def test_old_pyav_would_break_ten_bit():
    """FFmpeg before 8.1.2 filled missing 10-bit references with black."""
    assert av.library_versions['libavcodec'] >= (62, 28, 102)
