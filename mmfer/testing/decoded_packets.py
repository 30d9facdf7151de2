# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write down which packets of a file are really decoded."""
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Union

from mmfer.codec import decoder, pictures
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

    users = (decoder, pictures)
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

    A packet is recognised by its last bytes: what is decoded on its own may
    get other headers and another number in front, never other content. The
    types come from decoding the file as a whole, without ``mmfer.codec``.

    Args:
        path (str | Path): The video.
        heard (Sequence[bytes]): From :func:`listen_to_decoders`.

    Returns:
        dict[str, int]: How many were decoded, by 'I', 'P', 'B', 'S'; packets
        that are not of this file, such as grey pictures, are left out.
    """
    packets, _ = read_packets(path)
    kinds = {p.packet: p.picture_type for p in decode_all(path)}
    counts: Dict[str, int] = {}
    for data in heard:
        data = data.rstrip(b'\0')
        # The longest common end decides: short packets may end alike.
        common, number = max(
            (_common_end(data, packet.rstrip(b'\0')), number)
            for number, packet in enumerate(packets))
        if common >= min(SURE, len(packets[number].rstrip(b'\0')) // 2):
            kind = kinds[number]
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def _common_end(one: bytes, other: bytes) -> int:
    common = 0
    for first, second in zip(reversed(one), reversed(other)):
        if first != second or common == SURE:
            break
        common += 1
    return common
