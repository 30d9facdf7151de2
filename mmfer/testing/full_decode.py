# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The ordinary decoder as a witness: true pictures, vectors, predictions.

Nothing here uses :mod:`mmfer.codec`. A file is decoded from its start with
true references; :func:`decode_with_peeks` asks on the way "what would this
packet give with that option changed?", in a second decoder that has seen the
same packets or, for long files, in a forked child, so that the decoder that
carries on keeps its true references.
"""

import ctypes
import os
import pickle
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

import av
import numpy as np

# Up to here (some 5 ms) decoding again is cheaper than forking.
_REPLAY_SAMPLES = 1_000_000

_TYPES = {1: 'I', 2: 'P', 3: 'B', 4: 'S'}


@dataclass
class DecodedPicture:
    """One picture out of an ordinary decoder.

    Args:
        packet (int): number of its packet in demuxing order.
        picture_type (str): I, P, B or S.
        planes (tuple[np.ndarray]): y, u, v, uint8 or uint16.
        vectors (np.ndarray): the decoder's motion vectors as FFmpeg exports
            them, structured; empty where it exports none.
        interlaced (bool): FFmpeg's flag.
    """
    packet: int
    picture_type: str
    planes: Tuple[np.ndarray, ...]
    vectors: np.ndarray
    interlaced: bool = False


def plane_arrays(frame: 'av.VideoFrame') -> Tuple[np.ndarray, ...]:
    """Copy the planes of a frame, without row padding or conversion."""
    kind = np.uint16 if '10' in frame.format.name else np.uint8
    arrays = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
        arrays.append(rows[:, :plane.width].copy())
    return tuple(arrays)


_NO_VECTORS = np.zeros(
    0, [('source', 'i4'), ('w', 'u1'), ('h', 'u1'), ('src_x', 'i2'),
        ('src_y', 'i2'), ('dst_x', 'i2'), ('dst_y', 'i2'), ('flags', 'u8'),
        ('motion_x', 'i4'), ('motion_y', 'i4'), ('motion_scale', 'u2')])


def _picture(frame: 'av.VideoFrame') -> DecodedPicture:
    data = frame.side_data.get('MOTION_VECTORS')
    vectors = _NO_VECTORS if data is None else data.to_ndarray().copy()
    return DecodedPicture(frame.pts, _TYPES.get(int(frame.pict_type), '?'),
                          plane_arrays(frame), vectors,
                          bool(frame.interlaced_frame))


def read_packets(path) -> Tuple[List[bytes], 'av.VideoCodecContext']:
    """Demux a file.

    Returns:
        tuple: bytes of every non-empty video packet in demuxing order, and a
        function that makes a fresh decoder for them from options.
    """
    with av.open(os.fspath(path), metadata_errors='replace') as container:
        stream = container.streams.video[0]
        name = stream.codec_context.codec.name
        extradata = stream.codec_context.extradata
        size = stream.codec_context.width, stream.codec_context.height
        packets = [
            bytes(packet) for packet in container.demux(stream)
            if packet.size
        ]

    def new_decoder(options: Optional[Dict[str, str]] = None):
        return _new_decoder(name, extradata, size, options)

    return packets, new_decoder


def discarded_packets(path) -> set:
    """Numbers of packets that an edit list keeps from being shown."""
    with av.open(os.fspath(path), metadata_errors='replace') as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        return {n for n, p in enumerate(packets) if p.is_discard}


def _new_decoder(name, extradata, size, options):
    context = av.CodecContext.create(name, 'r')
    context.width, context.height = size
    if extradata:
        context.extradata = bytes(extradata) + bytes(64)
    context.thread_count = 1
    context.options = {'flags2': '+export_mvs', **(options or {})}
    return context


def padded_packet(data: bytes, number: int) -> 'av.Packet':
    """A packet whose buffer FFmpeg padded itself, stamped with its number."""
    packet = av.Packet(len(data))
    packet.update(data)
    packet.pts = packet.dts = number
    return packet


def decode_all(path,
               options: Optional[Dict[str, str]] = None
               ) -> List[DecodedPicture]:
    """Decode a whole file in order.

    Args:
        path (str | PathLike): a video file.
        options (dict, optional): decoder options, for example
            ``{'apply_cropping': '0'}`` for H.264 at its coded size.

    Returns:
        list[DecodedPicture]: in the decoder's output order.
    """
    packets, new_decoder = read_packets(path)
    decoder = new_decoder(options)
    pictures = []
    for number, data in enumerate(packets):
        for frame in decoder.decode(padded_packet(data, number)):
            pictures.append(_picture(frame))
    return pictures + [_picture(frame) for frame in decoder.decode(None)]


def _own_ffmpeg() -> ctypes.CDLL:
    """The FFmpeg libraries that PyAV itself is linked to.

    Other packages (OpenCV, decord) load an FFmpeg of their own; a symbol that
    is looked up through PyAV's extension is PyAV's.
    """
    return ctypes.CDLL(av.codec.context.__file__)


def switch_option(context: 'av.CodecContext', name: str, value: str) -> None:
    """Set an option on a decoder that is already open.

    PyAV takes options before opening only. The C context stands behind the
    first field of its Python object; the class name that FFmpeg stores there
    is checked before anything is written.

    Raises:
        OSError: if the layout is not as expected or FFmpeg says no.
    """
    field = ctypes.c_void_p.from_address(
        id(context) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p))
    klass = ctypes.cast(field.value, ctypes.POINTER(ctypes.c_void_p))[0]
    label = ctypes.cast(klass, ctypes.POINTER(ctypes.c_char_p))[0]
    if label != b'AVCodecContext':
        raise OSError(f'unexpected object layout of PyAV {av.__version__}')
    library = _own_ffmpeg()
    library.av_opt_set.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int
    ]
    code = library.av_opt_set(field.value, name.encode(), value.encode(), 0)
    if code < 0:
        raise OSError(f'FFmpeg refused {name}={value} (error {code})')


def _after_switch(context, data, number, options):
    for name, value in options.items():
        switch_option(context, name, value)
    frames = context.decode(padded_packet(data, number))
    frames += context.decode(None)
    found = [_picture(f) for f in frames if f.pts == number]
    return found[-1] if found else None


def replay(context: 'av.CodecContext', packets: List[bytes],
           options: Dict[str, str]) -> Optional[DecodedPicture]:
    """Decode all packets but the last as usual, the last with other options.

    Args:
        context (av.CodecContext): a fresh, single-threaded decoder.
        packets (list[bytes]): packets from the start of the stream.
        options (dict): options to switch, see :func:`switch_option`.

    Returns:
        DecodedPicture | None: picture of the last packet, if there is one.
    """
    for number, data in enumerate(packets[:-1]):
        context.decode(padded_packet(data, number))
    return _after_switch(context, packets[-1], len(packets) - 1, options)


def peek(context: 'av.CodecContext', data: bytes, number: int,
         options: Dict[str, str]) -> Optional[DecodedPicture]:
    """Decode one packet with other options and forget that it happened.

    It happens in a forked child: Linux and macOS only.

    Args:
        context (av.CodecContext): an open, single-threaded decoder.
        data (bytes): the packet.
        number (int): its number; the picture that carries it is returned.
        options (dict): options to switch, see :func:`switch_option`.

    Returns:
        DecodedPicture | None: the picture, or None if there came none.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(receiver)
            found = _after_switch(context, data, number, options)
            with os.fdopen(sender, 'wb') as pipe:
                pickle.dump(found, pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(sender)
    with os.fdopen(receiver, 'rb') as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(f'the forked decoder failed on packet {number}')
    return pickle.loads(answer)


def decode_with_peeks(path,
                      options: Dict[str, str],
                      base: Optional[Dict[str, str]] = None
                      ) -> Iterator[Tuple[DecodedPicture, DecodedPicture]]:
    """Decode a file; beside every P picture, what other options would give.

    With ``{'skip_loop_filter': 'all'}`` the second picture is the first one
    before its own deblocking but with true references. With
    ``{'skip_idct': 'all'}`` (MPEG family) it is the decoder's prediction.

    Args:
        path (str | PathLike): a video file.
        options (dict): options switched for the second picture.
        base (dict, optional): options of the decoder from the start.

    Yields:
        tuple[DecodedPicture, DecodedPicture | None]: in output order; the
        second is None for pictures that are not P or S.
    """
    packets, new_decoder = read_packets(path)
    decoder = new_decoder(base)
    others: Dict[int, Optional[DecodedPicture]] = {}

    def pair(frame):
        picture = _picture(frame)
        other = others.pop(picture.packet, None)
        return picture, other if picture.picture_type in 'PS' else None

    for number, data in enumerate(packets):
        samples = decoder.width * decoder.height * number
        if 0 < samples <= _REPLAY_SAMPLES:
            others[number] = replay(
                new_decoder(base), packets[:number + 1], options)
        elif number:
            others[number] = peek(decoder, data, number, options)
        for frame in decoder.decode(padded_packet(data, number)):
            yield pair(frame)
    for frame in decoder.decode(None):
        yield pair(frame)
