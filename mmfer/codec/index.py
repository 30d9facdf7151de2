# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where each picture of a video lies in its file."""
import os
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from typing import Optional

import av
import numpy as np

from mmfer.atomic import writing

from .bitstreams import make_bitstream
from .bytesource import ByteReader
from .demuxed_packets import DemuxedPackets, is_raw, picture_rate
from .errors import (TRANSCODE_ADVICE, CompressedVideoError, NoVideoStream,
                     UnsupportedCodec, UnsupportedStream)
from .mp4 import read_sample_table

_FORMAT_VERSION = 1
_IMAGES = {
    'mjpeg', 'png', 'gif', 'webp', 'bmp', 'tiff', 'jpeg2000', 'apng', 'ppm'
}
_FRAME_ROTATIONS = {0: 0, 90: 270, -90: 90, 180: 180, -180: 180}


@dataclass
class VideoIndex:
    """Everything that random access needs to know about one file.

    It holds no open file and no decoder: it can be pickled, cached beside the
    data and shared by processes.

    Attributes:
        codec (str): FFmpeg's codec name.
        extradata (bytes): The stream's global header.
        width, height (int): Picture size as coded, before rotation.
        rotation (int): Degrees clockwise that a player turns the picture.
        fps (float): Average pictures a second, 0.0 if unknown.
        file_size (int): Bytes of the file that was indexed.
        position (np.ndarray): int64 (N,), byte position of each packet in
            decoding order, -1 where the bytes are held in `payloads`.
        size (np.ndarray): int64 (N,), bytes of each packet.
        key (np.ndarray): bool (N,), the container calls it a random access
            point.
        order (np.ndarray): int64 (L,), packet of each picture in display
            order; discarded and empty packets have no picture.
        payloads (dict): Packet bytes by packet number, for containers that
            scatter them.
        packed (bool): Some packets hold two pictures (packed B-frames);
            `order` then names a packet twice.
        stamps (np.ndarray | None): int64 (N,), when each packet is shown, in
            units of `tick`; None if the file does not tell.
        tick (float): Seconds.
        types (str): Picture types in display order if the packets were read
            while indexing, else ''. What is learnt later: `known_types`.
    """

    codec: str
    extradata: bytes
    width: int
    height: int
    rotation: int
    fps: float
    file_size: int
    position: np.ndarray
    size: np.ndarray
    key: np.ndarray
    order: np.ndarray
    payloads: dict = field(default_factory=dict)
    packed: bool = False
    types: str = ''
    stamps: Optional[np.ndarray] = None
    tick: float = 0.

    def __len__(self):
        return len(self.order)

    @cached_property
    def known_types(self):
        """Picture types in display order, a list; '.' where not yet known.

        Whoever reads packets with this index fills it in.
        """
        return list(self.types or '.' * len(self))

    @cached_property
    def times(self):
        """When each picture is shown, float64 (L,) seconds since the first.

        None if the file does not tell, or the index was stored without.
        """
        if self.stamps is None or not len(self.order):
            return None
        shown = self.stamps[self.order]
        return (shown - shown[0]) * self.tick

    @classmethod
    def build(cls, source):
        """Index a video, decoding nothing.

        Args:
            source (str | PathLike | bytes | ByteReader): The video.

        Returns:
            VideoIndex: The index.

        Raises:
            NoVideoStream: If the input is not a video.
            UnsupportedCodec: If the codec cannot be read.
            UnsupportedStream: If the display order cannot be known.
        """
        reader = source if isinstance(source, ByteReader) else ByteReader(
            source)
        try:
            table = read_sample_table(reader)
            if table is None:
                return _demux(reader)
            bitstream = make_bitstream(table.codec, table.extradata,
                                       reader.name)
            if table.in_order and bitstream.times_may_be_wrong():
                return _demux(reader)  # which looks at the picture types
            order = np.arange(len(table.time)) if table.in_order else np.argsort(
                table.time, kind='stable')
            if not table.size.all():
                order = order[table.size[order] > 0]
            return cls(table.codec, table.extradata, table.width,
                       table.height, table.rotation, table.fps, reader.length,
                       table.position, table.size, table.key, order,
                       stamps=table.time, tick=1 / table.scale)
        finally:
            if reader is not source:
                reader.close()

    def save(self, path):
        """Write the index to a `.npz` file, atomically."""
        numbers = sorted(self.payloads)
        stored = dict(
            version=_FORMAT_VERSION,
            codec=self.codec,
            types=self.types,
            extradata=np.frombuffer(self.extradata, np.uint8),
            facts=np.array([
                self.width, self.height, self.rotation, self.file_size,
                self.packed
            ], np.int64),
            fps=self.fps,
            position=self.position,
            size=self.size,
            key=self.key,
            order=self.order,
            stamps=np.zeros(0, np.int64)
            if self.stamps is None else self.stamps,
            tick=self.tick,
            payload_numbers=np.array(numbers, np.int64),
            payloads=np.frombuffer(
                b''.join(self.payloads[n] for n in numbers), np.uint8))
        with writing(path, 'wb') as file:
            np.savez(file, **stored)

    @classmethod
    def load(cls, path):
        """Read an index that `save` wrote.

        Raises:
            CompressedVideoError: If the file is not such an index.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                if int(stored['version']) != _FORMAT_VERSION:
                    raise ValueError(f'version {int(stored["version"])}')
                width, height, rotation, file_size, packed = map(
                    int, stored['facts'])
                size = stored['size']
                payloads, position = {}, 0
                data = stored['payloads'].tobytes()
                for number in stored['payload_numbers'].tolist():
                    end = position + int(size[number])
                    payloads[number] = data[position:end]
                    position = end
                # Files of earlier versions have no times.
                stamps = stored['stamps'] if 'stamps' in stored else []
                return cls(
                    str(stored['codec']), stored['extradata'].tobytes(), width,
                    height, rotation, float(stored['fps']), file_size,
                    stored['position'], size, stored['key'], stored['order'],
                    payloads, bool(packed), str(stored['types']),
                    *([stamps, float(stored['tick'])] if len(stamps) else []))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise CompressedVideoError(
                f'{os.fspath(path)}: not a video index of this version '
                f'({error}); delete it and build it again') from None


def _demux(reader):
    """Index a file through FFmpeg's demuxer, reading every packet once."""
    try:
        container = av.open(
            reader.for_container(), metadata_errors='replace')
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise NoVideoStream(
            f'{reader.name}: not a readable video '
            f'({getattr(error, "strerror", None) or error}); '
            'check that the file is complete') from None
    with container:
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise NoVideoStream(
                f'{reader.name}: holds no video stream; choose a file with '
                'pictures')
        context = stream.codec_context
        codec = context.name if context is not None else 'an unknown codec'
        if codec in _IMAGES:
            raise UnsupportedCodec(
                f'{reader.name}: {codec} codes every picture on its own, '
                f'there is no residual to read; {TRANSCODE_ADVICE}')
        codec = {'flv1': 'flv', 'libdav1d': 'av1'}.get(codec, codec)
        extradata = bytes(context.extradata or b'') if context else b''
        bitstream = make_bitstream(codec, extradata, reader.name)
        packets = DemuxedPackets(reader, bitstream)
        try:
            for packet in container.demux(stream):
                packets.add(packet)
        except IndexError:  # PyAV knows the streams of the beginning alone
            raise UnsupportedStream(
                f'{reader.name}: another stream begins behind packet '
                f'{len(packets.size)}, as where recordings were joined; take '
                'them one by one, or remux the first stream alone (ffmpeg -i '
                'FILE -map 0:v:0 -c copy copy.mp4)') from None
        except (av.FFmpegError, UnicodeDecodeError, MemoryError):
            pass  # what was read before the damage is still good
        if not packets.size:
            raise NoVideoStream(
                f'{reader.name}: its video stream holds no packet; check '
                'that the file is complete')
        order, types = packets.display_order(container.format.name)
        return VideoIndex(
            bitstream.codec, extradata, context.width, context.height,
            _frame_rotation(reader),
            float(picture_rate(container, stream) or 0),
            reader.length, np.array(packets.position, np.int64),
            np.array(packets.size, np.int64), np.array(packets.key, bool),
            np.array(order, np.int64), packets.payloads, packets.packed,
            types, None if is_raw(container) else packets.stamps(),
            float(stream.time_base or 0))


def _frame_rotation(reader):
    """Return the clockwise rotation that the first picture asks for."""
    try:
        with av.open(
                reader.for_container(), metadata_errors='replace') as container:
            container.streams.video[0].codec_context.thread_count = 1
            frame = next(container.decode(video=0), None)
            turn = frame.rotation if frame is not None else 0
    except (av.FFmpegError, UnicodeDecodeError, MemoryError, IndexError,
            StopIteration):
        return 0
    return _FRAME_ROTATIONS.get(int(turn), 0)
