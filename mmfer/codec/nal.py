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
        if not self.length_size:
            return split_start_codes(data)
        units, position, size = [], 0, self.length_size
        while position + size < len(data):
            length = int.from_bytes(data[position:position + size], 'big')
            position += size
            units.append(data[position:position + length])
            position += length
        return units

    def is_whole(self, units, data):
        """Tell whether a packet holds its units and nothing else.

        Args:
            units (list[bytes]): What `split` returned.
            data (bytes): The packet.
        """
        return not self.length_size or self.join(units) == data

    def join(self, units):
        """Frame NAL units; the inverse of `split`."""
        if not self.length_size:
            return b''.join(b'\x00\x00\x00\x01' + unit for unit in units)
        return b''.join(
            len(unit).to_bytes(self.length_size, 'big') + unit
            for unit in units)


def split_start_codes(data):
    """Return the NAL units between the start codes of an Annex B string."""
    starts = [match.end() for match in _START_CODE.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    return [
        data[start:end].rstrip(b'\x00')
        for start, end in zip(starts, ends) if end > start
    ]
