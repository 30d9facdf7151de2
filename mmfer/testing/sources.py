# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Seeded synthetic pictures to encode: faces, pans, fades and texture.

Every source returns ``(frames, height, width, 3)`` uint8 RGB and depends on
its arguments only, so a test that names a source names its pixels.
"""

from typing import Tuple

import numpy as np


def _smooth_noise(rng: np.random.Generator, height: int, width: int,
                  cell: int) -> np.ndarray:
    """Bilinear noise in [0, 1], (height, width) float32."""
    rows, columns = height // cell + 3, width // cell + 3
    grid = rng.random((rows, columns), dtype=np.float32)
    return sample_bilinear(
        grid,
        np.arange(height, dtype=np.float32)[:, None] / cell,
        np.arange(width, dtype=np.float32)[None, :] / cell)


def sample_bilinear(image: np.ndarray, y: np.ndarray,
                    x: np.ndarray) -> np.ndarray:
    """Read an image at fractional positions, edges repeated.

    Args:
        image (np.ndarray): (H, W) or (H, W, C), any dtype.
        y, x (np.ndarray): positions in pixels that broadcast together.

    Returns:
        np.ndarray: float array of the broadcast shape (times C).
    """
    y, x = np.broadcast_arrays(y, x)
    y = np.clip(y, 0, image.shape[0] - 1.001)
    x = np.clip(x, 0, image.shape[1] - 1.001)
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = y - top, x - left
    if image.ndim == 3:
        down, right = down[..., None], right[..., None]
    return ((1 - down) * ((1 - right) * image[top, left] +
                          right * image[top, left + 1]) + down *
            ((1 - right) * image[top + 1, left] +
             right * image[top + 1, left + 1]))


def face_like(count: int,
              size: Tuple[int, int] = (112, 112),
              seed: int = 0,
              noise: float = 2.0) -> np.ndarray:
    """A head that sways, blinks and opens its mouth before a textured wall.

    It has what residual coding of faces lives from: a still background,
    sub-pixel head motion, and small areas that change shape.

    Args:
        count (int): number of pictures.
        size (tuple[int]): (width, height) in pixels. Default (112, 112).
        seed (int): face, texture, motion and noise. Default 0.
        noise (float): standard deviation of camera noise in grey levels.
            Default 2.

    Returns:
        np.ndarray: (count, height, width, 3) uint8 RGB.
    """
    width, height = size
    rng = np.random.default_rng([seed, 1])
    wall = 60 + 90 * _smooth_noise(rng, height, width, max(4, width // 12))
    skin_noise = _smooth_noise(rng, 2 * height, 2 * width,
                               max(3, width // 20))
    skin_fine = _smooth_noise(rng, 2 * height, 2 * width, 2)
    skin = 130 + 60 * skin_noise + 24 * skin_fine
    tint = np.array([1.0, .82, .70]) + rng.uniform(-.05, .05, 3)
    phase = rng.uniform(0, 2 * np.pi, 4)
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        cx = width * (.5 + .04 * np.sin(.11 * t + phase[0]))
        cy = height * (.52 + .025 * np.sin(.07 * t + phase[1]))
        u = (xs - cx) / (.30 * width)
        v = (ys - cy) / (.40 * height)
        head = np.clip((1.0 - u * u - v * v) * 8, 0, 1)
        luma = sample_bilinear(skin, ys - cy + height, xs - cx + width)
        luma = luma * (1 - .25 * (u * u + v * v))
        lid = .16 if (t + seed) % 23 not in (20, 21) else .03
        for side in (-1, 1):
            eye = ((u - .4 * side) / .2)**2 + ((v + .25) / lid)**2
            luma = luma - 90 * np.clip((1 - eye) * 4, 0, 1)
        opening = .05 + .13 * (.5 + .5 * np.sin(.33 * t + phase[2]))
        mouth = (u / .38)**2 + ((v - .5) / opening)**2
        luma = luma - 80 * np.clip((1 - mouth) * 4, 0, 1)
        for channel in range(3):
            mixed = head * luma * tint[channel] + (1 - head) * wall
            grain = rng.normal(0, noise, (height, width)) if noise else 0
            frames[t, ..., channel] = np.clip(mixed + grain, 0, 255)
    return frames


def panning(count: int,
            size: Tuple[int, int] = (96, 80),
            step: Tuple[float, float] = (4, 0),
            seed: int = 0) -> np.ndarray:
    """A still texture seen by a camera that moves at constant speed.

    Picture t shows the texture at offset ``t * step``: content moves by
    ``-step`` pixels a picture, so the true displacement current ->
    reference is ``+step``. With whole pixels the motion is exact.

    Args:
        count (int): number of pictures.
        size (tuple[int]): (width, height) in pixels.
        step (tuple[float]): (x, y) camera speed in pixels a picture, >= 0.
        seed (int): the texture.

    Returns:
        np.ndarray: (count, height, width, 3) uint8 RGB.
    """
    width, height = size
    rng = np.random.default_rng([seed, 2])
    full_h = height + int(np.ceil(step[1] * count)) + 2
    full_w = width + int(np.ceil(step[0] * count)) + 2
    coarse = _smooth_noise(rng, full_h, full_w, 9)
    fine = _smooth_noise(rng, full_h, full_w, 3)
    world = 30 + 120 * coarse + 70 * fine
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        view = sample_bilinear(world, ys + t * step[1], xs + t * step[0])
        frames[t, ..., 0] = np.clip(view, 0, 255)
        frames[t, ..., 1] = np.clip(.9 * view + 10, 0, 255)
        frames[t, ..., 2] = np.clip(.7 * view + 40, 0, 255)
    return frames


def restless(count: int,
             size: Tuple[int, int] = (96, 80),
             seed: int = 0,
             amount: float = 18.0) -> np.ndarray:
    """Texture on a random walk, patches that change, and grain: hard to code.

    It makes encoders use every tool at once: large residuals, all sub-pel
    phases, intra blocks in predicted pictures, vectors across the border.

    Args:
        count (int): number of pictures.
        size (tuple[int]): (width, height) in pixels.
        seed (int): everything.
        amount (float): strength of grain and patches in grey levels.

    Returns:
        np.ndarray: (count, height, width, 3) uint8 RGB.
    """
    width, height = size
    rng = np.random.default_rng([seed, 3])
    margin = 24
    coarse = _smooth_noise(rng, height + 2 * margin, width + 2 * margin, 7)
    fine = _smooth_noise(rng, height + 2 * margin, width + 2 * margin, 2)
    world = 50 + 110 * coarse + 50 * fine
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    place, frames = np.zeros(2), np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        place = np.clip(place + rng.normal(0, 1.3, 2), -margin + 2,
                        margin - 2)
        view = sample_bilinear(world, ys + margin + place[1],
                               xs + margin + place[0])
        for _ in range(2):
            side = int(rng.integers(8, 20))
            top = int(rng.integers(0, max(1, height - side)))
            left = int(rng.integers(0, max(1, width - side)))
            view[top:top + side, left:left + side] += rng.normal(
                0, amount * 2)
        grain = rng.normal(0, amount / 4, (height, width, 3))
        frames[t] = np.clip(
            view[..., None] * [1., .9, .75] + [0, 8, 30] + grain, 0, 255)
    return frames


def fading(count: int,
           size: Tuple[int, int] = (96, 80),
           seed: int = 0,
           depth: float = .6) -> np.ndarray:
    """A still texture that fades to darkness: invites weighted prediction.

    Args:
        count (int): number of pictures.
        size (tuple[int]): (width, height) in pixels.
        seed (int): the texture.
        depth (float): share of the light lost at the end, 0..1.

    Returns:
        np.ndarray: (count, height, width, 3) uint8 RGB.
    """
    still = panning(1, size, (0, 0), seed)[0].astype(np.float32)
    light = 1 - depth * np.linspace(0, 1, count, dtype=np.float32)
    return np.clip(light[:, None, None, None] * still[None], 0,
                   255).astype(np.uint8)


def flat(count: int,
         size: Tuple[int, int] = (96, 80),
         value: int = 128) -> np.ndarray:
    """The same grey everywhere and always.

    Returns:
        np.ndarray: (count, height, width, 3) uint8 RGB.
    """
    width, height = size
    return np.full((count, height, width, 3), value, np.uint8)
