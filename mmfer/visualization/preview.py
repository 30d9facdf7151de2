# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One video that any browser plays: the clip, its residual and its motion."""
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

import numpy as np

from mmfer.codec import CompressedVideo

from .playback import iterate_frames
from .video_writer import StoredPictures, even, mp4_writer, resized, tell

#: From left to right.
PANELS = ('video', 'residual', 'motion')
_SMALL, _LARGE = 336, 640  # longer side of a panel


def write_preview(
        source: Any,
        path: Union[str, Path],
        progress: Optional[Callable[[int, int], None]] = None
) -> Dict[str, Any]:
    """Write picture, residual and motion side by side into one MP4.

    A page cuts it into three again: what is shown together then comes from
    one picture, which three players could not promise. Browsers need not
    play what the clip is coded in (most refuse MPEG-4 Part 2).

    Args:
        source (str | PathLike | bytes): The clip.
        path (str | Path): The new video, replaced if it exists.
        progress (Callable, optional): Called with the number of pictures that
            are written and of all pictures. Defaults to None.

    Returns:
        dict: ``panels`` (tuple of names), ``width`` and ``height`` of a panel
        in pixels, ``scale`` from pixels of the clip to those of a panel,
        ``fps`` and ``frames`` of the preview, ``span`` (int), the pictures
        after which the chains begin again.

    Raises:
        CompressedVideoError: The clip cannot be read.
    """
    with CompressedVideo(source) as video:
        longer = max(video.width, video.height)
        # Small pictures are enlarged: 4:2:0 halves the colours of the motion.
        scale = min(max(_SMALL / longer, 1), _LARGE / longer)
        width, height = even(video.width * scale), even(video.height * scale)
        fps = video.fps or 25.
        stored, total, written = StoredPictures(video), len(video), 0
        with mp4_writer(path, len(PANELS) * width, height, fps,
                        gop=max(round(fps / 2), 1)) as write:
            for index, frame in zip(
                    range(total), iterate_frames(source, video.rotation)):
                pictures = (frame, *stored(index))
                write(np.concatenate(
                    [resized(one, width, height) for one in pictures], 1))
                written = index + 1
                tell(progress, written, total)
        return dict(panels=PANELS, width=width, height=height, scale=scale,
                    fps=fps, frames=written, span=stored.span)
