# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Header bytes of HEVC (ITU-T H.265, 7.3)."""
from .bits import BitReader, unescape
from .bitstream import Bitstream
from .nal import NalFormat

_VPS, _SPS, _PPS = 32, 33, 34
_FIRST_IRAP, _LAST_IRAP, _LAST_VCL = 16, 23, 31
_RASL = (8, 9)


class HevcBitstream(Bitstream):
    """Packets of an HEVC stream, hvcC or Annex B framing."""

    codec = 'hevc'
    has_motion = False
    in_loop_filter = True
    # A slice that damage lets end too early leaves the rest of its picture
    # unwritten, without a sign.
    shows_damage = False

    def __init__(self, extradata=b''):
        super().__init__(extradata)
        self._pictures = {}
        if len(self.extradata) > 22 and self.extradata[:3] not in (
                b'\x00\x00\x00', b'\x00\x00\x01'):
            self.format = NalFormat((self.extradata[21] & 3) + 1)
            units = _hvcc_units(self.extradata)
        else:
            self.format = NalFormat(0)
            units = self.format.split(self.extradata)
        self._global_units = {u for u in units if _kind(u) in (_VPS, _SPS, _PPS)}
        self._learn(units)

    def picture_type(self, data):
        units = self.format.split(data)
        for unit in units:
            kind = _kind(unit)
            if kind is None or kind > _LAST_VCL:
                continue
            if _FIRST_IRAP <= kind <= _LAST_IRAP:
                return 'I'
            if kind in _RASL:
                return 'B'  # cannot be decoded without the previous group
            self._learn(units)
            try:
                reader = BitReader(unescape(unit[2:24]))
                if not reader.bits(1):
                    return '?'
                extra_bits, _ = self._pictures[reader.ue()]
                reader.bits(extra_bits)
                return 'BPI'[reader.ue()]
            except (EOFError, KeyError, IndexError):
                return '?'
        return '?'

    def unsupported(self, data):
        units = self.format.split(data)
        self._learn(units)
        for unit in units:
            kind = _kind(unit)
            if kind is None or kind > _LAST_VCL:
                continue
            try:
                reader = BitReader(unescape(unit[2:24]))
                reader.bits(2 if _FIRST_IRAP <= kind <= _LAST_IRAP else 1)
                _, weighted = self._pictures[reader.ue()]
            except (EOFError, KeyError):
                return None
            # The weight depends on the reference index, which temporal vector
            # candidates of the missing past may change: not deterministic.
            return 'weighted prediction in HEVC' if weighted else None
        return None

    def own_headers(self, data):
        units = [
            u for u in self.format.split(data)
            if _kind(u) in (_VPS, _SPS, _PPS)
        ]
        if not units or self._global_units.issuperset(units):
            return b''
        return self.format.join(units)

    def _learn(self, units):
        for unit in units:
            if _kind(unit) != _PPS:
                continue
            try:
                number, facts = _picture_parameters(unescape(unit))
                self._pictures[number] = facts
            except EOFError:
                continue  # a damaged set; its pictures will be refused


def _kind(unit):
    return unit[0] >> 1 & 63 if len(unit) > 2 else None


def _hvcc_units(extradata):
    """Return the parameter sets in an hvcC box (ISO/IEC 14496-15, 8.3.3)."""
    units, position = [], 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[position + 1:position + 3], 'big')
        position += 3
        for _ in range(count):
            length = int.from_bytes(extradata[position:position + 2], 'big')
            units.append(extradata[position + 2:position + 2 + length])
            position += 2 + length
    return units


def _picture_parameters(payload):
    """Parse a picture parameter set (7.3.2.3) up to weighted_pred_flag."""
    reader = BitReader(payload[2:])
    number = reader.ue()
    reader.ue()
    reader.bits(2)
    extra_bits = reader.bits(3)
    reader.bits(2)
    reader.ue()
    reader.ue()
    reader.se()
    reader.bits(2)
    if reader.bits(1):  # cu_qp_delta_enabled_flag
        reader.ue()
    reader.se()
    reader.se()
    reader.bits(1)
    return number, (extra_bits, bool(reader.bits(1)))
