# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Residuals, motion and pictures of a compressed video by display index."""
import numpy as np

from .accumulate import accumulated, true_samples
from .bytesource import ByteReader
from .chain import ChainWalker
from .decoder import ResidualDecoder
from .errors import (TRANSCODE_ADVICE, NotPredicted, UnsupportedCodec,
                     UnsupportedStream)
from .index import VideoIndex
from .packets import PREDICTED, PacketReader
from .pictures import PictureDecoder

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
        self._otherwise = otherwise
        self._reader = ByteReader(source)
        try:
            self.name = self._reader.name
            self.index = VideoIndex.build(
                self._reader) if index is None else index
            self._check_size(max_pixels)
            self._template = None
            self._packets = PacketReader(self._reader, self.index)
            self._pictures = PictureDecoder(self._packets)
            self._bitstream = self._packets.bitstream
            self._decoder = ResidualDecoder(self._bitstream, self.index.width,
                                            self.index.height, self.name)
        except BaseException:
            self._reader.close()
            raise

    def _check_size(self, max_pixels):
        width, height = self.index.width, self.index.height
        if not 0 < width * height <= max_pixels:
            raise UnsupportedStream(
                f'{self.name}: pictures of {width}x{height} are outside '
                f'1..{max_pixels} pixels; pass a larger max_pixels if that is '
                'meant')

    def __enter__(self):
        self._reader.check_open()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._reader.close()
        self._decoder.close()

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
    def times(self):
        """When each picture is shown, float64 (L,) seconds since the first;
        None if the file does not tell."""
        return self.index.times

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
        return self._packets.picture_type(self._packets.display_index(index))

    @property
    def picture_types(self):
        """The types of all pictures in display order, a string."""
        return ''.join(map(self.picture_type_at, range(len(self))))

    @property
    def keyframes(self):
        """Display indices of pictures where decoding can start, int64."""
        return np.flatnonzero(
            np.isin(self.index.order, self._packets.true_keys()))

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
        return self.residuals_at([index], otherwise)[0]

    def residuals_at(self, indices, otherwise=None):
        """Return the residuals of several pictures, in the order asked.

        Cheaper than `residual_at` for each of them.

        Args:
            indices (Sequence[int]): Display indices; repeats are allowed and
                give arrays of their own.
            otherwise (str, optional): See `residual_at`.

        Returns:
            list[Residual]: One for each index.

        Raises:
            As `residual_at`.
        """
        otherwise = self._otherwise if otherwise is None else otherwise
        _check_choice('otherwise', otherwise, _OTHERWISE)
        self._reader.check_open()
        wanted = PREDICTED
        if otherwise == 'pixels' and self.codec == 'h264':
            wanted += 'B'
        packets, served, coded, empty = self._packets, [], [], {}
        for place, index in enumerate(indices):
            index = packets.display_index(index)
            kind = packets.picture_type(index)
            if kind not in wanted:
                if otherwise == 'error':
                    raise NotPredicted(
                        f'{self.name}: picture {index} is a {kind} picture, '
                        'it has no residual; ask a P picture or pass '
                        "otherwise='nearest_p'")
                if otherwise == 'zeros':
                    empty[place] = index, kind
                    continue
                index = packets.nearest(index, wanted)
            number = packets.order.item(index)
            served.append(index)
            coded.append((packets.data(number), packets.headers(number)))
        residuals = self._decoder.decode_all(coded, 'B' in wanted)
        for index, residual in zip(served, residuals):
            residual.index = index
        if self.rotation:
            residuals = [one.rotated(self.rotation) for one in residuals]
        for place, missing in empty.items():
            residuals.insert(place, self._empty_residual(*missing))
        return residuals

    def _empty_residual(self, index, kind):
        """Return zeros in the format that predicted pictures here have."""
        if self._template is None:
            try:
                near = self._packets.nearest(index, PREDICTED)
                like = self.residual_at(near)
            except NotPredicted:
                number = int(self.index.order[index])
                found = true_samples(self._pictures, self._packets, number)
                self._pictures.check_found(found, [index], [number])
                like = found[number].rotated(self.rotation)
            self._template = like
        return self._template.empty(kind, index)

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
            `inter` marks blocks predicted in every step; without `motion`,
            those predicted in the picture's own.

        Raises:
            NotPredicted: If no picture at or behind `start` is predicted.
        """
        _check_choice('pictures', pictures, ('P', 'all'))
        _check_choice('at_keyframe', at_keyframe, ('skip', 'restart'))
        _check_choice('intra', intra, ('keep', 'zero'))
        self._reader.check_open()
        packets = self._packets
        start = packets.display_index(start)
        types = PREDICTED
        if pictures == 'all' and self.codec in ('h264', 'hevc'):
            types += 'B'
        served = [
            packets.nearest_in_chain(packets.display_index(i), start, types)
            for i in indices
        ]
        if not served:
            return []
        numbers = [int(packets.order[i]) for i in served]
        walker = ChainWalker(self._bitstream, self.index.width,
                             self.index.height, self.name, at_keyframe, intra,
                             motion)
        found = walker.walk(
            packets.chain(start, max(numbers), types), set(numbers))
        return self._delivered(served, numbers, found)

    def _delivered(self, served, numbers, found):
        """Return what was found in the order asked; repeats are copies."""
        results, given = [], set()
        for i, number in zip(served, numbers):
            residual = found[number]
            if number in given:
                residual = residual.copy()
            given.add(number)
            residual.index = i
            results.append(residual.rotated(self.rotation))
        return results

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
        self._reader.check_open()
        if not self._bitstream.has_motion:
            raise UnsupportedCodec(
                f'{self.name}: {self.codec} exports no motion vectors to '
                f'accumulate; {TRANSCODE_ADVICE}')
        packets = self._packets
        served = [
            packets.nearest(packets.display_index(i), PREDICTED + 'I')
            for i in indices
        ]
        numbers = [int(packets.order[i]) for i in served]
        found = accumulated(self._pictures, packets, set(numbers),
                            interpolation)
        self._pictures.check_found(found, served, numbers)
        return self._delivered(served, numbers, found)

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
        self._reader.check_open()
        return self._pictures.pictures(
            [self._packets.display_index(i) for i in indices])


def _check_choice(name, value, allowed):
    if value not in allowed:
        raise ValueError(
            f'{name} is {value!r}, it must be one of {", ".join(allowed)}')

