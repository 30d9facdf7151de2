# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Videos of faces that move along known paths, before a textured wall."""
from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

import cv2
import numpy as np

from .sources import face_like, panning


@dataclass(frozen=True)
class MovingFace:
    """A face and its path.

    Args:
        path (Callable): From the number of a picture to the centre (x, y) in
            pixels and the side of the face's box.
        pictures (np.ndarray, optional): uint8 (T, S, S, 3), what the face
            looks like; repeated if T is short. Defaults to None: a still
            picture of :func:`~mmfer.testing.sources.face_like`, whose heads
            sway when they are not still.
        box (tuple[float]): Left, top, right, bottom of the face within its
            picture, as shares. Defaults to (0.22, 0.14, 0.78, 0.9), where
            ``face_like`` has it.
        first, stop (int): Pictures on which it is there; the last one is
            outside. Defaults to all.
        seed (int): Of the face. Defaults to 0.
    """

    path: Callable[[int], Tuple[float, float, float]]
    pictures: np.ndarray = None
    box: Tuple[float, float, float, float] = (.22, .14, .78, .9)
    first: int = 0
    stop: int = 1 << 30
    seed: int = 0


def moving_faces(faces: Sequence[MovingFace], count: int,
                 size: Tuple[int, int] = (256, 192), seed: int = 0
                 ) -> Tuple[np.ndarray, List[List[np.ndarray]]]:
    """Draw the faces.

    Args:
        faces (Sequence[MovingFace]): Later ones are in front.
        count (int): Number of pictures.
        size (tuple[int]): Width and height. Defaults to (256, 192).
        seed (int): Of the wall. Defaults to 0.

    Returns:
        tuple: uint8 (count, H, W, 3) RGB, and for each picture the boxes of
        all faces, float64 (4, ): left, top, right, bottom; NaN where one is
        not there.
    """
    width, height = size
    wall = panning(1, size, (0, 0), seed)[0]
    looks = [
        face_like(1, (96, 96), face.seed, noise=0.)
        if face.pictures is None else face.pictures for face in faces
    ]
    frames = np.repeat(wall[None], count, 0)
    boxes: List[List[np.ndarray]] = []
    for number in range(count):
        boxes.append([])
        for face, look in zip(faces, looks):
            if not face.first <= number < face.stop:
                boxes[-1].append(np.full(4, np.nan))
                continue
            x, y, side = face.path(number)
            picture = look[number % len(look)]
            middle = np.array([face.box[0] + face.box[2],
                               face.box[1] + face.box[3]]) / 2
            half = np.array([face.box[2] - face.box[0],
                             face.box[3] - face.box[1]]) / 2 * side
            _paste(frames[number], picture, x - side * middle[0],
                   y - side * middle[1], side)
            boxes[-1].append(np.concatenate([(x, y) - half, (x, y) + half]))
    return frames, boxes


def _paste(frame: np.ndarray, picture: np.ndarray, left: float, top: float,
           side: float) -> None:
    """Draw a square picture at a fractional place, inside an ellipse."""
    scale = side / picture.shape[0]
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    height, width = frame.shape[:2]
    drawn = cv2.warpAffine(picture, matrix, (width, height),
                           flags=cv2.INTER_LINEAR)
    mask = np.zeros(picture.shape[:2], np.float32)
    half = picture.shape[0] // 2
    cv2.ellipse(mask, (half, half), (round(half * .66), round(half * .86)), 0,
                0, 360, 1., -1)
    mask = cv2.warpAffine(mask, matrix, (width, height))[..., None]
    frame[:] = np.rint(mask * drawn + (1 - mask) * frame)


def detector_of(boxes: Sequence[Sequence[np.ndarray]],
                frames: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Make a detector that knows where the faces are.

    It recognises a decoded picture as the most similar one that was drawn,
    and answers in changing order, as detectors do.

    Args:
        boxes (Sequence): Of :func:`moving_faces`.
        frames (np.ndarray): Likewise.

    Returns:
        Callable: uint8 (H, W, 3) RGB in, float32 (N, 5) out.
    """
    small = frames[:, ::8, ::8].astype(np.float32)

    def detect(picture):
        distance = np.abs(small - picture[::8, ::8]).mean((1, 2, 3))
        number = int(distance.argmin())
        found = [box for box in boxes[number] if np.isfinite(box).all()]
        if number % 2:
            found = found[::-1]
        if not found:
            return np.zeros((0, 5), np.float32)
        return np.array([[*box, 1.] for box in found], np.float32)

    return detect
