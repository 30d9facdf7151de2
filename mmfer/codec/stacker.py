# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Several predicted pictures made one, since FFmpeg's calls cost as much as
their work.

Decoding one small picture costs hardly more than the calls around it. Slices
(video packets in MPEG-4) are coded on their own: nothing in one depends on
another of the same picture. So those of several pictures are numbered anew as
slices of one tall picture, in which the pictures stand one above the other,
and a single call decodes them all. Of a true video that would be nonsense,
since vectors would lead into the wrong picture. Before flat grey they all lead
to the same: the result is that of the pictures alone, to the last bit.

A slice that is damaged may end too late or too early. FFmpeg notices when the
next one begins; where it would not notice at the end of the picture, one more
follows the last picture's: a row of skipped macroblocks.
"""
from dataclasses import dataclass

BLOCK = 16  # side of a macroblock


@dataclass(frozen=True)
class StackCoding:
    """What a decoder of stacks of a certain height is made of.

    Attributes:
        extradata (bytes): Global header that promises the tall picture.
        width, height (int): Size of one picture.
        coded_width, coded_height (int): The same in whole macroblocks, the
            place that each picture takes.
        count (int): Pictures in the stack.
        height_in_all (int): Rows of the stack, those behind the last picture
            included.
        key_picture (bytes): A grey picture to decode once in the decoder's
            life, b'' if FFmpeg's own reference will do.
    """

    extradata: bytes
    width: int
    height: int
    coded_width: int
    coded_height: int
    count: int
    height_in_all: int
    key_picture: bytes = b''


class Stacker:
    """Makes stacks out of one codec's packets.

    What it does not understand to the last bit it does not stack.
    """

    def part(self, data):
        """Look at a packet.

        Args:
            data (bytes): One packet.

        Returns:
            tuple | None: A key, equal for packets that one stack may hold,
            and what `packet` takes. None if the packet is to be decoded
            alone.
        """
        raise NotImplementedError

    def coding(self, key, count):
        """Return the coding of stacks of so many pictures.

        Args:
            key (object): As `part` returned it.
            count (int): Pictures in the stack.

        Returns:
            StackCoding | None: None if such a picture would be too tall.
        """
        raise NotImplementedError

    def packet(self, key, parts):
        """Return the packet that holds all pictures.

        Args:
            key (object): What `part` returned for each of them.
            parts (list): The same.

        Returns:
            bytes: To be decoded as `coding` says.
        """
        raise NotImplementedError
