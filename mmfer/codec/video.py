# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Residuals, motion and pictures of a compressed video by display index."""
import numpy as np

from .accumulate import Accumulator
from .bitstreams import make_bitstream
from .bytesource import ByteReader
from .chain import ChainWalker
from .decoder import ResidualDecoder, read_vectors
from .errors import (TRANSCODE_ADVICE, DamagedPacket, NotPredicted,
                     TruncatedFile, UnsupportedCodec)
from .index import VideoIndex
from .pictures import decode_pictures
from .residual import Residual

_PREDICTED = 'PS'
_OTHERWISE = ('nearest_p', 'zeros', 'error', 'pixels')


class CompressedVideo:
    """Read what an encoder stored, without decoding the video.

    Args:
        source (str | PathLike | bytes): The video.
        index (VideoIndex, optional): Its index, if one was made before.
            Defaults to None: it is made now.
        otherwise (str): What to do when a residual is asked of a picture that
            is not predicted. 'nearest_p' takes the nearest P picture (the
            earlier of two), 'zeros' returns an empty residual, 'error'
            raises, 'pixels' reads B pictures of H.264 as well, without
            motion, and takes the nearest predicted picture for the others.
            Defaults to 'nearest_p'.
        max_pixels (int): Refuse larger pictures. Defaults to 2**26.

    Attributes:
        codec (str): FFmpeg's codec name.
        width, height (int): Picture size as displayed.
        fps (float): Average pictures a second, 0.0 if unknown.
        rotation (int): Degrees clockwise by which everything returned has
            been turned, as a player would.

    Raises:
        FileNotFoundError: If there is no such file.
        NoVideoStream, UnsupportedCodec, UnsupportedStream: If nothing exact
            can be read from it.

    One object belongs to one thread. It cannot be pickled; its `index` can.

    Example:
        >>> with CompressedVideo('clip.mp4') as video:  # doctest: +SKIP
        ...     residual = video.residual_at(17)
        ...     residual.y.shape, residual.motion.shape
        ((224, 224), (28, 28, 2))
    """

    def __init__(self, source, index=None, *, otherwise='nearest_p',
                 max_pixels=1 << 26):
        _check_choice('otherwise', otherwise, _OTHERWISE)
        self._reader = ByteReader(source)
        try:
            self.index = VideoIndex.build(
                self._reader) if index is None else index
            self.name = self._reader.name
            self._otherwise = otherwise
            self._check(max_pixels)
            self._bitstream = make_bitstream(self.index.codec,
                                             self.index.extradata, self.name)
        except BaseException:
            self._reader.close()
            raise
        self._decoder = ResidualDecoder(self._bitstream, self.index.width,
                                        self.index.height, self.name)
        self._types = list(self.index.types or '.' * len(self.index))
        self._key_numbers = np.flatnonzero(self.index.key)
        self._key_packets = None
        self._headers = {}

    def _check(self, max_pixels):
        index = self.index
        if index.file_size != self._reader.length:
            raise TruncatedFile(
                f'{self.name}: has {self._reader.length} bytes, its index was '
                f'made for {index.file_size}; build the index again')
        if not 0 < index.width * index.height <= max_pixels:
            raise UnsupportedCodec(
                f'{self.name}: pictures of {index.width}x{index.height} are '
                f'outside 1..{max_pixels} pixels; pass a larger max_pixels if '
                'that is meant')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._reader.close()
        self._decoder = None

    def __len__(self):
        """Return the number of pictures."""
        return len(self.index)

    def __repr__(self):
        return (f'{type(self).__name__}({self.name!r}, {len(self)} pictures, '
                f'{self.codec}, {self.width}x{self.height})')

    @property
    def codec(self):
        return self.index.codec

    @property
    def width(self):
        index = self.index
        return index.height if index.rotation % 180 else index.width

    @property
    def height(self):
        index = self.index
        return index.width if index.rotation % 180 else index.height

    @property
    def fps(self):
        return self.index.fps

    @property
    def rotation(self):
        return self.index.rotation

    # -- what there is -----------------------------------------------------

    def picture_type_at(self, index):
        """Return the type of a picture, read from its header bytes.

        Returns:
            str: 'I', 'P', 'B', 'S' (predicted with global motion), 'N' (not
            coded: the last picture is repeated) or '?' (unreadable).
        """
        index = self._display(index)
        if self._types[index] == '.':
            self._types[index] = self._bitstream.picture_type(
                self._packet(int(self.index.order[index])))
        return self._types[index]

    @property
    def picture_types(self):
        """The types of all pictures in display order, a string."""
        return ''.join(map(self.picture_type_at, range(len(self))))

    @property
    def keyframes(self):
        """Display indices of pictures where decoding can start, int64."""
        return np.array([
            i for i, packet in enumerate(self.index.order)
            if self.index.key[packet] and self.picture_type_at(i) == 'I'
        ], np.int64)

    # -- single residuals --------------------------------------------------

    def residual_at(self, index, otherwise=None):
        """Return the residual of one picture; only its packet is decoded.

        Args:
            index (int): Display index; negative ones count from the end.
            otherwise (str, optional): See the class. Defaults to None, the
                choice made there.

        Returns:
            Residual: `residual.index` tells which picture was read.

        Raises:
            IndexError: If there is no such picture.
            NotPredicted: If there is no residual to return.
            DamagedPacket, TruncatedFile: If its bytes are bad or missing.
        """
        otherwise = self._otherwise if otherwise is None else otherwise
        _check_choice('otherwise', otherwise, _OTHERWISE)
        index = self._display(index)
        wanted = _PREDICTED
        if otherwise == 'pixels' and self.codec == 'h264':
            wanted += 'B'
        if self.picture_type_at(index) not in wanted:
            if otherwise == 'error':
                raise NotPredicted(
                    f'{self.name}: picture {index} is a '
                    f"{self.picture_type_at(index)} picture, it has no "
                    "residual; ask a P picture or pass otherwise='nearest_p'")
            if otherwise == 'zeros':
                return self._empty_residual(index)
            index = self._nearest(index, wanted)
        packet = int(self.index.order[index])
        residual = self._decoder.decode(
            self._packet(packet), self._headers_for(packet),
            bidirectional='B' in wanted)
        residual.index = index
        return residual.rotated(self.rotation)

    def residuals_at(self, indices, otherwise=None):
        """Return the residuals of several pictures, in the order asked.

        Args:
            indices (Sequence[int]): Display indices; repeats are allowed and
                give arrays of their own.
            otherwise (str, optional): See `residual_at`.

        Returns:
            list[Residual]: One for each index.
        """
        return [self.residual_at(index, otherwise) for index in indices]

    def _nearest(self, index, wanted):
        for distance in range(1, len(self)):
            for near in (index - distance, index + distance):
                if 0 <= near < len(self) and self.picture_type_at(
                        near) in wanted:
                    return near
        raise NotPredicted(
            f'{self.name}: none of its {len(self)} pictures is predicted from '
            f'earlier ones alone; {TRANSCODE_ADVICE}')

    def _empty_residual(self, index):
        height, width = self.index.height, self.index.width
        cells = -(-height // 8), -(-width // 8)
        luma = np.zeros((height, width), np.int16)
        chroma = np.zeros((-(-height // 2), -(-width // 2)), np.int16)
        motion = self._bitstream.has_motion
        return Residual(
            luma, chroma, chroma.copy(),
            motion=np.zeros(cells + (2, ), np.float32) if motion else None,
            inter=np.zeros(cells, bool) if motion else None,
            picture_type=self.picture_type_at(index),
            index=index).rotated(self.rotation)

    # -- chains and accumulations ------------------------------------------

    def chained_at(self, indices, start=0, *, pictures='P',
                   at_keyframe='skip', intra='keep', motion=True):
        """Return chained residuals: pictures minus their warped start.

        The predicted pictures from `start` on are decoded in a row from flat
        grey; no key picture is decoded. One walk serves all indices.

        Args:
            indices (Sequence[int]): Display indices. One that is not in the
                chain is served by the nearest picture that is.
            start (int): Display index where the chain begins. Defaults to 0.
            pictures (str): 'P' leaves B pictures out, 'all' decodes them too
                (H.264 and HEVC). Defaults to 'P'.
            at_keyframe (str): 'skip' carries the chain on over a key picture,
                'restart' begins again behind it. Defaults to 'skip'.
            intra (str): 'keep' returns what the decoder makes of blocks that
                are not predicted, 'zero' clears them. Defaults to 'keep'.
            motion (bool): Accumulate the motion alongside. Defaults to True.

        Returns:
            list[Residual]: `motion` leads from the picture to the start,
            `inter` marks blocks predicted in every step.

        Raises:
            NotPredicted: If no picture at or behind `start` is predicted.
        """
        _check_choice('pictures', pictures, ('P', 'all'))
        _check_choice('at_keyframe', at_keyframe, ('skip', 'restart'))
        _check_choice('intra', intra, ('keep', 'zero'))
        start = self._display(start)
        members = _PREDICTED
        if pictures == 'all' and self.codec in ('h264', 'hevc'):
            members += 'B'
        served = [
            self._nearest_in_chain(self._display(i), start, members)
            for i in indices
        ]
        if not served:
            return []
        order = self.index.order
        packets = {int(order[i]): i for i in served}
        walker = ChainWalker(self._bitstream, self.index.width,
                             self.index.height, self.name, at_keyframe, intra,
                             motion)
        found = walker.walk(
            self._steps(self._first_packet(start), max(packets), members),
            packets)
        results = []
        for count, i in enumerate(served):
            residual = found[int(order[i])]
            if i in served[:count]:  # a repeat gets arrays of its own
                residual = residual.copy()
            results.append(
                residual.replaced(index=i).rotated(self.rotation))
        return results

    def _nearest_in_chain(self, index, start, members):
        for distance in range(len(self)):
            for near in (index - distance, index + distance):
                if start <= near < len(self) and self.picture_type_at(
                        near) in members and self._starts_chain(
                            near, start):
                    return near
        raise NotPredicted(
            f'{self.name}: no predicted picture at or behind {start}; '
            f'start earlier or {TRANSCODE_ADVICE}')

    def _starts_chain(self, index, start):
        """Tell whether a picture is decoded behind the chain's beginning."""
        if self.picture_type_at(index) in _PREDICTED:
            return True
        first = next((i for i in range(start, len(self))
                      if self.picture_type_at(i) in _PREDICTED), None)
        order = self.index.order
        return first is not None and order[index] > order[first]

    def _first_packet(self, start):
        """Return the first packet of the pictures shown at or after start."""
        return int(self.index.order[start:].min())

    def _steps(self, first, last, members):
        """Yield the packets of a chain in decoding order."""
        display = {int(p): i for i, p in enumerate(self.index.order)}
        for packet in range(first, last + 1):
            i = display.get(packet)
            if i is None:
                continue  # empty, or discarded by an edit list
            kind = self.picture_type_at(i)
            if kind in members or kind == 'I':
                yield (packet, kind, self._packet(packet),
                       self._headers_for(packet))

    def accumulated_at(self, indices, interpolation='integer'):
        """Return CoViAR's accumulated residuals: true pictures minus I.

        The group of each picture is truly decoded from its key picture.

        Args:
            indices (Sequence[int]): Display indices. For a B picture the
                nearest P or I picture is taken.
            interpolation (str): 'integer', CoViAR's definition, or 'subpel'.
                Defaults to 'integer'.

        Returns:
            list[Residual]: A key picture's own is all zero.

        Raises:
            UnsupportedCodec: If the codec exports no motion vectors.
        """
        _check_choice('interpolation', interpolation, ('integer', 'subpel'))
        if not self._bitstream.has_motion:
            raise UnsupportedCodec(
                f'{self.name}: {self.codec} exports no motion vectors to '
                f'accumulate; {TRANSCODE_ADVICE}')
        served = []
        for i in map(self._display, indices):
            if self.picture_type_at(i) not in _PREDICTED + 'I':
                i = self._nearest(i, _PREDICTED + 'I')
            served.append(i)
        wanted = {int(self.index.order[i]) for i in served}
        kinds = {
            int(p): self.picture_type_at(i)
            for i, p in enumerate(self.index.order)
            if self._types[i] in '.IPS'
        } if wanted else {}
        found = {}
        for run in self._runs(wanted):
            accumulator = Accumulator(self.index.height, self.index.width,
                                      interpolation)
            for packet, frame in self._frames(run, motion=True):
                kind = kinds.get(packet)
                if kind == 'I':
                    accumulator.start(frame)
                elif kind in ('P', 'S'):
                    accumulator.step(read_vectors(frame, self._bitstream, kind))
                if packet in wanted:
                    found[packet] = accumulator.residual(frame, kind)
        results = []
        for i in served:
            residual = self._found(found, i)
            results.append(
                residual.copy().replaced(index=i).rotated(self.rotation))
        return results

    # -- true pictures -----------------------------------------------------

    def frame_at(self, index):
        """Return a true picture, uint8 (H, W, 3) RGB.

        Cheap on key pictures only: others need all since the last key one.
        """
        return self.frames_at([index])[0]

    def frames_at(self, indices):
        """Return true pictures in the order asked, each decoded once.

        Args:
            indices (Sequence[int]): Display indices.

        Returns:
            list[np.ndarray]: uint8 (H, W, 3) RGB, turned upright.
        """
        shown = [self._display(i) for i in indices]
        wanted = {int(self.index.order[i]) for i in shown}
        if self.index.packed:
            found = self._packed_frames(shown)
        else:
            found = {}
            for run in self._runs(wanted):
                for packet, frame in self._frames(run):
                    if packet in wanted:
                        found[packet] = self._upright(frame)
            found = {i: self._found(found, i) for i in shown}
        return [found[i].copy() if shown.count(i) > 1 else found[i]
                for i in shown]

    def _upright(self, frame):
        picture = frame.to_ndarray(format='rgb24')
        turns = -self.rotation // 90 % 4
        return np.ascontiguousarray(np.rot90(picture, turns))

    def _packed_frames(self, shown):
        """Decode from the start and count: packed packets hold two."""
        found, last = {}, max(shown, default=-1)
        run = range(len(self.index.position))
        for count, (_, frame) in enumerate(self._frames(run)):
            if count in shown:
                found[count] = self._upright(frame)
            if count >= last:
                break
        for i in shown:
            if i not in found:
                raise DamagedPacket(f'{self.name}: picture {i} does not '
                                    'decode; the file is damaged there')
        return found

    def _frames(self, run, motion=False):
        steps = ((packet, self._headers_for(packet) + self._packet(packet))
                 for packet in run if self.index.size[packet])
        return decode_pictures(self._bitstream, self.index.width,
                               self.index.height, steps, self.name, motion)

    def _runs(self, wanted):
        """Split packets into runs that start at the key packet needed.

        Yields:
            range: Packets to decode for some of the wanted ones. A few more
            than the last wanted one, where the decoder holds pictures back.
        """
        starts = self._true_keys()
        groups = {}
        for packet in wanted:
            at = np.searchsorted(starts, packet, side='right') - 1
            begin = int(starts[at]) if at >= 0 else 0
            if at > 0 and self._leads(packet, begin):
                begin = int(starts[at - 1])  # shown before its key picture
            groups.setdefault(begin, []).append(packet)
        for begin, members in sorted(groups.items()):
            yield range(begin, max(members) + 1)

    def _leads(self, packet, key):
        shown = np.flatnonzero(np.isin(self.index.order, [packet, key]))
        return len(shown) > 1 and self.index.order[shown[0]] == packet

    def _true_keys(self):
        """Return the packets that are key and hold an I picture, sorted."""
        if self._key_packets is None:
            self._key_packets = np.array([
                n for n in self._key_numbers
                if self._bitstream.picture_type(self._packet(int(n))) == 'I'
            ] or [0], np.int64)
        return self._key_packets

    def _found(self, found, index):
        picture = found.get(int(self.index.order[index]))
        if picture is None:
            raise DamagedPacket(
                f'{self.name}: picture {index} does not decode; the file is '
                'damaged there')
        return picture

    # -- bytes ---------------------------------------------------------------

    def _display(self, index):
        number = int(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(
                f'{self.name}: picture {index} was asked, there are '
                f'{len(self)}')
        return number

    def _packet(self, number):
        held = self.index.payloads.get(number)
        if held is not None:
            return held
        size = int(self.index.size[number])
        data = self._reader.read(int(self.index.position[number]), size)
        if len(data) < size:
            raise TruncatedFile(
                f'{self.name}: ends inside packet {number} of '
                f'{len(self.index.size)}; copy the file again')
        return data

    def _headers_for(self, packet):
        """Return in-band headers, valid at a packet, that differ."""
        keys = self._key_numbers
        at = int(np.searchsorted(keys, packet, 'right'))
        if not at:
            return b''
        key = int(keys[at - 1])
        if key not in self._headers:
            self._headers[key] = self._bitstream.own_headers(
                self._packet(key))
        return self._headers[key]


def _check_choice(name, value, allowed):
    if value not in allowed:
        raise ValueError(
            f'{name} is {value!r}, it must be one of {", ".join(allowed)}')

