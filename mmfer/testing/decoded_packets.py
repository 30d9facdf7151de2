# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write down which packets of a file are really decoded."""
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple, Union

from mmfer.codec import grey_decoder, pictures, stack_decoder
from mmfer.codec.decoder_pool import forget_decoders
from mmfer.codec.grey import make_decoder

from .full_decode import decode_all, read_packets

#: So many equal last bytes tell packets apart.
SURE = 48


class _Listener:
    """A decoder that notes what it is fed."""

    def __init__(self, context, heard: List[bytes]) -> None:
        self._context, self._heard = context, heard

    def decode(self, packet=None):
        if packet is not None:
            self._heard.append(bytes(packet))
        return self._context.decode(packet)

    def __getattr__(self, name):
        return getattr(self._context, name)

    def __setattr__(self, name, value):
        if name in ('_context', '_heard'):
            object.__setattr__(self, name, value)
        else:
            setattr(self._context, name, value)


@contextmanager
def listen_to_decoders() -> Iterator[List[bytes]]:
    """Note what every decoder of ``mmfer.codec`` is fed, in this process.

    Yields:
        list[bytes]: Grows with each packet that is decoded, in order.
    """
    heard: List[bytes] = []

    def make(*args, **kwargs):
        return _Listener(make_decoder(*args, **kwargs), heard)

    users = (grey_decoder, pictures, stack_decoder)
    forget_decoders()  # these would not be heard
    for module in users:
        module.make_decoder = make
    try:
        yield heard
    finally:
        for module in users:
            module.make_decoder = make_decoder
        forget_decoders()


def decoded_types(path: Union[str, Path],
                  heard: Sequence[bytes]) -> Dict[str, int]:
    """Count the decoded packets of a file by the type of their picture.

    A packet is recognised by its last bytes: what is decoded on its own or in
    a stack gets other headers and another number in front, never other
    content. The types come from decoding the file as a whole, without
    ``mmfer.codec``.

    Args:
        path (str | Path): The video.
        heard (Sequence[bytes]): From :func:`listen_to_decoders`.

    Returns:
        dict[str, int]: How many were decoded, by 'I', 'P', 'B', 'S'; packets
        that are not of this file, such as grey pictures, are left out.
    """
    packets, _ = read_packets(path)
    packets = [packet.rstrip(b'\0') for packet in packets]
    kinds = {p.packet: p.picture_type for p in decode_all(path)}
    counts: Dict[str, int] = {}
    for data in heard:
        found: Dict[int, Tuple[int, int]] = {}
        for number, packet in enumerate(packets):
            for end in _ends(data, packet[-min(SURE, len(packet) // 2):]):
                # The longest common end decides: short packets end alike.
                common = _common_end(data[:end], packet), number
                found[end] = max(found.get(end, common), common)
        for _, number in found.values():
            counts[kinds[number]] = counts.get(kinds[number], 0) + 1
    return counts


def _ends(data: bytes, tail: bytes) -> Iterator[int]:
    """Yield where in the data a packet with such last bytes may end."""
    at = data.find(tail)
    while at >= 0:
        yield at + len(tail)
        at = data.find(tail, at + 1)


def _common_end(one: bytes, other: bytes) -> int:
    common = 0
    for first, second in zip(reversed(one), reversed(other)):
        if first != second or common == SURE:
            break
        common += 1
    return common
