# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is read from header bytes, so that nothing need be decoded for it."""


class Bitstream:
    """Facts about one codec's packets that only their header bytes tell.

    Args:
        extradata (bytes): The codec's global header, as the container has it.

    Attributes:
        codec (str): FFmpeg's decoder name.
        has_motion (bool): FFmpeg exports motion vectors for this codec.
        in_loop_filter (bool): The codec smooths block edges in the loop.
        shows_damage (bool): FFmpeg tells which pictures are damaged. Where it
            does not, a decoder serves one picture: what is missing in the
            next would show this one.
        stacker (Stacker | None): Makes several pictures one, if anything does.
    """

    codec = ''
    has_motion = True
    in_loop_filter = False
    shows_damage = True
    stacker = None

    def __init__(self, extradata=b''):
        self.extradata = bytes(extradata)

    def picture_type(self, data):
        """Return the type of the picture in a packet.

        Args:
            data (bytes): One packet.

        Returns:
            str: 'I', 'P', 'B', 'S' (MPEG-4 sprite picture: predicted, with
            global motion), 'N' (not coded: a repeat) or '?' (no picture).
        """
        raise NotImplementedError

    def unsupported(self, data):
        """Say which inexact tool a predicted picture uses.

        Returns:
            str | None: The reason to refuse the picture, or None.
        """
        return None

    def times_may_be_wrong(self):
        """Tell whether times in coding order may hide B pictures.

        Some writers of MPEG-4 B pictures store the decoding times alone.
        """
        return False

    def grey_picture(self, width, height, headers=b''):
        """Say which grey picture must be sent before a packet.

        FFmpeg supplies a reference of its own where one is missing. In some
        decoders it is not grey, or not up to the edge of the coded blocks.

        Args:
            width, height (int): Picture size.
            headers (bytes): In-band headers in force. Defaults to b''.

        Returns:
            dict | None: Arguments of `grey_key_picture`, None if FFmpeg's own
            reference will do.
        """
        return None

    def for_grey_start(self, data):
        """Return the packet as it must be sent to a decoder without past."""
        return data

    def brings_headers(self, data):
        """Tell whether a packet may change what a decoder knows for good.

        Flushing makes a decoder forget its pictures, but not the headers that
        it was sent.

        Args:
            data (bytes): One packet, as `for_grey_start` returned it.

        Returns:
            bool: False only if it holds coded pictures and nothing else that
            could change how another packet is decoded.
        """
        return True

    def own_headers(self, data):
        """Return in-band headers of a keyframe that are not the extradata's.

        Returns:
            bytes: What to send before packets of this keyframe's group, b''
            in the ordinary case.
        """
        return b''

    def is_weighted(self, data):
        """Tell whether a P picture carries explicit prediction weights."""
        return False
