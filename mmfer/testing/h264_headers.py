# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""H.264 headers as far as prediction weights (ITU-T H.264 §7.3).

A second reading of the standard, kept apart from :mod:`mmfer.codec` so that
a mistake there cannot hide here.
"""

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Tuple


class _Bits:

    def __init__(self, nal: bytes):
        self.bits = ''.join(
            f'{b:08b}' for b in nal.replace(b'\0\0\3', b'\0\0'))
        self.at = 0

    def u(self, count: int) -> int:
        value = int(self.bits[self.at:self.at + count] or '0', 2)
        self.at += count
        return value

    def ue(self) -> int:
        zeros = self.bits.index('1', self.at) - self.at
        self.at += zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def split_nals(data: bytes, length_size: int) -> Iterator[bytes]:
    """NAL units of a packet; ``length_size`` 0 means start codes."""
    at = 0
    if length_size:
        while at + length_size <= len(data):
            size = int.from_bytes(data[at:at + length_size], 'big')
            yield data[at + length_size:at + length_size + size]
            at += length_size + size
    else:
        for part in data.replace(b'\0\0\0\1', b'\0\0\1').split(b'\0\0\1')[1:]:
            yield part.rstrip(b'\0')


@dataclass
class SliceHeader:
    """What prediction needs to know of a P slice.

    Args:
        type (int): 0 P, 1 B, 2 I.
        idr, reference (bool): from the NAL unit header.
        frame_num (int): as coded.
        field_picture (bool): half a picture.
        num_refs (int): length of list 0.
        weights (list): per reference index, three (weight, offset, log2
            denominator) for y, u, v; empty without explicit weights.
    """
    type: int
    idr: bool
    reference: bool
    frame_num: int
    field_picture: bool = False
    num_refs: int = 1
    weights: List[Tuple] = field(default_factory=list)


class H264Headers:
    """Keeps parameter sets and reads slice headers.

    Args:
        extradata (bytes, optional): avcC box or start-code parameter sets.
    """

    def __init__(self, extradata: Optional[bytes]):
        self.length_size = 0
        self.sps: Dict[int, dict] = {}
        self.pps: Dict[int, dict] = {}
        if extradata and extradata[0] == 1:
            self.length_size = (extradata[4] & 3) + 1
            at, sets = 6, extradata[5] & 31
            for kind in range(2):
                for _ in range(sets):
                    size = int.from_bytes(extradata[at:at + 2], 'big')
                    self._parameter_set(extradata[at + 2:at + 2 + size])
                    at += 2 + size
                if kind == 0:
                    sets, at = extradata[at], at + 1
        elif extradata:
            for nal in split_nals(extradata, 0):
                self._parameter_set(nal)

    def _parameter_set(self, nal: bytes) -> None:
        kind = nal[0] & 31
        if kind == 7:
            self._sps(_Bits(nal[1:]))
        elif kind == 8:
            self._pps(_Bits(nal[1:]))

    def _sps(self, b: _Bits) -> None:
        profile = b.u(8)
        b.u(16)
        sps = dict(chroma=1, planes=0, depth=8)
        number = b.ue()
        if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128):
            sps['chroma'] = b.ue()
            if sps['chroma'] == 3:
                sps['planes'] = b.u(1)
            sps['depth'] = b.ue() + 8
            b.ue()
            b.u(1)
            if b.u(1):
                raise ValueError('scaling lists are not read here')
        sps['frame_num_bits'] = b.ue() + 4
        sps['poc_type'] = b.ue()
        if sps['poc_type'] == 0:
            sps['poc_bits'] = b.ue() + 4
        elif sps['poc_type'] == 1:
            sps['poc_fixed'] = b.u(1)
            b.se(), b.se()
            for _ in range(b.ue()):
                b.se()
        sps['max_refs'] = b.ue()
        b.u(1), b.ue(), b.ue()
        sps['frames_only'] = b.u(1)
        self.sps[number] = sps

    def _pps(self, b: _Bits) -> None:
        number = b.ue()
        pps = dict(sps=b.ue(), cabac=b.u(1), pic_order=b.u(1))
        if b.ue():
            raise ValueError('slice groups are not read here')
        pps['refs0'], pps['refs1'] = b.ue() + 1, b.ue() + 1
        pps['weighted'], pps['bipred'] = b.u(1), b.u(2)
        b.se(), b.se(), b.se()
        b.u(2)
        pps['redundant'] = b.u(1)
        self.pps[number] = pps

    def max_refs(self) -> int:
        """Most reference pictures that any known sequence keeps."""
        return max(sps['max_refs'] for sps in self.sps.values())

    def slices(self, packet: bytes) -> List[SliceHeader]:
        """Headers of all slices; parameter sets on the way are kept."""
        found = []
        for nal in split_nals(packet, self.length_size):
            if nal and nal[0] & 31 in (7, 8):
                self._parameter_set(nal)
            elif nal and nal[0] & 31 in (1, 5):
                found.append(self._slice(nal))
        return found

    def _slice(self, nal: bytes) -> SliceHeader:
        b = _Bits(nal[1:200])
        b.ue()
        kind = b.ue() % 5
        pps = self.pps[b.ue()]
        sps = self.sps[pps['sps']]
        if sps['planes']:
            b.u(2)
        idr = nal[0] & 31 == 5
        head = SliceHeader(kind, idr, bool(nal[0] >> 5 & 3),
                           b.u(sps['frame_num_bits']))
        if not sps['frames_only']:
            head.field_picture = bool(b.u(1))
            if head.field_picture:
                b.u(1)
        if idr:
            b.ue()
        frame_order = pps['pic_order'] and not head.field_picture
        if sps['poc_type'] == 0:
            b.u(sps['poc_bits'])
            if frame_order:
                b.se()
        elif sps['poc_type'] == 1 and not sps['poc_fixed']:
            b.se()
            if frame_order:
                b.se()
        if pps['redundant']:
            b.ue()
        if kind != 0:
            return head
        head.num_refs = b.ue() + 1 if b.u(1) else pps['refs0']
        if b.u(1):
            while b.ue() != 3:
                b.ue()
        if pps['weighted']:
            head.weights = self._weights(b, head.num_refs, sps['chroma'])
        return head

    @staticmethod
    def _weights(b: _Bits, count: int, chroma: int) -> List[Tuple]:
        luma_log = b.ue()
        chroma_log = b.ue() if chroma else 0
        table = []
        for _ in range(count):
            entry = [(1 << luma_log, 0, luma_log)]
            if b.u(1):
                entry = [(b.se(), b.se(), luma_log)]
            pair = [(1 << chroma_log, 0, chroma_log)] * 2
            if chroma and b.u(1):
                pair = [(b.se(), b.se(), chroma_log) for _ in range(2)]
            table.append(tuple(entry + pair))
        return table
