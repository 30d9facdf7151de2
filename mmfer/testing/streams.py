# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write small video files of every kind with the encoders inside PyAV.

One general writer, :func:`write_video`, and named recipes for the coding
tools that matter to residual reading, :data:`RECIPES`. Files that no normal
writer makes (packed B-frames, edit lists, damage) are in
:mod:`mmfer.testing.odd_streams`.
"""

import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Dict, List, Optional, Sequence, Union

import av
import numpy as np

Path = Union[str, 'os.PathLike[str]']

# With these, libx264 and libx265 write the same bytes on every machine.
_STEADY = {
    'libx264': {
        'threads': '1',
        'preset': 'medium'
    },
    'libx265': {
        'preset': 'medium',
        'x265-params': 'log-level=none:pools=1:frame-threads=1'
    },
    'libvpx': {
        'deadline': 'realtime',
        'cpu-used': '8'
    },
    'libvpx-vp9': {
        'deadline': 'realtime',
        'cpu-used': '8'
    },
    'libsvtav1': {
        'preset': '12'
    },
}


@dataclass(frozen=True)
class Recipe:
    """How to code a clip.

    Args:
        codec (str): name of a PyAV encoder.
        gop (int): pictures from one intra picture to the next.
        bframes (int): most B pictures in a row. Default 0.
        qscale (int, optional): constant quantiser of the MPEG family.
        options (dict): further encoder options.
        pix_fmt (str): pixel format handed to the encoder.
    """
    codec: str = 'mpeg4'
    gop: int = 12
    bframes: int = 0
    qscale: Optional[int] = None
    options: Dict[str, str] = field(default_factory=dict)
    pix_fmt: str = 'yuv420p'


def _mpeg(codec: str = 'mpeg4', flags: str = '', **kwargs) -> Recipe:
    options = {'sc_threshold': '1000000000'}
    if flags:
        options['flags'] = flags
    options.update(kwargs.pop('options', {}))
    kwargs.setdefault('qscale', 4)
    return Recipe(codec=codec, options=options, **kwargs)


def x264(params: str = '', crf: int = 20, **kwargs) -> Recipe:
    """H.264 with one reference, no weights, no scene cut, then ``params``.

    Args:
        params (str): ``key=value:key=value`` in the words of x264; later
            keys win over those set here.
        crf (int): quality, 0 (lossless) to 51. Default 20.
        **kwargs: fields of :class:`Recipe`.
    """
    base = 'ref=1:weightp=0:scenecut=0'
    options = {'crf': str(crf), 'x264-params': f'{base}:{params}'.strip(':')}
    options.update(kwargs.pop('options', {}))
    return Recipe(codec='libx264', options=options, **kwargs)


def x265(params: str = '', crf: int = 24, **kwargs) -> Recipe:
    """HEVC without weighted prediction, then ``params``; see :func:`x264`."""
    base = (_STEADY['libx265']['x265-params'] +
            ':weightp=0:scenecut=0:repeat-headers=0')
    options = {'crf': str(crf), 'x265-params': f'{base}:{params}'.strip(':')}
    options.update(kwargs.pop('options', {}))
    return Recipe(codec='libx265', options=options, **kwargs)


#: Named codings, each with the tool under test switched on.
RECIPES: Dict[str, Recipe] = {
    'mpeg4': _mpeg(),
    'mpeg4_4mv': _mpeg(flags='+mv4'),
    'mpeg4_qpel': _mpeg(flags='+qpel'),
    'mpeg4_qpel_4mv': _mpeg(flags='+qpel+mv4'),
    'mpeg4_interlaced': _mpeg(flags='+ildct+ilme'),
    'mpeg4_mpegquant': _mpeg(options={'mpeg_quant': '1'}),
    'mpeg4_acpred': _mpeg(flags='+aic'),
    'mpeg4_partitioned': _mpeg(options={'data_partitioning': '1'}),
    'mpeg4_bframes': _mpeg(bframes=2),
    'mpeg1': _mpeg('mpeg1video'),
    'mpeg2': _mpeg('mpeg2video'),
    'mpeg2_interlaced': _mpeg('mpeg2video', flags='+ildct+ilme'),
    'mpeg2_bframes': _mpeg('mpeg2video', bframes=2),
    'h263': _mpeg('h263'),
    'flv1': _mpeg('flv'),
    'h264_plain': x264('no-deblock=1:cabac=0:8x8dct=0'),
    'h264_cabac': x264('no-deblock=1:8x8dct=0'),
    'h264_8x8dct': x264('no-deblock=1:8x8dct=1'),
    'h264_deblock': x264(),
    'h264_cavlc': x264('cabac=0'),
    'h264_slices': x264('slices=3'),
    'h264_constrained_intra': x264('constrained-intra=1'),
    'h264_multiref': x264('ref=4'),
    'h264_partitions': x264('partitions=all'),
    'h264_weighted': x264('ref=3:weightp=2'),
    'h264_mbaff': x264('interlaced=1'),
    'h264_422': x264(pix_fmt='yuv422p'),
    'h264_444': x264(pix_fmt='yuv444p'),
    'h264_10bit': x264(pix_fmt='yuv420p10le'),
    'h264_full_range': x264(pix_fmt='yuvj420p'),
    'h264_lossless': x264('qp=0'),
    'h264_open_gop': x264('open-gop=1', bframes=3),
    'h264_intra_refresh': x264('intra-refresh=1'),
    'h264_bframes': x264('b-pyramid=2', bframes=3),
    'h264_long': x264(gop=40),
    'h264_default': Recipe(codec='libx264', gop=250, bframes=3),
    'hevc': x265(),
    'hevc_no_filter': x265('no-sao=1:no-deblock=1'),
    'hevc_10bit': x265(pix_fmt='yuv420p10le'),
    'hevc_bframes': x265(bframes=3),
    'hevc_weighted': x265('weightp=1'),
    'vp8': Recipe(codec='libvpx'),
    'vp9': Recipe(codec='libvpx-vp9'),
    'av1': Recipe(codec='libsvtav1', options={'svtav1-params': 'lp=1'}),
    'mjpeg': Recipe(codec='mjpeg', pix_fmt='yuvj420p'),
}


def recipe(coding: Union[str, Recipe]) -> Recipe:
    """Return the named recipe, or the given one unchanged.

    Raises:
        KeyError: if the name is unknown; the text lists the known ones.
    """
    if isinstance(coding, Recipe):
        return coding
    try:
        return RECIPES[coding]
    except KeyError:
        raise KeyError(f'unknown recipe {coding!r}; known: '
                       f'{", ".join(sorted(RECIPES))}') from None


def configure(context: 'av.VideoCodecContext', coding: Recipe, width: int,
              height: int, fps: int) -> None:
    """Set an unopened encoder context up for a recipe."""
    context.width, context.height = width, height
    context.pix_fmt = coding.pix_fmt
    context.time_base = Fraction(1, fps)
    context.framerate = Fraction(fps, 1)
    context.gop_size = coding.gop
    context.max_b_frames = coding.bframes
    context.thread_count = 1
    if coding.qscale is not None:
        # The qscale flag is ignored by this family through PyAV: an equal
        # minimum and maximum is what fixes the quantiser.
        context.qmin = context.qmax = coding.qscale
        context.bit_rate = 50_000_000
    options = dict(_STEADY.get(coding.codec, {}))
    options.update(coding.options)
    if coding.codec in ('libx264', 'libx265'):
        options.setdefault('bf', str(coding.bframes))
        key = coding.codec[3:] + '-params'
        options[key] = ':'.join(
            filter(None, [
                options.get(key, ''),
                f'keyint={coding.gop}:min-keyint={min(coding.gop, 12)}'
            ]))
    context.options = options


def write_video(path: Path,
                frames: Sequence[np.ndarray],
                coding: Union[str, Recipe] = 'mpeg4',
                *,
                fps: int = 25,
                container: Optional[str] = None,
                container_options: Optional[Dict[str, str]] = None,
                stream_options: Optional[Dict[str, str]] = None,
                metadata: Optional[Dict[str, str]] = None) -> str:
    """Encode RGB pictures to a file.

    Args:
        path (str | PathLike): file to write; its suffix names the container
            unless ``container`` does.
        frames (sequence): (H, W, 3) uint8 RGB pictures.
        coding (str | Recipe): name in :data:`RECIPES`, or a recipe.
        fps (int): pictures a second. Default 25.
        container (str, optional): FFmpeg's name of the container.
        container_options (dict, optional): options of the muxer, such as
            ``{'movflags': 'frag_keyframe+empty_moov'}``.
        stream_options (dict, optional): encoder options on top of the
            recipe's.
        metadata (dict, optional): tags of the container.

    Returns:
        str: the path.

    Example:
        >>> from mmfer.testing import face_like, write_video
        >>> write_video('face.mp4', face_like(24), 'h264_deblock')
        'face.mp4'
    """
    coding = recipe(coding)
    if stream_options:
        coding = Recipe(coding.codec, coding.gop, coding.bframes,
                        coding.qscale, {
                            **coding.options,
                            **stream_options
                        }, coding.pix_fmt)
    height, width = frames[0].shape[:2]
    path = os.fspath(path)
    with av.open(
            path, 'w', format=container,
            options=container_options or {}) as output:
        for key, value in (metadata or {}).items():
            output.metadata[key] = value
        stream = output.add_stream(coding.codec, rate=fps)
        configure(stream.codec_context, coding, width, height, fps)
        for packet in _encode(stream, frames, coding.pix_fmt):
            output.mux(packet)
    return path


def _encode(encoder, frames, pix_fmt) -> List['av.Packet']:
    packets = []
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(picture), format='rgb24')
        frame = frame.reformat(format=pix_fmt)
        frame.pts = number
        packets += encoder.encode(frame)
    return packets + encoder.encode(None)


def encode_packets(frames: Sequence[np.ndarray],
                   coding: Union[str, Recipe] = 'mpeg4',
                   fps: int = 25,
                   global_header: bool = False):
    """Encode without a container.

    Args:
        frames (sequence): (H, W, 3) uint8 RGB pictures.
        coding (str | Recipe): name in :data:`RECIPES`, or a recipe.
        fps (int): pictures a second.
        global_header (bool): keep parameter sets out of the packets and in
            the extradata, as MP4 wants. Default False.

    Returns:
        tuple: list of ``av.Packet`` in decoding order with pts and dts in
        pictures, and the encoder's extradata (bytes or None).
    """
    coding = recipe(coding)
    context = av.CodecContext.create(coding.codec, 'w')
    height, width = frames[0].shape[:2]
    configure(context, coding, width, height, fps)
    if global_header:
        context.flags |= int(av.codec.context.Flags.global_header)
    packets = _encode(context, frames, coding.pix_fmt)
    extradata = context.extradata
    return packets, bytes(extradata) if extradata else None
