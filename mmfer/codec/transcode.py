# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Making clips whose residuals are worth reading."""
import itertools
import json
import operator
import os
import platform
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from mmfer.atomic import replacing

from .errors import CompressedVideoError, NotPredicted, NoVideoStream
from .source_pictures import Reading, open_pictures
from .video import CompressedVideo

_ENCODERS = {'mpeg4': 'mpeg4', 'mpeg2video': 'mpeg2video', 'h264': 'libx264'}
_WHOLE_CLIP = 1_000_000  # longer than any clip, hence one group of pictures
_LAVC_LONGEST_GROUP = 600  # beyond it MPEG encoders ask for `experimental`
_NEARLY_EMPTY = .05
_MPEG2_RATES = (Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50,
                Fraction(60000, 1001), 60)


@dataclass(frozen=True)
class TranscodeReport:
    """What was written, and with which settings.

    Attributes:
        path (str): The clip.
        pictures (int): Number of pictures.
        bytes (int): Size of the file.
        coded_share (float): Non-zero samples in predicted blocks, of three
            sampled pictures.
        codec, profile (str), gop, qscale, crf (int | None): As asked; None
            where the profile leaves it to the encoder.
        options (dict): Further options, as asked.
        width, height (int), fps (float): As written.
        versions (dict): Of PyAV and of FFmpeg's encoder library.
    """

    path: str
    pictures: int
    bytes: int
    coded_share: float
    codec: str
    profile: str
    gop: int
    options: dict
    qscale: int
    crf: int
    width: int
    height: int
    fps: float
    versions: dict


def transcode(source, out, codec='mpeg4', gop=12, qscale=3, crf=18, size=None,
              fps=None, profile='residual', options=None, progress=None,
              overwrite=False):
    """Encode a clip so that its residuals are exact and carry information.

    The default, MPEG-4 Part 2 at a fine constant quantiser without B
    pictures, is the cheapest to read and needs no caveat. The same pictures
    and settings give the same file.

    Args:
        source (str | PathLike | Iterable[np.ndarray]): A video file, a folder
            of images (taken in natural order of their names), or pictures as
            uint8 (H, W, 3) RGB.
        out (str | PathLike): The clip to write; the suffix names the
            container. Written under a temporary name, then renamed.
        codec (str): 'mpeg4', 'mpeg2video' or 'h264'. Defaults to 'mpeg4'.
        gop (int, optional): Pictures from one key picture to the next, None
            for a single group. Defaults to 12.
        qscale (int): Constant quantiser of the MPEG codecs, 1 (finest) to 31.
            Defaults to 3.
        crf (int): Constant rate factor of H.264, 0 to 51. Defaults to 18.
        size (int | tuple[int, int], optional): (width, height) in pixels,
            multiples of 16; the pictures are stretched to it.
            Defaults to None, the source's size rounded.
        fps (float, optional): Pictures a second. Pictures of a video are
            dropped or repeated to fit. Defaults to None, the source's (25
            for arrays and images), or the nearest that the codec has.
        profile (str): 'residual' switches B pictures, scene-cut key pictures,
            weights and further references off; 'stock' leaves the encoder's
            own defaults, but for the quantiser of the MPEG codecs, and
            ignores `gop` and `crf`. Defaults to 'residual'.
        options (dict, optional): More options of FFmpeg's encoder; these win.
            `x264-params` replaces all that is set here, `cpu-independent`
            included, without which x264 does not code alike each time.
        progress (Callable[[int], None], optional): Called with the number of
            pictures written after each.
        overwrite (bool): Replace an existing file. Defaults to False.

    Returns:
        TranscodeReport: Also stored as JSON in the clip's `comment` tag.

    Raises:
        FileExistsError: If `out` exists and `overwrite` is False.
        FileNotFoundError: If the source does not exist.
        CompressedVideoError: If the source holds no picture.
        ValueError: If a setting is out of range, the encoder does not know
            an option, or the pictures differ in size.

    Warns:
        UserWarning: If the residuals written are nearly empty, or a file
        holds damaged pictures, or fewer than it names.
    """
    _check(codec, gop, qscale, crf, profile, fps)
    out = Path(out)
    if out.exists() and not overwrite:
        raise FileExistsError(
            f'{out}: exists already; choose another name or pass '
            'overwrite=True')
    reading = Reading()
    pictures, source_fps, name = open_pictures(source, fps, reading)
    rate = _writable_rate(fps or source_fps, codec)
    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise NoVideoStream(f'{name}: holds no picture to encode')
    width, height = _target_size(size, first)
    facts = dict(
        codec=codec, profile=profile,
        gop=gop if profile == 'residual' else None,
        options={k: str(v) for k, v in (options or {}).items()},
        qscale=None if codec == 'h264' else qscale,
        crf=crf if codec == 'h264' and profile == 'residual' else None,
        width=width, height=height, fps=float(rate),
        versions={
            'av': av.__version__,
            'libavcodec': '.'.join(
                map(str, av.library_versions['libavcodec'])),
            'python': platform.python_version(),
        })
    settings = _encoder_options(codec, gop, qscale, crf, profile)
    settings.update(facts['options'])
    with replacing(out) as temporary:
        written = _encode(first, pictures, temporary, _ENCODERS[codec],
                          settings, width, height, rate, facts, progress, name)
        coded = _coded_share(temporary, out)
    if reading.corrupt or reading.missing:
        warnings.warn(
            f'{name}: of its pictures {reading.corrupt} decode with errors '
            f'and {reading.missing} are missing; check that the file is '
            'complete', stacklevel=2)
    if coded < _NEARLY_EMPTY:
        warnings.warn(
            f'{out}: the residual is nearly empty, {coded:.1%} of its sampled '
            'values are not zero; lower the quantiser or the rate factor',
            stacklevel=2)
    return TranscodeReport(path=str(out), pictures=written,
                           bytes=out.stat().st_size, coded_share=coded,
                           **facts)


