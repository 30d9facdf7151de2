# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Reading the sample table of an ordinary MP4 or MOV file (ISO/IEC 14496-12).

Opening a file with FFmpeg probes the stream, which costs more than decoding
the few packets that are wanted. An ordinary file is described completely by
its `moov` box. Anything out of the ordinary returns None: the caller then
asks FFmpeg.
"""
from dataclasses import dataclass
from struct import Struct

import numpy as np

_CONTAINERS = {b'trak', b'mdia', b'minf', b'stbl', b'edts'}
_MPEG4_OBJECTS = {0x20: 'mpeg4', 0x6a: 'mpeg1video'}
_MPEG4_OBJECTS.update({kind: 'mpeg2video' for kind in range(0x60, 0x66)})
_ROTATIONS = {(1, 0, 0, 1): 0, (0, 1, -1, 0): 90, (-1, 0, 0, -1): 180,
              (0, -1, 1, 0): 270}
_UPRIGHT = b''.join(
    n.to_bytes(4, 'big')
    for n in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
_LARGEST_MOOV = 1 << 28
_BOX = Struct('>I4s')
_UNSIGNED = {4: np.dtype('>u4'), 8: np.dtype('>u8')}
_FIRST_BOXES = {b'ftyp', b'moov', b'mdat', b'wide', b'free'}


@dataclass
class SampleTable:
    """The video track of an MP4 file, packets in decoding order.

    Attributes:
        rotation (int): Degrees clockwise that a player turns the picture.
        position, size, time (np.ndarray): int64 (N,), bytes into the file,
            bytes, and presentation time in units of the track.
        scale (int): Units a second.
        key (np.ndarray): bool (N,), random access points.
        in_order (bool): Samples are shown as they are decoded.
    """

    codec: str
    extradata: bytes
    width: int
    height: int
    rotation: int
    fps: float
    position: np.ndarray
    size: np.ndarray
    time: np.ndarray
    scale: int
    key: np.ndarray
    in_order: bool


def read_sample_table(reader):
    """Read the sample table of the first video track.

    Args:
        reader (ByteReader): The file.

    Returns:
        SampleTable | None: None if the file is not an ordinary MP4: FFmpeg
        is to be asked then, for the index or for the error.
    """
    try:
        moov = _find_moov(reader)
        if moov is None:
            return None
        boxes = _boxes(moov, 0, len(moov))
        facts = {kind: start for kind, start, _ in boxes}
        if b'mvex' in facts:
            return None  # fragmented
        for kind, start, end in boxes:
            if kind == b'trak':
                track = _leaves(moov, start, end)
                handler = track[b'hdlr'][0] + 8
                if moov[handler:handler + 4] == b'vide':
                    return _video_track(moov, track, facts.get(b'mvhd'))
    except (KeyError, IndexError, ValueError, OverflowError):
        return None
    return None


def _find_moov(reader):
    position, first = 0, True
    while True:
        head = reader.read(position, 16)
        if len(head) < 8:
            return None
        (size, kind), payload = _BOX.unpack_from(head), 8
        if first and kind not in _FIRST_BOXES:
            return None
        if size == 1:
            size, payload = int.from_bytes(head[8:16], 'big'), 16
        first = False
        if kind == b'moof' or 0 < size < payload:
            return None
        if kind == b'moov':
            if not size or size > _LARGEST_MOOV:
                return None
            data = reader.read(position + payload, size - payload)
            return data if len(data) == size - payload else None
        if not size:
            return None
        position += size


def _boxes(data, start, end):
    """Return (kind, payload start, end) of the boxes in a span."""
    found = []
    while start + 8 <= end:
        (size, kind), payload = _BOX.unpack_from(data, start), 8
        if size == 1:
            size, payload = int.from_bytes(data[start + 8:start + 16],
                                           'big'), 16
        if size < payload or start + size > end:
            raise ValueError('a box exceeds its parent')
        found.append((kind, start + payload, start + size))
        start += size
    return found


def _leaves(data, start, end):
    """Return {kind: (start, end)} of a track's leaf boxes."""
    found = {}
    spans = [(start, end)]
    for span in spans:
        for kind, first, last in _boxes(data, *span):
            if kind in _CONTAINERS:
                spans.append((first, last))
            else:
                found[kind] = first, last
    return found


def _integers(data, start, count, columns=1, width=4):
    if start + count * columns * width > len(data):
        raise ValueError('a table exceeds its box')
    table = np.frombuffer(data, _UNSIGNED[width], count * columns, start)
    table = table.astype(np.int64)
    return table.reshape(count, columns) if columns > 1 else table


def _number(data, start, size=4):
    return int.from_bytes(data[start:start + size], 'big')


def _video_track(moov, track, movie):
    entry = _sample_entry(moov, *track[b'stsd'])
    if entry is None:
        return None
    codec, extradata, width, height = entry

    start, _ = track[b'stsz']
    fixed, count = _number(moov, start + 4), _number(moov, start + 8)
    if fixed or not count:
        return None
    size = _integers(moov, start + 12, count)
    position = _positions(moov, track, size)

    time, length = _times(moov, track, count)
    if time is None:
        return None

    key = np.full(count, b'stss' not in track)
    if b'stss' in track:
        start, _ = track[b'stss']
        key[_integers(moov, start + 8, _number(moov, start + 4)) - 1] = True

    start, _ = track[b'mdhd']
    long = moov[start] == 1
    scale = _number(moov, start + (20 if long else 12))
    if not scale or not _shows_everything(moov, track, time, scale,
                                          movie):
        return None
    rotation = _rotation(moov, *track[b'tkhd'])
    if rotation is None:
        return None
    fps = scale * count / max(length, 1)
    in_order = b'ctts' not in track or bool((time[1:] >= time[:-1]).all())
    return SampleTable(codec, extradata, width, height, rotation, fps,
                       position, size, time, scale, key, in_order)


