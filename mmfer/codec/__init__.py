# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Residuals, motion vectors and key pictures from ordinary video files.

Needs PyAV and numpy, nothing else.

    from mmfer.codec import CompressedVideo
    with CompressedVideo('clip.mp4') as video:
        residual = video.residual_at(17)
"""
from .errors import (CompressedVideoError, DamagedPacket, NotPredicted,
                     NoVideoStream, TruncatedFile, UnsupportedCodec,
                     UnsupportedStream)
from .index import VideoIndex
from .memory import keep_freed_memory
from .residual import Residual
from .transcode import TranscodeReport, read_provenance, transcode
from .video import CompressedVideo

__all__ = [
    'CompressedVideo', 'CompressedVideoError', 'DamagedPacket',
    'NoVideoStream', 'NotPredicted', 'Residual', 'TranscodeReport',
    'TruncatedFile', 'UnsupportedCodec', 'UnsupportedStream', 'VideoIndex',
    'read_provenance', 'transcode'
]

keep_freed_memory()
