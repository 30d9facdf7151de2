# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Decoding a stack of pictures, see `stacker`, and taking it apart."""
from functools import cached_property, partial

import av
import numpy as np

from .decoder_pool import give_decoder, take_decoder
from .frame_residual import (check_depth, frame_facts, not_covered, signed,
                             vector_memory)
from .grey import make_decoder, padded_packet, planes
from .motion import VectorList
from .residual import Residual

# MPEG-4 that reads on into the next picture is an error, too.
_STRICT = {'err_detect': 'aggressive'}


class StackDecoder:
    """Decodes stacks of one coding.

    Args:
        codec (str): FFmpeg's decoder name.
        coding (StackCoding): Of the stacks.
        options (dict): FFmpeg options, see `grey_options`.

    It makes no guesses: whatever looks damaged gives None and leaves the
    decoder unusable.
    """

    def __init__(self, codec, coding, options):
        self.coding = coding
        self._how = (codec, coding.extradata, coding.coded_width,
                     coding.height_in_all, {**options, **_STRICT})
        self._context = take_decoder(*self._how)
        if self._context is None:
            self._context = make_decoder(*self._how)
            if coding.key_picture:
                self._decode(coding.key_picture, 'I')

    def decode(self, data):
        """Decode one stack.

        Args:
            data (bytes): What `Stacker.packet` returned.

        Returns:
            av.VideoFrame | None: None unless all of it came out unharmed.
        """
        return self._decode(data, 'P')

    def _decode(self, data, kind):
        context, self._context = self._context, None
        if context is None:
            return None
        try:
            frames = context.decode(padded_packet(data))
            if not self.coding.key_picture:
                frames = frames or context.decode(None)
                context.flush_buffers()
        except (av.FFmpegError, MemoryError):
            return None
        if len(frames) != 1 or not self._is_sound(frames[0], kind):
            return None
        self._context = context
        return frames[0]

    def _is_sound(self, frame, kind):
        _, _, width, height, _ = self._how
        return ((frame.width, frame.height) == (width, height)
                and int(frame.pict_type) == 'IP'.index(kind) + 1
                and not frame.is_corrupt)

    @property
    def is_usable(self):
        """Nothing has gone wrong so far."""
        return self._context is not None

    def release(self):
        """Leave the decoder to others."""
        if self._context is not None:
            give_decoder(self._context, *self._how)
        self._context = None


class DecodedStack:
    """A decoded stack, taken apart into its pictures.

    Args:
        frame (av.VideoFrame): What `StackDecoder.decode` returned.
        coding (StackCoding): Of the stack.
        bitstream (Bitstream): The stream's codec.
        packets (list[bytes]): The packet of each picture, for its weights.
        name (str): The file's name, for errors.

    Its arrays serve all pictures. Only `y` is made at once, the others when
    one of the pictures is asked for them.
    """

    def __init__(self, frame, coding, bitstream, packets, name):
        self._bits = check_depth(frame, bitstream, name)
        self._coding, self._bitstream = coding, bitstream
        self._packets = packets
        self._facts = frame_facts(frame, self._bits)
        # The decoder's memory, not ours: until `detach`.
        self._frame, data = frame, vector_memory(frame)
        self._vectors = self._listed(data)
        self._blocks = self._pictures(self._vectors.covered_blocks()[0])
        self._clear = None
        if not self._blocks.all():
            self._clear = not_covered(self._blocks, coding.height,
                                      coding.width)
        luma, *self._chroma = map(self._pictures, planes(frame, self._bits)[:3])
        self._y = self._signed(luma)

    def detach(self):
        """Let the decoder have its memory back."""
        if self._frame is None:
            return
        self._chroma = [plane.copy() for plane in self._chroma]
        self._vectors = self._listed(bytes(self._vectors.data))
        self._frame = None

    def _listed(self, data):
        coding = self._coding
        return VectorList([data], coding.height_in_all, coding.coded_width)

    def residuals(self):
        """Return the residual of each picture, `index` not yet set."""
        # See `read_residual` for pictures without a vector.
        may_be_lost = self._bitstream.codec == 'h264'
        predicted = self._blocks.any((1, 2))
        return [
            Residual(y, picture_type='P', damaged=may_be_lost and not inter,
                     make=partial(self._make, number), **self._facts)
            for number, (y, inter) in enumerate(
                zip(self._y, predicted.tolist()))
        ]

    def _make(self, number, name):
        if name == 'weighted':
            return self._bitstream.is_weighted(self._packets[number])
        return getattr(self, name)[number]

    @cached_property
    def u(self):
        return self._colour(0)

    @cached_property
    def v(self):
        return self._colour(1)

    @cached_property
    def motion(self):
        return np.ascontiguousarray(self._pictures(self._vectors.grid()[0]))

    @cached_property
    def inter(self):
        return np.ascontiguousarray(self._pictures(
            self._vectors.covered()[0]))

    def _colour(self, number):
        if not self._chroma:  # monochrome
            return np.zeros_like(self._y)
        return self._signed(self._chroma[number])

    def _signed(self, pictures):
        return signed(pictures, self._bits, self._clear)

    def _pictures(self, tall):
        """Cut a map of the stack into those of the pictures, (T, h, w, …)."""
        coding = self._coding
        rows = len(tall) * coding.coded_height // coding.height_in_all
        parts = tall[:rows * coding.count].reshape(
            (coding.count, rows) + tall.shape[1:])
        height = -(-coding.height * rows // coding.coded_height)
        width = -(-coding.width * tall.shape[1] // coding.coded_width)
        return parts[:, :height, :width]
