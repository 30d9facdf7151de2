# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""transcode: settings reach the encoder, files appear whole or not at all."""

import os
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

from mmfer.codec import (CompressedVideo, CompressedVideoError,
                         UnsupportedStream, read_provenance, transcode)
from mmfer.synthetic import SyntheticFaces, render_clip
from mmfer.testing import face_like, restless, write_video
from mmfer.testing.exactness import check_file
from mmfer.testing.full_decode import decode_all

FRAMES = face_like(26, (96, 80))


def psnr(path, frames):
    """Luma PSNR of a clip against its source, in dB."""
    error = 0.0
    with av.open(str(path)) as container:
        for frame, source in zip(container.decode(video=0), frames):
            wanted = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(source), 'rgb24').reformat(
                    format='yuv420p').to_ndarray()[:source.shape[0]]
            got = frame.to_ndarray()[:source.shape[0]]
            error += ((wanted.astype(float) - got)**2).mean()
    return 10 * np.log10(255**2 * len(frames) / error)


@pytest.mark.parametrize('codec', ['mpeg4', 'mpeg2video', 'h264'])
@pytest.mark.parametrize('gop', [6, 12, None])
def test_structure_is_as_asked(tmp_path, codec, gop):
    out = tmp_path / 'clip.mp4'
    report = transcode(FRAMES, out, codec=codec, gop=gop)
    length = gop or 10**9
    kinds = ''.join('I' if i % length == 0 else 'P' for i in range(26))
    with CompressedVideo(out) as video:
        assert video.picture_types == kinds
        assert video.codec == codec
        assert (video.width, video.height) == (96, 80)
        assert not any(r.weighted for r in video.residuals_at(range(1, 26)))
    assert report.pictures == 26 and report.bytes == out.stat().st_size
    assert sorted(os.listdir(tmp_path)) == ['clip.mp4']
    assert psnr(out, FRAMES) > 34


@pytest.mark.parametrize('codec', ['mpeg4', 'mpeg2video', 'h264'])
def test_every_residual_of_the_profile_is_exact(tmp_path, codec):
    out = tmp_path / 'clip.mp4'
    transcode(restless(14), out, codec=codec)
    with CompressedVideo(out, otherwise='error') as video:
        agreements = list(check_file(out, video.residual_at))
    assert len(agreements) == 12
    for a in agreements:
        if sum(a.total):  # MPEG-2 gives no vectors with its last picture
            assert a.right == a.total


@pytest.mark.filterwarnings('ignore:.*nearly empty')
def test_the_quantiser_is_constant_and_obeyed(tmp_path):
    sizes, quality = [], []
    for qscale in (2, 3, 5, 9, 16, 31):
        out = tmp_path / f'q{qscale}.mp4'
        sizes.append(transcode(FRAMES, out, qscale=qscale).bytes)
        quality.append(psnr(out, FRAMES))
    assert sizes == sorted(sizes, reverse=True)
    assert quality == sorted(quality, reverse=True)
    assert sizes[0] > 4 * sizes[-1]
    data = (tmp_path / 'q5.mp4').read_bytes()
    with CompressedVideo(data) as video:
        index = video.index
        for packet in range(26):
            at = int(index.position[packet])
            vop = data[at:at + int(index.size[packet])]
            bits = ''.join(f'{b:08b}'
                           for b in vop[vop.index(b'\0\0\1\xb6') + 4:][:8])
            place = bits.index('0', 2) + 2  # modulo time base, marker
            place += 5 + 2  # increment at 25 pictures a second, marker, coded
            place += (bits[:2] == '01') + 3  # rounding of P, DC threshold
            assert int(bits[place:place + 5], 2) == 5


