# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""True pictures, decoded as any player does."""
import av
import numpy as np

from .errors import DamagedPacket
from .grey import make_decoder, padded_packet


class PictureDecoder:
    """Decode true pictures of one video, each group from its key picture.

    Args:
        packets (PacketReader): The video.
    """

    def __init__(self, packets):
        self._packets, self._index = packets, packets.index
        self._bitstream, self._name = packets.bitstream, packets.name

    def pictures(self, indices):
        """Return pictures in the order asked, each decoded once.

        Args:
            indices (list[int]): Valid display indices.

        Returns:
            list[np.ndarray]: uint8 (H, W, 3) RGB, turned upright; arrays of
            their own.

        Raises:
            DamagedPacket: If one of them does not decode.
        """
        numbers = [int(self._packets.order[i]) for i in indices]
        if self._index.packed:
            numbers = indices  # a packet number may stand for two pictures
            found = self._counted(indices)
        else:
            wanted = set(numbers)
            found = {
                number: self._upright(frame)
                for run in self._packets.groups(wanted)
                for number, frame in self.decode(run) if number in wanted
            }
        self.check_found(found, indices, numbers)
        return [found[number].copy() if numbers.count(number) > 1 else
                found[number] for number in numbers]

    def decode(self, run, motion=False):
        """Yield the frames of a run of packets that starts at a key one.

        Args:
            run (Iterable[int]): Packet numbers.
            motion (bool): Export motion vectors. Defaults to False.

        Yields:
            tuple[int, av.VideoFrame]: Packet number and frame, as they come
            out.

        Raises:
            DamagedPacket: If a packet does not decode.
        """
        options = {}
        if motion:
            options['flags2'] = '+export_mvs'
            if not self._bitstream.in_loop_filter:
                # A picture that is held back loses its vectors.
                options['flags'] = '+low_delay'
        context = make_decoder(self._bitstream.codec,
                               self._bitstream.extradata, self._index.width,
                               self._index.height, options)
        try:
            for number, data in self._packets.decodable(run):
                packet = padded_packet(data)
                packet.pts = packet.dts = number
                for frame in context.decode(packet):
                    yield frame.pts, frame
            for frame in context.decode(None):
                yield frame.pts, frame
        except (av.FFmpegError, MemoryError) as error:
            raise DamagedPacket(
                f'{self._name}: a packet does not decode '
                f'({error.__class__.__name__}); the file is damaged there'
            ) from None

    def check_found(self, found, indices, numbers):
        """Raise a DamagedPacket unless everything asked was found.

        Args:
            found (Container[int]): By number.
            indices (list[int]): Display indices, for the message.
            numbers (list[int]): What each of them is called in `found`.
        """
        for index, number in zip(indices, numbers):
            if number not in found:
                raise DamagedPacket(
                    f'{self._name}: picture {index} does not decode; the file '
                    'is damaged there')

    def _counted(self, indices):
        """Decode from the start and count what comes out."""
        found, last = {}, max(indices, default=-1)
        run = range(len(self._index.size))
        for count, (_, frame) in enumerate(self.decode(run)):
            if count in indices:
                found[count] = self._upright(frame)
            if count >= last:
                break
        return found

    def _upright(self, frame):
        picture = frame.to_ndarray(format='rgb24')
        turns = -self._index.rotation // 90 % 4
        return np.ascontiguousarray(np.rot90(picture, turns))
