# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Packets from cameras and addresses, put into small files in memory.

What comes compressed is taken as it is. What does not (most cameras give raw
pictures or JPEG), or comes in a codec that cannot be read exactly, is encoded
here, with an I picture at the beginning of each window and no B pictures.
"""
import io
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Iterator, List, Optional, Union

import av

from mmfer.codec import CompressedVideoError, NoVideoStream
from mmfer.codec.demuxed_packets import is_raw, picture_rate

#: Codecs whose packets are used as they come.
DIRECT = ('h264', 'hevc', 'mpeg4', 'mpeg2video')
ENCODERS = dict(h264='libx264', mpeg4='mpeg4')
_CAMERAS = dict(linux=('v4l2', '/dev/video{}'),
                darwin=('avfoundation', '{}'))
_FPS = 25  # where a source does not say


@dataclass
class LivePacket:
    """A packet and when it came.

    Args:
        packet (av.Packet): A copy of its own.
        time (float): Seconds since the first packet.
    """

    packet: av.Packet
    time: float


def open_live(source: Union[str, int],
              input_format: Optional[str] = None,
              options: Optional[dict] = None,
              timeout: float = 10.):
    """Open a camera or an address.

    Args:
        source (str | int): The number of a camera, a device, or a URL.
        input_format (str, optional): FFmpeg's name of a format or kind of
            device. Defaults to None: known from the source.
        options (dict, optional): Options of FFmpeg, such as
            ``dict(video_size='640x480', framerate='30')``.
        timeout (float): Seconds without an answer. Defaults to 10.

    Returns:
        av.container.InputContainer: Open.

    Raises:
        NoVideoStream: It cannot be opened.
    """
    name = str(source)
    options = dict(options or {})
    if name.isdigit():
        if sys.platform not in _CAMERAS:
            raise NoVideoStream(
                f'camera {name}: on this system a camera has a name: give '
                "'video=NAME' and the input format dshow")
        kind, pattern = _CAMERAS[sys.platform]
        input_format, name = input_format or kind, pattern.format(name)
    elif name.startswith('/dev/'):
        input_format = input_format or 'v4l2'
    if name.startswith('rtsp'):
        options.setdefault('rtsp_transport', 'tcp')
    try:
        container = av.open(name, format=input_format, options=options,
                            timeout=timeout, metadata_errors='replace')
    except (av.FFmpegError, ValueError) as error:
        raise NoVideoStream(
            f'{name}: cannot be opened ({error_text(error)}); check the '
            'address, or that the camera is there and free') from None
    if not container.streams.video:
        container.close()
        raise NoVideoStream(f'{name}: holds no video stream')
    return container


def error_text(error: Exception) -> str:
    """Say what FFmpeg says, without its numbers.

    Args:
        error (Exception): Of PyAV.

    Returns:
        str: One line.
    """
    return getattr(error, 'strerror', None) or str(error).splitlines()[0]


def _rate_of(container, stream) -> Fraction:
    return picture_rate(container, stream) or stream.guessed_rate or \
        Fraction(_FPS)


class PacketSource:
    """What gives packets one by one and puts them into files.

    Attributes:
        fps (float): Pictures a second.
        template (av.video.stream.VideoStream): Whose packets they are.
    """

    fps: float
    template = None

    def as_file(self, packets: List[LivePacket]) -> bytes:
        """Put packets into a file.

        Args:
            packets (list[LivePacket]): In decoding order.

        Returns:
            bytes: An MP4 file.

        Raises:
            CompressedVideoError: They do not make one.
        """
        memory = io.BytesIO()
        try:
            with av.open(memory, 'w', format='mp4',
                         container_options={'fflags': '+bitexact'}) as out:
                stream = out.add_stream_from_template(self.template)
                base = packets[0].packet.dts
                for count, live in enumerate(packets):
                    old = live.packet
                    packet = av.Packet(bytes(old))
                    packet.is_keyframe = old.is_keyframe
                    packet.time_base = old.time_base
                    if old.dts is None or base is None:
                        packet.time_base = Fraction(1, 90000)
                        packet.dts = packet.pts = round(
                            count * 90000 / self.fps)
                    else:
                        packet.dts = old.dts - base
                        packet.pts = (old.dts if old.pts is None else
                                      old.pts) - base
                    packet.stream = stream
                    out.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            raise CompressedVideoError(
                f'the packets of the stream do not make a file '
                f'({error_text(error)}); encode them anew') from None
        return memory.getvalue()


class DirectPackets(PacketSource):
    """The packets of a compressed stream, from its first I picture on.

    Args:
        container (av.container.InputContainer): Open.
    """

    def __init__(self, container) -> None:
        self._container = container
        self.template = container.streams.video[0]
        self._is_raw = is_raw(container)
        self.fps = float(_rate_of(container, self.template))

    def __iter__(self) -> Iterator[LivePacket]:
        count, first, begun = 0, None, False
        for packet in self._container.demux(self.template):
            begun = begun or packet.is_keyframe
            if not packet.size or not begun:
                continue
            time = count / self.fps
            if self._is_raw:  # FFmpeg counts on at a rate that it assumes
                packet.pts = packet.dts = None
            if packet.dts is not None:
                time = float(packet.dts * packet.time_base)
                first = time if first is None else first
                time -= first
            count += 1
            yield LivePacket(packet, time)


class EncodedPackets(PacketSource):
    """The pictures of any stream, encoded as they come.

    Args:
        container (av.container.InputContainer): Open.
        codec (str): 'h264' or 'mpeg4'.
        window (float): Seconds from one I picture to the next.
    """

    def __init__(self, container, codec: str, window: float) -> None:
        if codec not in ENCODERS:
            raise ValueError(f'`codec` is {codec!r}, it must be one of '
                             f'{", ".join(ENCODERS)}')
        self._container = container
        self._stream = container.streams.video[0]
        self._rate = Fraction(
            _rate_of(container, self._stream)).limit_denominator(60000)
        self.fps = float(self._rate)
        self._codec = codec
        self._group = max(1, round(window * self.fps))
        # An encoder belongs to a container; nothing is written to this one.
        self._shelf = av.open(io.BytesIO(), 'w', format='mp4')

    def _make_encoder(self, frame):
        options = {
            'h264': {'preset': 'veryfast', 'tune': 'zerolatency', 'crf': '20',
                     'x264-params': f'keyint={self._group}:'
                     f'min-keyint={self._group}:scenecut=0:weightp=0'},
            'mpeg4': {'qmin': '3', 'qmax': '3', 'flags': '+cgop',
                      'g': str(self._group), 'sc_threshold': '1000000000'},
        }[self._codec]
        encoder = self._shelf.add_stream(
            ENCODERS[self._codec], rate=self._rate,
            options={'threads': '1', 'bf': '0', **options})
        # Sizes off this grid are slower to read exactly.
        encoder.width, encoder.height = (
            max(16, round(side / 16) * 16)
            for side in (frame.width, frame.height))
        encoder.pix_fmt = 'yuv420p'
        encoder.codec_context.thread_count = 1
        self._shelf.start_encoding()
        return encoder

    def __iter__(self) -> Iterator[LivePacket]:
        first, count, times = None, 0, {}
        for frame in self._container.decode(self._stream):
            if self.template is None:
                self.template = self._make_encoder(frame)
            times[count] = count / self.fps
            if frame.time is not None and not is_raw(self._container):
                first = frame.time if first is None else first
                times[count] = frame.time - first
            frame = frame.reformat(
                self.template.width, self.template.height, 'yuv420p')
            frame.pts, frame.time_base = count, 1 / self._rate
            frame.pict_type = 0  # the source's types are not ours
            count += 1
            for packet in self.template.encode(frame):
                yield LivePacket(packet, times.pop(packet.pts))
        if self.template is not None:
            for packet in self.template.encode(None):
                yield LivePacket(packet, times.pop(packet.pts))