def _coded_share(path, out):
    """Return the share of non-zero inter luma samples of a few pictures.

    Returns:
        float: 1.0 if nothing at all is predicted, which is another matter.

    Raises:
        CompressedVideoError: If the clip that was written cannot be read.
    """
    try:
        video = CompressedVideo(path)
    except CompressedVideoError as error:
        raise type(error)(
            f"{out}: cannot be read again as a {out.suffix} file; write a .mp4 "
            f"file or pass profile='residual' ({error})") from None
    with video:
        count, nonzero, total = len(video), 0, 0
        for number in range(1, 4):
            try:
                residual = video.residual_at(number * count // 4)
            except NotPredicted:
                return 1.0
            nonzero += np.count_nonzero(residual.y)
            total += np.count_nonzero(residual.inter) * 64
    return nonzero / total if total else 1.0


def read_provenance(path):
    """Return the settings that `transcode` stored in a clip.

    Returns:
        dict | None: None if the clip was not made by `transcode`.
    """
    try:
        with av.open(os.fspath(path), metadata_errors='replace') as container:
            comment = container.metadata.get('comment', '')
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise NoVideoStream(
            f'{path}: not a readable video ({error}); check that the file is '
            'complete') from None
    try:
        return json.loads(comment)['mmfer']
    except (ValueError, KeyError, TypeError):
        return None


def _check(codec, gop, qscale, crf, profile, fps):
    if codec not in _ENCODERS:
        raise ValueError(
            f'codec is {codec!r}, it must be one of {", ".join(_ENCODERS)}')
    if profile not in ('residual', 'stock'):
        raise ValueError(
            f"profile is {profile!r}, it must be 'residual' or 'stock'")
    if gop is not None and operator.index(gop) < 1:
        raise ValueError(f'gop is {gop}, it must be at least 1, or None')
    if not 1 <= operator.index(qscale) <= 31:
        raise ValueError(f'qscale is {qscale}, it must be in 1..31')
    if not 0 <= crf <= 51:
        raise ValueError(f'crf is {crf}, it must be in 0..51')
    if fps is not None and not 0 < fps <= 1000:
        raise ValueError(f'fps is {fps}, it must be in 0..1000 and not 0')


def _writable_rate(rate, codec):
    """Return the nearest rate that the headers of a codec can express.

    Phones record at rates such as 29.5418, for which MPEG-4 has too few bits
    and MPEG-2 no code. When pictures are shown changes no residual.
    """
    if not rate or not 0 < rate <= 1000:  # unknown, or a broken header
        rate = 25
    rate = Fraction(rate)
    if codec == 'mpeg4':  # numerator and denominator have 16 bits
        return rate.limit_denominator(int(65535 / max(rate, 1)))
    if codec == 'mpeg2video':  # ISO/IEC 13818-2, 6.3.3 and 6.3.5
        return min((Fraction(base) * n / d for base in _MPEG2_RATES
                    for n in range(1, 5) for d in range(1, 33)),
                   key=lambda known: abs(known - rate))
    return rate.limit_denominator(60000)


def _encoder_options(codec, gop, qscale, crf, profile):
    """Return FFmpeg's encoder options for the settings, as strings."""
    options = {'threads': '1'}
    gop = _WHOLE_CLIP if gop is None else gop
    if codec == 'h264':
        # Else some pictures are coded now in one way, now in another: x264's
        # choice depends on the processor, and on what is left in memory.
        x264 = 'cpu-independent=1'
        if profile == 'residual':
            options.update({'crf': str(crf), 'bf': '0'})
            x264 += (f':keyint={gop}:min-keyint={min(gop, 250)}:'
                     'ref=1:weightp=0:scenecut=0:open-gop=0')
        return {**options, 'x264-params': x264}
    # `global_quality` is ignored here: a constant quantiser needs both ends.
    options.update({'qmin': str(qscale), 'qmax': str(qscale)})
    if profile == 'residual':
        options.update({'g': str(gop), 'bf': '0', 'flags': '+cgop',
                        'sc_threshold': '1000000000'})
        if gop > _LAVC_LONGEST_GROUP:
            options['strict'] = 'experimental'
    return options


def _encode(first, pictures, temporary, encoder, options, width, height, rate,
            facts, progress, name):
    """Write the container; return the number of pictures."""
    count, shape = 0, None
    scaler = VideoReformatter()  # setting one up costs more than scaling
    try:
        with av.open(
                str(temporary), 'w',
                container_options={'fflags': '+bitexact'}) as container:
            container.metadata['comment'] = json.dumps({'mmfer': facts})
            stream = container.add_stream(encoder, rate=rate, options=options)
            stream.width, stream.height = width, height
            stream.pix_fmt = 'yuv420p'
            stream.codec_context.thread_count = 1
            for picture in itertools.chain([first], pictures):
                frame = _frame(picture, name)
                if shape is None:
                    shape = frame.width, frame.height
                elif shape != (frame.width, frame.height):
                    raise ValueError(
                        f'{name}: picture {count} is {frame.width}x'
                        f'{frame.height}, the ones before are {shape[0]}x'
                        f'{shape[1]}; bring them to one size')
                frame = scaler.reformat(
                    frame, width, height, 'yuv420p', interpolation='AREA',
                    dst_color_range='MPEG', threads=1)
                frame.pict_type = 0  # the source's types are not ours
                frame.pts = count
                frame.time_base = 1 / rate
                container.mux(stream.encode(frame))
                if not count:
                    _check_taken(stream, facts['options'], encoder)
                count += 1
                if progress is not None:
                    progress(count)
            container.mux(stream.encode(None))
    except (av.FFmpegError, MemoryError) as error:
        raise CompressedVideoError(
            f'{name}: cannot be encoded with {encoder} at {width}x{height} '
            f'({error}); check the options {options}') from None
    return count


def _check_taken(stream, options, encoder):
    # FFmpeg takes what it knows out of the options, and is silent on others.
    unknown = sorted(set(stream.codec_context.options) & set(options))
    if unknown:
        raise ValueError(f'the encoder {encoder} has no option '
                         f'{", ".join(unknown)}; see `ffmpeg -h '
                         f'encoder={encoder}`')


def _frame(picture, name):
    if isinstance(picture, av.VideoFrame):
        return picture
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f'{name}: a picture is {picture.dtype} {picture.shape}, it must '
            'be uint8 (H, W, 3) RGB')
    return av.VideoFrame.from_ndarray(
        np.ascontiguousarray(picture), format='rgb24')


def _target_size(size, first):
    if size is None:
        frame = _frame(first, '<pictures>')
        width, height = frame.width, frame.height
        return tuple(max(round(n / 16), 1) * 16 for n in (width, height))
    width, height = map(operator.index,
                        size if np.ndim(size) else (size, size))
    if width < 16 or height < 16 or width % 16 or height % 16:
        raise ValueError(
            f'size is {width}x{height}, both must be multiples of 16: other '
            'sizes are slower to read exactly')
    return width, height
