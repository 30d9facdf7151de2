# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a video, one class for each thing to do about it."""

TRANSCODE_ADVICE = (
    'make a readable copy with '
    "mmfer.codec.transcode(source, 'clip.mp4')")


class CompressedVideoError(ValueError):
    """Base of every error that a readable-but-unsuitable input raises.

    The message is one line: which file, what is wrong, what to do.
    """


class NoVideoStream(CompressedVideoError):
    """The input is not a video, or holds no video stream."""


class UnsupportedCodec(CompressedVideoError):
    """No exact residual can be had from streams of this codec."""


class UnsupportedStream(CompressedVideoError):
    """The codec is supported, this stream uses a tool that is not exact."""


class NotPredicted(CompressedVideoError):
    """A residual was asked of a picture that has none."""


class DamagedPacket(CompressedVideoError):
    """The bytes of a picture do not decode."""


class TruncatedFile(CompressedVideoError):
    """The file ends before the bytes that its index promises."""