@pytest.mark.filterwarnings('ignore:.*nearly empty')
def test_finer_crf_is_larger(tmp_path):
    sizes = [
        transcode(FRAMES, tmp_path / f'c{crf}.mp4', codec='h264',
                  crf=crf).bytes for crf in (13, 18, 28)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_stock_profile_leaves_h264_at_its_defaults(tmp_path):
    out = tmp_path / 'stock.mp4'
    transcode(FRAMES, out, codec='h264', profile='stock')
    with CompressedVideo(out) as video:
        assert 'B' in video.picture_types
        assert video.keyframes.tolist() == [0]


@pytest.mark.filterwarnings('ignore:.*nearly empty')
@pytest.mark.parametrize('profile', ['stock', 'residual'])
def test_the_same_pictures_give_the_same_file(tmp_path, profile):
    """Whatever is left in memory; x264's defaults fail here."""
    out, rng = tmp_path / 'clip.mp4', np.random.default_rng(0)
    faces = SyntheticFaces(num_subjects=4, clips_per_class=1)
    for item in list(faces)[::3]:
        pictures, found = list(render_clip(item)), set()
        for _ in range(3):
            litter = [rng.integers(0, 256, size, dtype=np.uint8)
                      for size in rng.integers(1000, 300000, 20)]
            del litter[::2]  # holes between what stays
            transcode(pictures, out, codec='h264', profile=profile,
                      overwrite=True)
            found.add(out.read_bytes())
        assert len(found) == 1, item.name


def test_sources_agree(tmp_path):
    """Arrays, a folder of images in natural order, and a lossless video."""
    frames = FRAMES[:12]
    arrays = tmp_path / 'arrays.mp4'
    transcode(iter(frames), arrays)
    folder = tmp_path / 'images'
    folder.mkdir()
    for number, picture in enumerate(frames):
        _write_png(folder / f'f{number}.png', picture)
    images = tmp_path / 'images.mp4'
    transcode(folder, images)
    assert _luma(arrays) == _luma(images)
    from mmfer.testing import Recipe
    lossless = write_video(tmp_path / 'source.mkv', frames,
                           Recipe('ffv1', pix_fmt='yuv420p'))
    video = tmp_path / 'video.mp4'
    transcode(lossless, video)
    assert _luma(arrays) == _luma(video)


def _write_png(path, picture):
    context = av.CodecContext.create('png', 'w')
    context.height, context.width = picture.shape[:2]
    context.pix_fmt = 'rgb24'
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), 'rgb24')
    packets = context.encode(frame) + context.encode(None)
    path.write_bytes(b''.join(bytes(p) for p in packets))


def _luma(path):
    return [p.planes[0].tobytes() for p in decode_all(path)]


def test_sizes_become_multiples_of_16(tmp_path):
    frames = face_like(4, (101, 75))
    transcode(frames, tmp_path / 'a.mp4')
    with CompressedVideo(tmp_path / 'a.mp4') as video:
        assert video.width % 16 == 0 and video.height % 16 == 0
        assert abs(video.width - 101) < 16 and abs(video.height - 75) < 16
    for size, wanted in ((64, (64, 64)), ((96, 48), (96, 48))):
        out = tmp_path / f'{wanted}.mp4'
        report = transcode(frames, out, size=size)
        assert (report.width, report.height) == wanted
        with CompressedVideo(out) as video:
            assert (video.width, video.height) == wanted
    with pytest.raises(ValueError, match='16'):
        transcode(frames, tmp_path / 'b.mp4', size=(100, 60))


def test_frame_rate(tmp_path):
    frames = face_like(24, (64, 48))
    source = write_video(tmp_path / 'source.mkv', frames, 'mpeg4', fps=24)
    keep, half = tmp_path / 'keep.mp4', tmp_path / 'half.mp4'
    transcode(source, keep)
    transcode(source, half, fps=12)
    with CompressedVideo(keep) as video:
        assert len(video) == 24 and video.fps == pytest.approx(24)
    with CompressedVideo(half) as video:
        assert len(video) == 12 and video.fps == pytest.approx(12)


def test_same_input_same_bytes_and_provenance(tmp_path):
    one, two = tmp_path / 'one.mp4', tmp_path / 'two.mp4'
    transcode(FRAMES, one)
    transcode(FRAMES, two)
    assert one.read_bytes() == two.read_bytes()
    with av.open(str(one)) as container:
        comment = container.metadata['comment']
    for fact in ('mpeg4', '12', 'residual'):
        assert fact in comment


