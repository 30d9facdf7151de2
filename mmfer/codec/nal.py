# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Walking the NAL units of H.264 and HEVC packets."""
import re

_START_CODE = re.compile(rb'\x00\x00\x01')


class NalFormat:
    """How the NAL units of a stream are framed in its packets.

    Args:
        length_size (int): Bytes of the length prefix (avcC, hvcC framing),
            or 0 for start codes (Annex B). Never guessed from a packet: a
            unit of 256 to 511 bytes has the length prefix 00 00 01 xx.
    """

    def __init__(self, length_size):
        self.length_size = length_size

    def split(self, data):
        """Return the NAL units of a packet as a list of bytes."""
        return [data[start:end] for start, end in self.spans(data)]

    def spans(self, data):
        """Return where the NAL units of a packet begin and end.

        In a packet that is cut off the last one ends behind the data.
        """
        size = self.length_size
        if not size:
            return _between_start_codes(data)
        spans, position = [], 0
        while position + size < len(data):
            start = position + size
            position = start + int.from_bytes(data[position:start], 'big')
            spans.append((start, position))
        return spans

    def is_whole(self, spans, data):
        """Tell whether a packet holds whole units and nothing else.

        Args:
            spans (list[tuple]): What `spans` returned.
            data (bytes): The packet.
        """
        return not self.length_size or bool(
            spans and spans[-1][1] == len(data))

    def join(self, units):
        """Frame NAL units; the inverse of `split`."""
        if not self.length_size:
            return b''.join(b'\x00\x00\x00\x01' + unit for unit in units)
        return b''.join(
            len(unit).to_bytes(self.length_size, 'big') + unit
            for unit in units)


def _between_start_codes(data):
    """Return where the NAL units of an Annex B string begin and end."""
    starts = [match.end() for match in _START_CODE.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    return [(start, start + len(data[start:end].rstrip(b'\x00')))
            for start, end in zip(starts, ends) if end > start]
