# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The packets of one open video: bytes, types and who needs whom."""
import operator
from bisect import bisect_right

import numpy as np

from .bitstreams import make_bitstream
from .errors import TRANSCODE_ADVICE, NotPredicted, TruncatedFile

PREDICTED = 'PS'
_AHEAD = 1 << 18  # bytes
_BEHIND = 1 << 15


class PacketReader:
    """Read packets by number and pictures' types by display index.

    Args:
        reader (ByteReader): The file.
        index (VideoIndex): Its index.

    Attributes:
        bitstream (Bitstream): The stream's codec and global header.
        order (np.ndarray): int64 (L,), packet of each display index.
    """

    def __init__(self, reader, index):
        if index.file_size != reader.length:
            raise TruncatedFile(
                f'{reader.name}: has {reader.length} bytes, its index was made '
                f'for {index.file_size}; build the index again')
        self.index, self.name = index, reader.name
        self.bitstream = make_bitstream(index.codec, index.extradata,
                                        reader.name)
        self.order = index.order
        self._reader = reader
        self._types = index.known_types
        self._keys = np.flatnonzero(index.key).tolist()
        self._true_keys = self._display = None
        self._headers = {}
        self._last = None, b''
        self._window = 0, reader.loaded

    def __len__(self):
        return len(self.order)

    def data(self, number, ahead=False):
        """Return the bytes of a packet.

        Args:
            number (int): The packet, in decoding order.
            ahead (bool): Fetch what lies behind it as well, since the next
                packets will be asked. Defaults to False.

        Raises:
            TruncatedFile: If the file ends before they do.
        """
        if self._last[0] == number:  # asked its type, then decoded
            return self._last[1]
        data = self.index.payloads.get(number)
        if data is None:
            size = self.index.size.item(number)
            position = self.index.position.item(number)
            offset = position - self._window[0]
            if not 0 <= offset <= len(self._window[1]) - size:
                begin = position if ahead else self._fetched_from(number)
                self._window = begin, self._reader.read(
                    begin, max(size, _AHEAD) if ahead else
                    position - begin + size)
                offset = position - begin
            data = self._window[1][offset:offset + size]
            if len(data) < size:
                raise TruncatedFile(
                    f'{self.name}: ends inside packet {number} of '
                    f'{len(self.index.size)}; copy the file again')
        self._last = number, data
        return data

    def _fetched_from(self, number):
        """Return where to begin to read a packet: if near, at its key packet,
        which will be asked for its headers."""
        position = self.index.position.item(number)
        at = bisect_right(self._keys, number)
        if at and self._keys[at - 1] not in self._headers:
            key = self.index.position.item(self._keys[at - 1])
            if 0 <= position - key <= _BEHIND:
                return key
        return position

    def headers(self, number):
        """Return in-band headers in force at a packet that differ."""
        at = bisect_right(self._keys, number)
        if not at:
            return b''
        key = self._keys[at - 1]
        if key not in self._headers:
            self._headers[key] = self.bitstream.own_headers(self.data(key))
        return self._headers[key]

    def display_index(self, index):
        """Return a valid display index; negative ones count from the end.

        Raises:
            IndexError: If there is no such picture.
        """
        number = operator.index(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f'{self.name}: picture {index} was asked, there '
                             f'are {len(self)}')
        return number

    def picture_type(self, index):
        """Return the type of the picture at a valid display index."""
        if self._types[index] == '.':
            self._types[index] = self.bitstream.picture_type(
                self.data(self.order.item(index)))
        return self._types[index]

    def nearest(self, index, types):
        """Return the display index of the nearest picture of some types.

        Raises:
            NotPredicted: If the video has none.
        """
        for distance in range(len(self)):
            for near in (index - distance, index + distance):
                if 0 <= near < len(self) and self.picture_type(near) in types:
                    return near
        raise NotPredicted(
            f'{self.name}: none of its {len(self)} pictures is predicted from '
            f'earlier ones alone; {TRANSCODE_ADVICE}')

    def nearest_in_chain(self, index, start, types):
        """Return the picture that serves another one in a chain.

        Args:
            index, start (int): Display indices: what is asked, and where the
                chain begins.
            types (str): Types of the pictures that take part.

        Returns:
            int: The display index of the nearest picture in the chain.

        Raises:
            NotPredicted: If no picture at or behind `start` is predicted.
        """
        first = next((i for i in range(start, len(self))
                      if self.picture_type(i) in PREDICTED), None)
        if first is None:
            raise NotPredicted(
                f'{self.name}: no picture at or behind {start} is predicted '
                f'from earlier ones alone; start earlier or '
                f'{TRANSCODE_ADVICE}')
        begin = self.order[first]
        for distance in range(len(self)):
            for near in (index - distance, index + distance):
                # A B picture coded before the first P has nothing behind it.
                if (start <= near < len(self)
                        and self.picture_type(near) in types
                        and self.order[near] >= begin):
                    return near
        return first

    # -- runs of packets, in decoding order ---------------------------------

    def chain(self, start, last, types):
        """Yield the packets of a chain, its key pictures included.

        Args:
            start (int): Display index where the chain begins.
            last (int): Last packet.
            types (str): Types of the pictures that take part.

        Yields:
            tuple: (packet number, picture type, data, headers).
        """
        first = int(self.order[start:].min())
        shown_at = self._shown_at()
        for number in range(first, last + 1):
            index = int(shown_at[number])
            if index < 0:
                continue  # empty, or discarded by an edit list
            data = self.data(number, ahead=True)
            kind = self.picture_type(index)
            if kind in types or kind == 'I':
                yield number, kind, data, self.headers(number)

    def _shown_at(self):
        """Display index of each packet, -1 if not shown; made once, because
        an hour has many windows and very many packets."""
        if self._display is None:
            self._display = np.full(len(self.index.size), -1, np.int64)
            self._display[self.order] = np.arange(len(self.order))
        return self._display

    def decodable(self, run):
        """Yield (packet number, data) for a true decode of some packets."""
        for number in run:
            if self.index.size[number]:
                data = self.data(number, ahead=True)
                yield number, self.headers(number) + data

    def groups(self, wanted):
        """Split wanted packets into runs that a true decode can begin with.

        Args:
            wanted (Iterable[int]): Packet numbers.

        Returns:
            list[range]: Each starts at a key picture.
        """
        keys, runs = self.true_keys(), {}
        for number in wanted:
            at = int(np.searchsorted(keys, number, 'right')) - 1
            begin = int(keys[at]) if at >= 0 else 0
            if at > 0 and self._is_shown_before(number, begin):
                begin = int(keys[at - 1])
            runs[begin] = max(number, runs.get(begin, 0))
        return [range(begin, end + 1) for begin, end in sorted(runs.items())]

    def true_keys(self):
        """Return the packets that are key and hold an I picture, sorted."""
        if self._true_keys is None:
            self._true_keys = np.array(
                list(filter(self._is_true_key, self._keys)) or [0], np.int64)
        return self._true_keys

    def _is_true_key(self, number):
        try:
            return self.bitstream.picture_type(self.data(number)) == 'I'
        except TruncatedFile:  # those before the end of the file are good
            return False

    def _is_shown_before(self, number, key):
        """Tell whether a picture leads the key picture it follows in code."""
        shown = self.order[np.isin(self.order, [number, key])]
        return len(shown) > 1 and shown[0] == number