def test_progress_and_refusals(tmp_path):
    out, seen = tmp_path / 'clip.mp4', []
    transcode(FRAMES[:5], out, progress=seen.append)
    assert seen == [1, 2, 3, 4, 5]
    with pytest.raises(FileExistsError, match='overwrite'):
        transcode(FRAMES[:5], out)
    before = out.stat().st_size
    transcode(FRAMES[:9], out, overwrite=True)
    assert out.stat().st_size > before
    for bad in (dict(codec='vp9'), dict(gop=0), dict(qscale=0),
                dict(qscale=32), dict(codec='h264', crf=60),
                dict(profile='fast'), dict(size=0), dict(size=(32, -16))):
        with pytest.raises(ValueError):
            transcode(FRAMES[:2], tmp_path / 'bad.mp4', **bad)
    with pytest.raises(CompressedVideoError):
        transcode(iter([]), tmp_path / 'bad.mp4')
    with pytest.raises(FileNotFoundError, match='nothing.mp4'):
        transcode(tmp_path / 'nothing.mp4', tmp_path / 'bad.mp4')
    assert sorted(os.listdir(tmp_path)) == ['clip.mp4']


@pytest.mark.parametrize('bad', [
    np.zeros((80, 96), np.uint8), np.zeros((80, 96, 4), np.uint8),
    np.zeros((80, 96, 3), np.float32)
], ids=['grey', 'rgba', 'float'])
def test_nothing_is_left_when_a_picture_is_bad(tmp_path, bad):
    def pictures():
        yield from FRAMES[:3]
        yield bad

    with pytest.raises(ValueError):
        transcode(pictures(), tmp_path / 'clip.mp4')
    assert not os.listdir(tmp_path)


def test_an_interrupted_run_leaves_the_old_file(tmp_path):
    out = tmp_path / 'clip.mp4'
    transcode(FRAMES[:4], out)
    old = out.read_bytes()

    def pictures():
        yield from FRAMES[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transcode(pictures(), out, overwrite=True)
    assert out.read_bytes() == old and os.listdir(tmp_path) == ['clip.mp4']


def test_a_nearly_empty_residual_is_warned_about(tmp_path):
    """Quantiser 31 throws away what the model is to look at."""
    with pytest.warns(UserWarning, match='residual'):
        transcode(FRAMES, tmp_path / 'coarse.mp4', qscale=31)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        transcode(FRAMES, tmp_path / 'fine.mp4', qscale=3)


def test_a_clip_that_cannot_be_read_replaces_nothing(tmp_path):
    """H.264 with B pictures in AVI: no display order is stored there."""
    out = tmp_path / 'clip.avi'
    transcode(FRAMES, out)
    before = out.read_bytes()
    with pytest.raises(UnsupportedStream, match='write a .mp4'):
        transcode(FRAMES, out, codec='h264', profile='stock', overwrite=True)
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['clip.avi']


def test_provenance_holds_what_was_really_used(tmp_path):
    out = tmp_path / 'clip.mp4'
    transcode(FRAMES, out, codec='h264', profile='stock',
              options={'crf': 20})
    found = read_provenance(out)
    assert found['options'] == {'crf': '20'} and found['gop'] is None


@pytest.mark.parametrize('codec', ['mpeg4', 'h264'])
def test_options_that_the_encoder_does_not_know(tmp_path, codec):
    with pytest.raises(ValueError, match='has no option bogus, qqmin;'):
        transcode(FRAMES, tmp_path / 'clip.mp4', codec=codec,
                  options={'bogus': 1, 'qmin': 2, 'qqmin': 2})
    assert not list(tmp_path.iterdir())


def test_noise_is_no_empty_residual(tmp_path, recwarn):
    noise = np.random.default_rng(0).integers(
        0, 256, (6, 64, 64, 3), dtype=np.uint8)
    assert transcode(noise, tmp_path / 'noise.mp4').coded_share > .5
    assert not [w for w in recwarn if 'nearly empty' in str(w.message)]


@pytest.mark.filterwarnings('ignore:.*nearly empty')
@pytest.mark.parametrize('codec, rate, written', [
    ('mpeg4', 29.541823, 29.541823), ('mpeg4', 15.0034, 15.0034),
    ('mpeg4', 24000 / 1001, 24000 / 1001), ('h264', 29.541823, 29.541823),
    ('mpeg2video', 29.541823, 30000 / 1001), ('mpeg2video', 200, 200)])
def test_rates_that_phones_record_at(tmp_path, codec, rate, written):
    report = transcode(FRAMES[:3], tmp_path / 'a.mp4', codec=codec, fps=rate)
    assert report.fps == pytest.approx(written, rel=1e-6)
    with CompressedVideo(tmp_path / 'a.mp4') as video:
        assert video.fps == pytest.approx(written, rel=1e-3)
        assert video.picture_types == 'IPP'