def _times(moov, track, count):
    """Return the presentation time of every sample and the length of all.

    Returns:
        tuple: int64 (N,), None if the tables are too short; and an int.
    """
    start, _ = track[b'stts']
    runs = _integers(moov, start + 8, _number(moov, start + 4), 2)
    if len(runs) == 1 and runs[0, 0] == count:
        each = int(runs[0, 1])
        length, time = each * count, np.arange(count) * each
    else:
        duration = _unrolled(runs[:, 1], runs[:, 0], count)
        if len(duration) != count:
            return None, 0
        length = int(duration.sum())
        time = np.concatenate([[0], np.cumsum(duration[:-1])])
    if b'ctts' in track:
        start, _ = track[b'ctts']
        runs = _integers(moov, start + 8, _number(moov, start + 4), 2)
        # Version 0 is unsigned on paper; writers store signed values in both.
        offset = _unrolled(runs[:, 1].astype(np.int32), runs[:, 0], count)
        if len(offset) < count:
            return None, 0
        time = time + offset
    return time, length


def _unrolled(values, lengths, count):
    """Repeat values, up to so many in all: a damaged length may be huge."""
    if lengths.sum() > count:
        lengths = np.diff(np.minimum(lengths.cumsum(), count), prepend=0)
    return values.repeat(lengths)


def _positions(moov, track, size):
    """Return the file position of every sample (stsc, stco, co64)."""
    if b'co64' in track:
        start, width = track[b'co64'][0], 8
    else:
        start, width = track[b'stco'][0], 4
    chunks = _integers(moov, start + 8, _number(moov, start + 4), width=width)
    start, _ = track[b'stsc']
    runs = _integers(moov, start + 8, _number(moov, start + 4), 3)
    before = size.cumsum() - size
    if len(chunks) == 1 and runs.tolist() == [[1, len(size), 1]]:
        return chunks[0] + before
    if (runs[:, 2] != 1).any():
        raise ValueError('several sample descriptions')
    edges = runs[:, 0].tolist() + [len(chunks) + 1]
    lengths = [end - start for start, end in zip(edges, edges[1:])]
    samples = runs[:, 1].repeat(lengths)  # in each chunk
    if len(samples) != len(chunks) or samples.sum() != len(size):
        raise ValueError('the chunks do not add up')
    first = samples.cumsum() - samples
    return before + (chunks - before[first]).repeat(samples)


def _shows_everything(moov, track, time, scale, movie):
    """Tell whether the edit list hides no sample.

    Args:
        moov (bytes), track (dict): The boxes.
        time (np.ndarray), scale (int): Of the samples, units a second.
        movie (int | None): Where the movie's own header begins.
    """
    if b'elst' not in track:
        return True
    start, _ = track[b'elst']
    long, count = moov[start] == 1, _number(moov, start + 4)
    if count != 1:
        return False
    width = 8 if long else 4
    begin = _number(moov, start + 8 + width, width)
    length = _number(moov, start + 8, width)
    reordered = b'ctts' in track
    if begin > (time.min() if reordered else time[0]):
        return False
    movie_scale = movie and _number(
        moov, movie + (20 if moov[movie] == 1 else 12))
    if not movie_scale:
        return False
    last = time.max() if reordered else time[-1]
    return begin + round(length * scale / movie_scale) > last


def _rotation(moov, start, end):
    offset = 52 if moov[start] == 1 else 40
    if moov.startswith(_UPRIGHT, start + offset):
        return 0
    matrix = np.frombuffer(moov, '>i4', 9, start + offset)
    turn = tuple(int(v) / 65536 for v in matrix[[0, 1, 3, 4]])
    return _ROTATIONS.get(turn)


def _sample_entry(moov, start, end):
    """Return (codec, extradata, width, height) of the one sample entry."""
    if _number(moov, start + 4) != 1:
        return None
    kind, first, last = _boxes(moov, start + 8, end)[0]
    width = _number(moov, first + 24, 2)
    height = _number(moov, first + 26, 2)
    if not width or not height:
        return None
    children = {k: (a, b) for k, a, b in _boxes(moov, first + 78, last)}
    for names, box, codec in (((b'avc1', b'avc3'), b'avcC', 'h264'),
                              ((b'hvc1', b'hev1'), b'hvcC', 'hevc')):
        if kind in names:
            a, b = children[box]
            return codec, bytes(moov[a:b]), width, height
    if kind == b'mp4v':
        codec, extradata = _elementary_stream(moov, *children[b'esds'])
        if codec:
            return codec, extradata, width, height
    return None


def _elementary_stream(moov, start, end):
    """Parse an elementary stream descriptor (ISO/IEC 14496-1, 7.2.6.5)."""
    codec, position = None, start + 4
    while position < end:
        tag, length = moov[position], 0
        position += 1
        while True:
            byte = moov[position]
            position += 1
            length = length << 7 | byte & 127
            if not byte & 128:
                break
        if tag == 3:  # ES descriptor: id, flags, then its children
            if moov[position + 2] & 0xe0:
                return None, b''
            position += 3
        elif tag == 4:  # decoder configuration, then its children
            codec = _MPEG4_OBJECTS.get(moov[position])
            position += 13
        elif tag == 5:  # decoder specific information
            return codec, bytes(moov[position:position + length])
        else:
            position += length
    return codec, b''
