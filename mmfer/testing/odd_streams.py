# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Files that occur in the wild but that no normal writer makes.

Packed B-frames, edit lists, parameter sets that change on the way,
interlaced material, audio without video, and damage of several kinds.
"""

import os
import random
from fractions import Fraction
from typing import List, Optional, Sequence, Union

import av
import numpy as np

from .full_decode import padded_packet
from .streams import (Path, Recipe, configure, encode_packets, recipe,
                      write_video)


def interlace(frames: np.ndarray) -> np.ndarray:
    """Weave pairs of pictures into interlaced ones.

    Args:
        frames (np.ndarray): (T, H, W, 3), T and H even.

    Returns:
        np.ndarray: (T / 2, H, W, 3); even lines of each first picture, odd
        lines of each second.
    """
    woven = frames[0::2].copy()
    woven[:, 1::2] = frames[1::2, 1::2]
    return woven


def _template(path, coding: Recipe, size, fps: int):
    """An output container with one stream that takes packets as they are."""
    output = av.open(os.fspath(path), 'w')
    stream = output.add_stream(coding.codec, rate=fps)
    configure(stream.codec_context, coding, size[0], size[1], fps)
    return output, stream


def mux_packets(path: Path,
                packets: Sequence['av.Packet'],
                coding: Union[str, Recipe],
                size,
                fps: int = 25,
                extradata: Optional[bytes] = None) -> str:
    """Write ready-made packets, timed in pictures, into a container.

    Args:
        path (str | PathLike): file to write.
        packets (sequence): packets with pts and dts in pictures.
        coding (str | Recipe): what they were coded with.
        size (tuple[int]): (width, height).
        fps (int): pictures a second.
        extradata (bytes, optional): parameter sets of the stream.

    Returns:
        str: the path.
    """
    coding = recipe(coding)
    output, stream = _template(path, coding, size, fps)
    with output:
        if extradata is not None:
            stream.codec_context.extradata = extradata
        for packet in packets:
            packet.stream = stream
            packet.time_base = Fraction(1, fps)
            output.mux(packet)
    return os.fspath(path)


def not_coded_vop(data: bytes) -> bytes:
    """A "not coded" N-VOP with the time stamp bits of another VOP.

    Args:
        data (bytes): an MPEG-4 VOP at 25 pictures a second, whose time
            increment therefore takes five bits.
    """
    start = data.index(b'\0\0\1\xb6') + 4
    bits = ''.join(f'{b:08b}' for b in data[start:start + 4])
    seconds = bits.index('0', 2) + 1
    head = '01' + bits[2:seconds] + '1' + bits[seconds + 1:seconds + 6] + '1'
    head += '0'
    head += '0' + '1' * (-(len(head) + 1) % 8)
    return b'\0\0\1\xb6' + int(head, 2).to_bytes(len(head) // 8, 'big')


def write_packed_b_avi(path: Path, frames: Sequence[np.ndarray]) -> str:
    """DivX "packed bitstream": P and B share a packet, an N-VOP follows.

    Args:
        path (str | PathLike): AVI file to write.
        frames (sequence): (H, W, 3) uint8 RGB; coded I B P B P ...

    Returns:
        str: the path.
    """
    coding = recipe('mpeg4_bframes')
    coding = Recipe('mpeg4', 10**4, 1, coding.qscale,
                    {**coding.options, 'b_strategy': '0'})
    packets, extradata = encode_packets(frames, coding, global_header=True)
    marker = b'\0\0\1\xb2DivX503b1393p\0'
    chunks: List[bytes] = []
    at = 0
    while at < len(packets):
        data = bytes(packets[at])
        following = bytes(packets[at + 1]) if at + 1 < len(packets) else b''
        if _vop_type(following) == 'B':
            chunks += [data + following, not_coded_vop(data)]
            at += 2
        else:
            chunks.append(data)
            at += 1
    chunks[0] = extradata + marker + chunks[0]
    muxed = []
    for number, data in enumerate(chunks):
        packet = padded_packet(data, number)
        packet.is_keyframe = number == 0
        muxed.append(packet)
    height, width = frames[0].shape[:2]
    return mux_packets(path, muxed, coding, (width, height),
                       extradata=extradata + marker)


def _vop_type(data: bytes) -> str:
    at = data.find(b'\0\0\1\xb6')
    return 'IPBS'[data[at + 4] >> 6] if at >= 0 else ''


def write_edit_list_mp4(path: Path,
                        frames: Sequence[np.ndarray],
                        skip: int,
                        coding: Union[str, Recipe] = 'h264_bframes') -> str:
    """An MP4 cut by copying packets: the first pictures are not displayed.

    Args:
        path (str | PathLike): MP4 file to write.
        frames (sequence): (H, W, 3) uint8 RGB; all of them are coded.
        skip (int): pictures before the cut.
        coding (str | Recipe): name in ``RECIPES``, or a recipe.

    Returns:
        str: the path.
    """
    whole = os.fspath(path) + '.whole.mp4'
    write_video(whole, frames, coding)
    try:
        with av.open(whole) as source, av.open(
                os.fspath(path), 'w',
                options={'avoid_negative_ts': 'disabled'}) as output:
            incoming = source.streams.video[0]
            outgoing = output.add_stream_from_template(incoming)
            unit = 1 / (incoming.average_rate * incoming.time_base)
            first = None
            for packet in source.demux(incoming):
                if not packet.size:
                    continue
                first = packet.pts if first is None else first
                packet.pts -= first + int(skip * unit)
                packet.dts -= first + int(skip * unit)
                packet.stream = outgoing
                output.mux(packet)
    finally:
        os.remove(whole)
    return os.fspath(path)


def write_two_sizes(path: Path,
                    first: Sequence[np.ndarray],
                    second: Sequence[np.ndarray],
                    coding: Union[str, Recipe] = 'h264_deblock') -> str:
    """One stream whose parameter sets change between two clips.

    Args:
        path (str | PathLike): a raw ``.h264`` (or ``.m4v``) file is the two
            elementary streams in a row; any other suffix is muxed, the
            second parameter sets stay inside the packets.
        first, second (sequence): (H, W, 3) uint8 RGB pictures of two sizes.
        coding (str | Recipe): how both are coded.

    Returns:
        str: the path.
    """
    parts = [encode_packets(clip, coding) for clip in (first, second)]
    path = os.fspath(path)
    if path.endswith(('.h264', '.m4v')):
        with open(path, 'wb') as output:
            for packets, _ in parts:
                output.writelines(bytes(packet) for packet in packets)
        return path
    packets = []
    for number, source in enumerate(p for part, _ in parts for p in part):
        packet = padded_packet(bytes(source), number)
        offset = 0 if number < len(first) else len(first)
        packet.pts, packet.dts = source.pts + offset, source.dts + offset
        packet.is_keyframe = source.is_keyframe
        packets.append(packet)
    height, width = first[0].shape[:2]
    _, extradata = encode_packets(first, coding, global_header=True)
    return mux_packets(path, packets, coding, (width, height),
                       extradata=extradata)


def write_audio_only(path: Path, seconds: float = .5) -> str:
    """A file without any video stream."""
    with av.open(os.fspath(path), 'w') as output:
        stream = output.add_stream('aac', rate=44100)
        samples = np.zeros((1, int(44100 * seconds)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, 'fltp', 'mono')
        frame.sample_rate = 44100
        frame.pts = 0
        for packet in stream.encode(frame) + stream.encode(None):
            output.mux(packet)
    return os.fspath(path)


def truncated(data: bytes, share: float) -> bytes:
    """The first ``share`` of a file's bytes."""
    return data[:int(len(data) * share)]


