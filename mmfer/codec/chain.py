# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The chained residual: predicted pictures decoded in a row from flat grey.

Motion compensation is linear, so a chain that starts from grey instead of the
true picture `I` ends at grey plus *the picture minus the motion-compensated
start*: `chain_t = I_t - MC_t(... MC_1(I_0))`. That holds exactly after the
first picture; later ones differ by the rounding of each step, by clipping, by
intra blocks and, in H.264 and HEVC, by the loop filter, which is off. The
chain is a deterministic feature of the stream, not an approximate picture.
"""
import av

from .errors import TRANSCODE_ADVICE, DamagedPacket, UnsupportedStream
from .frame_residual import read_residual, vector_data
from .grey_decoder import GreyDecoder
from .motion_chain import MotionChain

_PREDICTED = 'PS'


class ChainWalker:
    """Decode the predicted pictures of a stream in a row from flat grey.

    Args:
        bitstream (Bitstream): The stream's codec and global header.
        width, height (int): Picture size.
        name (str): The file's name, for errors.
        at_keyframe (str): 'skip' leaves key pictures out and carries on,
            'restart' begins a new chain behind each. Defaults to 'skip'.
        intra (str): 'keep' or 'zero', what to return in blocks that are not
            predicted. The chain itself carries on with them.
        motion (bool): Accumulate the motion alongside. Defaults to True.
    """

    def __init__(self, bitstream, width, height, name, at_keyframe='skip',
                 intra='keep', motion=True):
        self.bitstream, self.name = bitstream, name
        self._size = width, height
        self._at_keyframe, self._intra = at_keyframe, intra
        self._motion = motion and bitstream.has_motion
        self._renumber = (
            _H264Numbers(bitstream) if bitstream.codec == 'h264' else None)

    def walk(self, steps, wanted):
        """Decode packets in order and return those that are wanted.

        Args:
            steps (Iterable): (packet number, picture type, data, headers) in
                decoding order.
            wanted (Collection[int]): Packet numbers to return.

        Returns:
            dict[int, Residual]: By packet number. `motion` is accumulated
            along the chain, `inter` marks blocks predicted in every step.

        Raises:
            DamagedPacket: If a wanted picture does not decode.
            UnsupportedStream: If the chain needs an inexact tool.
        """
        try:
            found = self._walked(steps, wanted)
        except (av.FFmpegError, MemoryError) as error:
            raise DamagedPacket(
                f'{self.name}: a packet of the chain does not decode '
                f'({error.__class__.__name__}); the file is damaged there'
            ) from None
        for number in wanted:
            if number not in found:
                raise DamagedPacket(
                    f'{self.name}: packet {number} gives no picture in the '
                    'chain; the file is damaged there')
        return found

    def _walked(self, steps, wanted):
        found, open_chain = {}, None
        for number, kind, data, headers in steps:
            data = headers + data
            if kind not in _PREDICTED + 'B':
                if kind == 'I' and self._at_keyframe == 'restart':
                    open_chain = self._finish(open_chain, found, wanted)
                elif self._renumber is not None and kind == 'I':
                    self._renumber.skip(data)
                continue
            reason = self.bitstream.unsupported(data)
            if reason:
                raise UnsupportedStream(
                    f'{self.name}: {reason} cannot be read exactly; '
                    f'{TRANSCODE_ADVICE}')
            if open_chain is not None and open_chain.headers != headers:
                open_chain = self._finish(open_chain, found, wanted)
            if open_chain is None:
                if kind == 'B':
                    continue  # nothing to predict it from
                open_chain = self._begin(headers, wanted)
            self._feed(open_chain, number, data, found, wanted)
        self._finish(open_chain, found, wanted)
        return found

    def _begin(self, headers, wanted):
        if self._renumber is not None:
            self._renumber.start()
        # Old memory would show for many pictures behind a damaged packet.
        decoder = GreyDecoder(self.bitstream, *self._size, headers, self.name,
                              fresh=True)
        return _OpenChain(decoder, wanted)

    def _feed(self, chain, number, data, found, wanted):
        if self._renumber is not None:
            data = self._renumber(data)
        else:
            data = self.bitstream.for_grey_start(data)
        # The tag comes back on the frame, however much later it is shown.
        chain.packets[number] = data
        frames = chain.decode(data, number)
        self._collect(chain, frames, found, wanted)

    def _collect(self, chain, frames, found, wanted):
        for frame in frames:
            data = chain.packets.pop(frame.pts, None)
            if data is None:
                continue  # the grey start
            kind = {2: 'P', 3: 'B', 4: 'S'}.get(int(frame.pict_type), 'P')
            chain.begin(frame)
            if (frame.height, frame.width) != chain.size:
                raise DamagedPacket(
                    f'{self.name}: the picture size changes inside the '
                    'chain; the file is damaged there')
            vectors = None
            if self._motion and kind != 'B':
                vectors = vector_data(frame)
                chain.motion.add(frame.pts, vectors)
            if frame.pts in wanted:
                residual = read_residual(frame, self.bitstream, data, kind,
                                         self.name, self._intra, vectors)
                residual.motion = None  # its own step alone
                found[frame.pts] = residual

    def _finish(self, chain, found, wanted):
        if chain is None:
            return
        self._collect(chain, chain.decoder.end(), found, wanted)
        if chain.motion is None:
            return
        for number, (motion, inter) in chain.motion.found().items():
            found[number].motion, found[number].inter = motion, inter


class _OpenChain:
    """A decoder in the middle of a chain, and the motion so far."""

    def __init__(self, decoder, wanted):
        self.decoder, self.headers = decoder, decoder.headers
        self.decode = self._start
        self.packets = {}
        self._wanted, self.size, self.motion = wanted, None, None

    def _start(self, data, number):
        self.decode = self.decoder.decode
        return self.decoder.start(data, number)

    def begin(self, frame):
        """Take the size of the first picture for that of all."""
        if self.size is None:
            self.size = frame.height, frame.width
            self.motion = MotionChain(*self.size, self._wanted)


class _H264Numbers:
    """Keep H.264's picture numbers continuous where pictures are left out.

    After an instantaneous refresh frame_num and the order count begin again.
    A decoder that was not shown the refresh would take that for a loss, and
    drop pictures as out of order.
    """

    def __init__(self, bitstream):
        self._bitstream = bitstream
        self.start()

    def start(self):
        self._first = True
        self._number_shift = self._order_shift = 0
        self._last_number = self._highest_order = 0

    def skip(self, data):
        """Note a key picture that is not decoded."""
        header = self._bitstream.slice_header(data)
        if header is None or self._first:
            return
        if header.idr:
            self._number_shift = self._last_number
            # Two fields a frame: the next order count is two higher.
            self._order_shift = self._highest_order + 2

    def __call__(self, data):
        header = self._bitstream.slice_header(data)
        if header is None:
            return data
        numbers = 1 << header.frame_num_bits
        if self._first and header.frame_num == 0:
            self._number_shift = numbers // 2  # 0 would get no grey reference
        number = (header.frame_num + self._number_shift) % numbers
        order = None
        if header.order is not None:
            order = header.order
            if self._order_shift:
                order = (order + self._order_shift) % (1 << header.order_bits)
            ahead = (order - self._highest_order) % (1 << header.order_bits)
            if self._first or ahead < 1 << header.order_bits - 1:
                self._highest_order = order
        self._first = False
        if header.reference:
            self._last_number = number
        if number == header.frame_num and order == header.order:
            return data
        return self._bitstream.renumber(data, number, order)
