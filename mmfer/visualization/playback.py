# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The upright pictures of a video, one by one, as a player shows them."""
import heapq
import io
import os
from typing import Iterator, List, Optional

import av
import numpy as np

_NOTHING = 235  # grey, before the first picture that can be decoded


def iterate_frames(source, rotation: int = 0) -> Iterator[np.ndarray]:
    """Decode a video picture by picture, as a player would.

    In place of a picture that cannot be decoded the one before is shown once
    more, so that those behind it keep their number.

    Args:
        source (str | PathLike | bytes): The video.
        rotation (int): Degrees clockwise. Defaults to 0.

    Yields:
        np.ndarray: uint8 (H, W, 3) RGB in display order.
    """
    # Not by its name: FFmpeg takes 'talk:1.mp4' for an address.
    with io.BytesIO(source) if isinstance(source, bytes) else open(
            os.fspath(source), 'rb') as file, av.open(file) as container:
        stream = container.streams.video[0]
        for picture in _held(container, stream):
            yield np.ascontiguousarray(np.rot90(picture, -rotation // 90 % 4))


def _held(container, stream) -> Iterator[np.ndarray]:
    """Pictures; those that are damaged are replaced by the one before."""
    context = stream.codec_context
    last = np.full((context.height, context.width, 3), _NOTHING, np.uint8)
    missing: List[int] = []  # times of damaged packets, a heap
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            heapq.heappush(missing, -1 if packet.pts is None else packet.pts)
            continue
        for frame in frames:
            if frame.pts in missing:  # shown after all
                missing.remove(frame.pts)
                heapq.heapify(missing)
            while missing and _is_before(missing[0], frame.pts):
                heapq.heappop(missing)
                yield last
            last = frame.to_ndarray(format='rgb24')
            yield last
    for _ in missing:
        yield last


def _packets(container, stream) -> Iterator[av.Packet]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return  # the rest of the file is missing
        if packet is None:
            return
        yield packet


def _is_before(time: int, other: Optional[int]) -> bool:
    return other is None or time < other
