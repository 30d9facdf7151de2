# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Decoding one packet against a grey reference: the residual, exactly.

A decoder that has no past predicts every block from flat grey. Motion
compensation of a constant is that constant, hence what comes out is grey plus
the residual, to the last bit, whatever the vectors are.
"""
import weakref
from math import ceil

import av

from .errors import (TRANSCODE_ADVICE, DamagedPacket, NotPredicted,
                     UnsupportedStream)
from .frame_residual import read_residual, vector_data
from .grey_decoder import GreyDecoder, grey_options
from .motion import VectorList
from .stack_decoder import DecodedStack, StackDecoder

_TYPE_NAMES = {1: 'I', 2: 'P', 3: 'B', 4: 'S'}
# What is decoded before any samples are read: no more pictures, nor pixels.
_AT_ONCE, _PIXELS_AT_ONCE = 16, 1 << 20


def _nothing():
    return None


class ResidualDecoder:
    """Decode single packets of one stream to residuals.

    Args:
        bitstream (Bitstream): The stream's codec and global header.
        width, height (int): Picture size.
        name (str): The file's name, for errors.

    A decoder belongs to one thread of one process.
    """

    def __init__(self, bitstream, width, height, name='<packets>'):
        self.bitstream = bitstream
        self.name = name
        self._size = width, height
        self._decoder = self._stacks = None
        self._last_stack = _nothing

    def close(self):
        """Leave FFmpeg's decoder to the next stream of the same coding."""
        decoder, self._decoder = self._decoder, None
        self._detach()
        stacks, self._stacks = self._stacks, None
        for one in (decoder, stacks):
            if one is not None:
                one.release()

    def decode(self, data, headers=b'', bidirectional=False):
        """Return the residual of the predicted picture in a packet.

        Args:
            data (bytes): The packet, as `Bitstream` describes its codec.
            headers (bytes): In-band headers that are valid for this packet
                and differ from the global header. Defaults to b''.
            bidirectional (bool): Accept an H.264 B picture; its residual has
                no motion. Defaults to False.

        Returns:
            Residual: Its arrays are the caller's.

        Raises:
            NotPredicted: If the packet holds no predicted picture.
            DamagedPacket: If it does not decode.
            UnsupportedStream: If it uses a tool that is not exact.
        """
        return self.decode_all([(data, headers)], bidirectional)[0]

    def decode_all(self, packets, bidirectional=False):
        """Return the residuals of several packets.

        Cheaper than one by one: the decoder's code and tables stay in the
        processor's caches, and numpy's calls serve all pictures.

        Args:
            packets (Sequence[tuple]): Data and headers of each, see `decode`.
            bidirectional (bool): See `decode`.

        Returns:
            list[Residual]: Their arrays are the caller's.

        Raises:
            As `decode`.
        """
        residuals = []
        width, height = self._size
        # FFmpeg keeps the memory of all frames that once lived together.
        most = min(_AT_ONCE, 1 + _PIXELS_AT_ONCE // (width * height))
        # In equal shares: each number of pictures takes a decoder of its own.
        step = ceil(len(packets) / max(1, ceil(len(packets) / most)))
        for first in range(0, len(packets), step or 1):
            some = packets[first:first + step]
            found = self._stacked(some)
            pictures = [
                self._picture(data, headers, bidirectional)
                for number, (data, headers) in enumerate(some)
                if number not in found
            ]
            alone = iter(
                _read_residuals(pictures, self.bitstream, self.name))
            residuals += [
                found[number] if number in found else next(alone)
                for number in range(len(some))
            ]
        return residuals

    def _stacked(self, packets):
        """Decode pictures together where that gives the same.

        Args:
            packets (Sequence[tuple]): Data and headers of each.

        Returns:
            dict[int, Residual]: Those that could be read, by place.
        """
        stacker, found, groups = self.bitstream.stacker, {}, {}
        if stacker is None or len(packets) < 2:
            return found
        for place, (data, headers) in enumerate(packets):
            part = None if headers else stacker.part(data)
            if part is not None:
                key, part = part
                groups.setdefault(key, []).append((place, part))
        for key, group in groups.items():
            coding = stacker.coding(key, len(group))
            if len(group) < 2 or coding is None or (
                    coding.width, coding.height) != self._size:
                continue
            places, parts = zip(*group)
            self._detach()
            frame = self._stack_decoder(coding).decode(
                stacker.packet(key, parts))
            if frame is None:
                continue
            stack = DecodedStack(frame, coding, self.bitstream,
                                 [packets[place][0] for place in places],
                                 self.name)
            self._last_stack = weakref.ref(stack)
            found.update(zip(places, stack.residuals()))
        return found

    def _detach(self):
        """Take the decoder's memory away from what is still in use."""
        stack = self._last_stack()
        if stack is not None:
            stack.detach()

    def _stack_decoder(self, coding):
        """Return a decoder of stacks, the last one if it will do."""
        last = self._stacks
        if last is None or last.coding is not coding or not last.is_usable:
            if last is not None:
                last.release()
            self._stacks = StackDecoder(self.bitstream.codec, coding,
                                        grey_options(self.bitstream))
        return self._stacks

    def _picture(self, data, headers, bidirectional):
        """Return (frame, packet with its headers, picture type)."""
        if headers:
            data = headers + data
        reason = self.bitstream.unsupported(data)
        if reason:
            raise UnsupportedStream(
                f'{self.name}: {reason} cannot be read exactly; '
                f'{TRANSCODE_ADVICE}')
        frame = self._grey_decode(data, headers)
        if frame is None:
            raise DamagedPacket(
                f'{self.name}: a packet of {len(data)} bytes gives no '
                'picture; the file is damaged there')
        kind = _TYPE_NAMES.get(int(frame.pict_type), '?')
        if kind not in ('P', 'S') and not (bidirectional and kind == 'B'):
            raise NotPredicted(
                f'{self.name}: the packet holds a {kind} picture, which has '
                'no exact residual')
        return frame, data, kind

    def _grey_decode(self, data, headers):
        data = self.bitstream.for_grey_start(data)
        decoder, self._decoder = self._decoder, None
        try:
            # A fresh one where old headers would linger.
            if decoder is None or decoder.headers != headers:
                decoder = self._make_decoder(headers)
            frames = self._decode_soundly(decoder, data)
            if not frames:
                # Where a packet is damaged, old pictures shine through.
                decoder = self._make_decoder(headers, fresh=True)
                frames = decoder.start(data) + decoder.end()
        except (av.FFmpegError, MemoryError) as error:
            raise DamagedPacket(
                f'{self.name}: a packet of {len(data)} bytes does not decode '
                f'({error.__class__.__name__}); the file is damaged there'
            ) from None
        if not frames:
            return None
        if self._may_serve_again(decoder):
            self._decoder = decoder
        return frames[-1]

    def _may_serve_again(self, decoder):
        """Tell whether a decoder's next picture will show nothing of this."""
        if not self.bitstream.shows_damage:
            return False
        if decoder.headers and not self.bitstream.in_loop_filter:
            return decoder.is_sound  # they are sent along with each packet
        return decoder.is_clean or decoder.strict

    def _decode_soundly(self, decoder, data):
        """Return the frames of a packet, [] if a fresh decoder must redo it."""
        reused = decoder.is_sound and not decoder.is_fresh
        try:
            frames = decoder.start(data) + decoder.end()
        except av.FFmpegError:
            if decoder.strict:
                return []
            raise
        return frames if decoder.is_sound or not reused else []

    def _make_decoder(self, headers, fresh=False):
        # FFmpeg calls H.264 and HEVC without a key picture corrupt, damaged
        # or not, and a damaged H.264 picture spoils the next one's samples.
        strict = self.bitstream.in_loop_filter and not fresh
        fresh = fresh or not self.bitstream.shows_damage
        return GreyDecoder(self.bitstream, *self._size, headers, self.name,
                           fresh, strict)


def _read_residuals(pictures, bitstream, name):
    """Turn frames into residuals, those of one size together.

    Args:
        pictures (list[tuple]): Frame, packet and picture type of each.
        bitstream (Bitstream): The stream's codec.
        name (str): The file's name, for errors.

    Returns:
        list[Residual]: With `index` not yet set.
    """
    lists = blocks = [None] * len(pictures)
    if bitstream.has_motion:
        lists = [vector_data(frame) for frame, _, _ in pictures]
        sizes = {(frame.height, frame.width) for frame, _, _ in pictures}
        if len(sizes) == 1:
            blocks = VectorList(lists, *sizes.pop()).covered_blocks()
    return [
        read_residual(frame, bitstream, data, kind, name, 'zero', *known)
        for (frame, data, kind), *known in zip(pictures, lists, blocks)
    ]
