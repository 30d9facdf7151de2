# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The packets of a stream as a demuxer gives them, and their display order."""
import numpy as np

from .errors import TRANSCODE_ADVICE, UnsupportedStream

_NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS


def is_raw(container):
    """Tell whether a container is a bare stream, which stores no times.

    Args:
        container (av.container.InputContainer): Open.

    Returns:
        bool: True for .h264, .hevc, raw .m4v and the like.
    """
    return bool(container.format.flags & _NO_TIMESTAMPS)


def picture_rate(container, stream):
    """Return how many pictures a second a stream has.

    FFmpeg's average is the 25 it assumes where a container stores no times;
    the headers of the stream may know better.

    Args:
        container (av.container.InputContainer): Open.
        stream (av.video.stream.VideoStream): Of it.

    Returns:
        Fraction | None: Pictures a second, None if unknown.
    """
    coded = (getattr(stream.codec_context, 'framerate', None) or
             stream.guessed_rate) if is_raw(container) else None
    return coded or stream.average_rate or None


class DemuxedPackets:
    """The packets of a stream, as they come out of a demuxer.

    Where recordings were joined, time begins anew. Packets are ordered by
    time within such a segment alone.

    Args:
        reader (ByteReader): The file.
        bitstream (Bitstream): The stream's codec and global header.

    Attributes:
        position, size, key (list): See `VideoIndex`.
        payloads (dict): Likewise.
        packed (bool): Likewise.
    """

    def __init__(self, reader, bitstream):
        self._reader, self._bitstream = reader, bitstream
        self.position, self.size, self.key, self.payloads = [], [], [], {}
        self.packed = False
        self._times, self._shown, self._types = [], [], []
        self._segments, self._decoded, self._latest = [], None, None
        self._is_timed = False

    def add(self, packet):
        """Take the next packet.

        Args:
            packet (av.Packet): In decoding order; an empty one is ignored.
        """
        if not packet.size:
            return
        data, number = bytes(packet), len(self.size)
        position = self._locate(packet.pos, data)
        if position < 0:
            self.payloads[number] = data
        self.position.append(position)
        self.size.append(len(data))
        self.key.append(packet.is_keyframe)
        self._segments.append(self._segment_of(packet))
        self._times.append(packet.pts)
        self._shown.append(not packet.is_discard)
        types = self._bitstream.picture_type(data)
        if self._bitstream.codec == 'mpeg4':
            types = self._bitstream.pictures(data) or '?'
            self.packed |= len(types) > 1
        self._types.append(types)

    def _segment_of(self, packet):
        """Return the number of the segment in which a packet lies."""
        number = self._segments[-1] if self._segments else 0
        dts, pts = packet.dts, packet.pts
        # No picture that is coded before a key picture is shown behind it.
        if _falls_back(dts, self._decoded) or (
                packet.is_keyframe and _falls_back(pts, self._latest)):
            number, self._latest = number + 1, None
        self._decoded = self._decoded if dts is None else dts
        if pts is not None and not _falls_back(pts, self._latest):
            self._latest = pts
        return number

    def _locate(self, position, data):
        """Find a packet's bytes in the file; -1 if they are not in one run."""
        if position is None or position < 0:
            return -1
        # A chunk or block header may stand between the position and the data.
        window = self._reader.read(position, len(data) + 32)
        offset = window.find(data)
        return position + offset if offset >= 0 else -1

    def display_order(self, container):
        """Return the packet and the type of each picture as displayed."""
        if self.packed:
            return self._order_of_packed()
        shown = [n for n in range(len(self.size)) if self._shown[n]]
        bidirectional = any('B' in self._types[n] for n in shown)
        in_avi = container == 'avi'
        raw = any(self._times[n] is None for n in shown)
        # With B pictures no true display order is the coding order.
        wrong = bidirectional and not raw and all(
            self._place(a) < self._place(b) for a, b in zip(shown, shown[1:]))
        if bidirectional and (raw or in_avi or wrong):
            if self._bitstream.codec in ('h264', 'hevc'):
                raise UnsupportedStream(
                    f'{self._reader.name}: the display order of '
                    f'{self._bitstream.codec} with B pictures is not stored in '
                    'this container; remux it into MP4 or '
                    f'{TRANSCODE_ADVICE}')
            order = _anchors_after_b(shown, self._types)
        elif raw:
            order = shown
        else:
            order = sorted(shown, key=self._place)
            self._is_timed = bool(shown)
        return order, ''.join(self._types[n] for n in order)

    def stamps(self):
        """Return when each packet is shown, in units of the stream.

        To be asked behind `display_order`. A segment begins one picture
        behind the end of the last one.

        Returns:
            np.ndarray | None: int64 (N,); None if the order did not follow
            from times.
        """
        if not self._is_timed:
            return None
        shown = np.array(self._shown)
        stamps = np.array([time or 0 for time in self._times], np.int64)
        edges = np.flatnonzero(np.diff(self._segments)) + 1
        end = None
        for first, stop in zip([0, *edges], [*edges, len(stamps)]):
            times = np.sort(stamps[first:stop][shown[first:stop]])
            if not len(times):
                continue
            shift = 0 if end is None else end - times[0]
            stamps[first:stop] += shift
            gap = np.median(np.diff(times)) if len(times) > 1 else 0
            end = times[-1] + shift + int(gap)
        return stamps

    def _place(self, number):
        return self._segments[number], self._times[number]

    def _order_of_packed(self):
        numbers, types = [], []
        fillers = 0
        for number, packet in enumerate(self._types):
            for kind in packet:
                if kind == 'N' and fillers:
                    fillers -= 1  # stands for the B sent with an earlier P
                    continue
                numbers.append(number)
                types.append(kind)
            fillers += max(len(packet) - 1, 0)
        order = _anchors_after_b(range(len(numbers)), types)
        return [numbers[k] for k in order], ''.join(types[k] for k in order)


def _falls_back(time, last):
    return None not in (time, last) and time < last


def _anchors_after_b(numbers, types):
    """Put each anchor picture behind the B pictures that follow it."""
    order, held = [], None
    for number in numbers:
        if types[number] == 'B':
            order.append(number)
            continue
        if held is not None:
            order.append(held)
        held = number
    return order + ([held] if held is not None else [])
