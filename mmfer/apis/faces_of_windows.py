# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which faces a window is answered for, and what to say if there are none."""
from typing import Dict, Optional

from mmfer.codec import CompressedVideo
from mmfer.datasets.preparation.crop import Box
from .face_tracking import FaceTracker, window_box


def boxes_in(faces, video: CompressedVideo, first: int, stop: int,
             offset: int = 0) -> Dict[int, Box]:
    """Choose the boxes of a window.

    Args:
        faces (Iterable[TrackedFace]): Who may be there.
        video (CompressedVideo): Open.
        first, stop (int): Display indices; the last one is outside.
        offset (int): Number of the first picture of ``video``.
            Defaults to 0.

    Returns:
        dict: Left, top, right, bottom by face, for those who are there long
        enough and were not a false alarm.
    """
    found = {}
    for face in faces:
        if face.is_confirmed:
            box = window_box(face.boxes, first + offset, stop + offset,
                             video.width, video.height)
            if box is not None:
                found[face.face] = box
    return dict(sorted(found.items()))


def no_face(name: str, tracker: FaceTracker) -> Optional[str]:
    """Say that nobody was found, if so.

    Args:
        name (str): The file.
        tracker (FaceTracker): Who looked.

    Returns:
        str | None: One line; None if there was somebody.
    """
    if tracker.faces:
        return None
    if tracker.false_alarms:
        return (f'{name}: no face that was found on an I picture was found on '
                'the next one that was looked at, so each counts as a false '
                'alarm; encode it with an I picture every second '
                '(mmfer.codec.transcode), or take crop none')
    return (f'{name}: no face was found on the {tracker.looked} I pictures '
            'that were looked at; if a face fills the picture take crop none, '
            'otherwise another detector')
