# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw residuals and motion vectors for people to look at."""
from typing import Sequence

import cv2
import numpy as np

from mmfer.codec import CompressedVideo, Residual

_INTRA = (255, 190, 120)  # RGB, what the encoder did not predict


def draw_residual(residual: Residual, gain: float = 6.) -> np.ndarray:
    """Show a signed residual as a picture around mid-grey.

    Args:
        residual (Residual): What to draw.
        gain (float): Levels of grey per level of residual. Defaults to 6.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB.
    """
    bgr = residual.to_bgr().astype(np.float32)
    return np.clip(128 + gain * bgr[..., ::-1], 0, 255).astype(np.uint8)


def colour_motion(motion: np.ndarray, limit: float = 4.) -> np.ndarray:
    """Give every vector a colour: hue is the direction, strength the length.

    Args:
        motion (np.ndarray): float32 (h, w, 2), pixels to the reference; the
            colour shows the opposite, the way the content moved.
        limit (float): Length in pixels of the full colour. Defaults to 4.

    Returns:
        np.ndarray: uint8 (h, w, 3) RGB.
    """
    moved = -motion
    angle = np.arctan2(moved[..., 1], moved[..., 0])
    length = np.minimum(np.hypot(moved[..., 0], moved[..., 1]) / limit, 1)
    hsv = np.stack([
        (angle / (2 * np.pi) % 1) * 180, length * 255,
        np.full(length.shape, 255)
    ], -1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def draw_motion(motion: np.ndarray, size: Sequence[int],
                limit: float = 4., inter: np.ndarray = None) -> np.ndarray:
    """Show a motion map: hue is the direction, strength the length.

    White is no motion, red is motion to the right, cyan to the left.

    Args:
        motion (np.ndarray): float32 (h, w, 2), pixels to the reference; the
            picture shows the opposite, the way the content moved.
        size (Sequence[int]): Height and width of the picture.
        limit (float): Length in pixels of the full colour. Defaults to 4.
        inter (np.ndarray, optional): bool (h, w); other cells are drawn in
            orange. Defaults to None.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB.
    """
    picture = colour_motion(motion, limit)
    if inter is not None:
        picture[~inter] = _INTRA
    # Cells are 8x8 pixels from the upper left corner; the last may be cut.
    picture = picture.repeat(8, 0).repeat(8, 1)
    return np.ascontiguousarray(picture[:size[0], :size[1]])


def draw_clip(source, indices: Sequence[int], start: int = 0,
              scale: int = 1) -> np.ndarray:
    """Draw some pictures of a clip beside what mmfer reads of them.

    One column a picture; the rows are the true picture, the residual of its
    packet, the chained residual since `start`, and the accumulated motion.

    Args:
        source (str | PathLike | bytes): The clip.
        indices (Sequence[int]): Display indices; each is moved to the nearest
            predicted picture.
        start (int): Where the chain begins. Defaults to 0.
        scale (int): Magnification. Defaults to 1.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB.
    """
    with CompressedVideo(source) as video:
        single = video.residuals_at(indices)
        shown = [residual.index for residual in single]
        chained = video.chained_at(shown, start)
        frames = video.frames_at(shown)
    columns = []
    for frame, one, chain in zip(frames, single, chained):
        cells = [frame, draw_residual(one), draw_residual(chain, 3.)]
        if chain.motion is not None:
            cells.append(
                draw_motion(chain.motion, frame.shape, inter=chain.inter))
        columns.append(
            np.concatenate([_framed(cell, scale) for cell in cells], 0))
    return np.concatenate(columns, 1)


def _framed(picture: np.ndarray, scale: int) -> np.ndarray:
    picture = picture.repeat(scale, 0).repeat(scale, 1)
    return cv2.copyMakeBorder(
        picture, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