def damaged(data: bytes,
            seed: int,
            hits: int = 8,
            first: int = 0,
            last: Optional[int] = None) -> bytes:
    """Break bytes in one of four ways, by seed.

    Flip bits, overwrite a stretch with noise, cut the tail off, or insert
    noise.

    Args:
        data (bytes): a file or a packet.
        seed (int): decides how and where.
        hits (int): bytes flipped, or half the longest stretch.
        first, last (int): only bytes in this range are hit. Default all.

    Returns:
        bytes: never the original, unless that is empty.
    """
    rng = random.Random(seed)
    last = len(data) if last is None else min(last, len(data))
    if last <= first:
        return data
    broken = bytearray(data)
    kind = rng.randrange(4)
    at = rng.randrange(first, last)
    noise = rng.randbytes(rng.randrange(1, 2 * hits + 1))
    if kind == 0:
        for _ in range(hits):
            broken[rng.randrange(first, last)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        broken[at:at + len(noise)] = noise
    elif kind == 2:
        del broken[at:]
    else:
        broken[at:at] = noise
    return bytes(broken) if broken != data else bytes(broken[:-1])


def with_bad_metadata(data: bytes, tag: bytes) -> bytes:
    """Replace a known tag value by bytes that are not UTF-8.

    Args:
        data (bytes): a file written with ``metadata={...: tag}``.
        tag (bytes): the value; must occur.

    Raises:
        ValueError: if the tag does not occur.
    """
    if tag not in data:
        raise ValueError(f'the file holds no {tag!r}')
    return data.replace(tag, b'\xff\xfe\xc3' + tag[3:])
