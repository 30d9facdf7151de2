# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Texture of one person's head: skin, hair, brows, nose, neck, clothes.

The texture is painted once per person in face units, without eyes' openings
and lips, which `mmfer.synthetic.features` draws into every picture.
"""
import cv2
import numpy as np

from .geometry import (anchors, face_outline, lattice, relief, smooth_closed,
                       smooth_step)
from .painting import Painter, blend, fractal_noise


def paint_head(anatomy, looks, size):
    """Paint the head of one person.

    Args:
        anatomy (Anatomy): Proportions.
        looks (Looks): Colours and surface.
        size (int): Height and width of the texture.

    Returns:
        tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]: (size, size, 4)
        uint8 RGBA with premultiplied alpha, the relief, (size, size) float32
        face units, and how much hair covers the skin, (size, size) float32.
    """
    rng = np.random.default_rng(looks.seed)
    a, brush = anatomy, Painter(size)
    x, y = lattice(size)
    z = relief(a, x, y)
    skin = np.asarray(looks.skin, np.float32)
    image = np.empty((size, size, 3), np.float32)
    image[:] = 0.62 * skin
    alpha = np.zeros((size, size), np.float32)

    alpha = _paint_body(image, alpha, brush, rng, a, looks, skin)
    if looks.hair_style in ('long', 'curly'):
        alpha = _paint_hair_behind(image, alpha, brush, rng, a, looks, x, y)
    for side in (-1, 1):
        ear = brush.ellipse((side * 1.03 * a.half_width, 0.06),
                            (0.075, 0.17), -0.15 * side)
        inner = brush.ellipse((side * 1.045 * a.half_width, 0.06),
                              (0.035, 0.11), -0.15 * side, 0.015)
        blend(image, 0.80 * skin, ear)
        blend(image, 0.58 * skin, 0.7 * inner)
        alpha = np.maximum(alpha, ear)
    face = brush.polygon(face_outline(a))
    surface = _paint_skin(brush, rng, a, looks, skin, x, y, z)
    blend(image, surface, face)
    alpha = np.maximum(alpha, face)
    _paint_brows(image, brush, rng, a, looks)
    hair = np.zeros((size, size), np.float32)
    if looks.hair_style != 'bald':
        hair = _paint_hair_front(image, alpha, brush, rng, a, looks, x, y)
    alpha = np.maximum(alpha, hair)
    out = np.empty((size, size, 4), np.uint8)
    out[..., :3] = np.clip(image * alpha[..., None], 0, 255) + 0.5
    out[..., 3] = 255 * alpha + 0.5
    return out, z, hair


def _paint_body(image, alpha, brush, rng, a, looks, skin):
    neck_half = 0.62 * a.half_width
    shoulders = smooth_closed(
        [(-1.6, 1.8), (-1.55, 1.42), (-0.85, 1.26), (-neck_half, 1.10),
         (neck_half, 1.10), (0.85, 1.26), (1.55, 1.42), (1.6, 1.8)], 3)
    neck = brush.polygon([(-neck_half, 0.3), (neck_half, 0.3),
                          (1.05 * neck_half, 1.35),
                          (-1.05 * neck_half, 1.35)])
    blend(image, 0.78 * skin, neck)
    shadow = brush.polygon(face_outline(a) + (0, 0.10), 0.05)
    blend(image, 0.50 * skin, neck * shadow)
    cloth = brush.polygon(shoulders)
    collar = brush.ellipse((0, 1.10), (1.02 * neck_half, 0.17))
    cloth = cloth * (1 - collar)
    weave = fractal_noise(rng, brush.size, 24, 3, (0.5, 1.0))
    colour = np.asarray(looks.clothes, np.float32)
    blend(image, colour * (1 + 0.10 * weave[..., None]), cloth)
    return np.maximum(alpha, np.maximum(neck, cloth))


def _strands(rng, size, stretch=(0.25, 2.0)):
    return fractal_noise(rng, size, 30, 3, stretch)[..., None]


def _paint_hair_behind(image, alpha, brush, rng, a, looks, x, y):
    hair = np.asarray(looks.hair, np.float32)
    if looks.hair_style == 'long':
        half = 1.22 * a.half_width
        shape = brush.polygon(smooth_closed(
            [(0, a.top_y - 0.24), (0.9 * half, a.top_y), (1.12 * half, -0.3),
             (1.1 * half, 0.7), (1.05 * half, 1.3), (0.6 * half, 1.35),
             (-0.6 * half, 1.35), (-1.05 * half, 1.3), (-1.1 * half, 0.7),
             (-1.12 * half, -0.3), (-0.9 * half, a.top_y)], 3))
        neck = (np.abs(x) < 0.5 * a.half_width) & (y > 0.9)
        shape = np.where(neck, 0, shape)
    else:
        turn = np.linspace(0, 2 * np.pi, 26, endpoint=False)
        radius = 1 + rng.uniform(-0.04, 0.07, 26)
        shape = brush.polygon(smooth_closed(np.stack(
            [1.24 * a.half_width * radius * np.sin(turn),
             -0.42 - 0.90 * radius * np.cos(turn)], 1), 2))
    shade = 0.72 + 0.28 * np.clip(1 - np.abs(x) / 1.1, 0, 1)
    blend(image, hair * (shade[..., None] + 0.16 * _strands(rng, brush.size)),
          shape)
    return np.maximum(alpha, shape)


def _paint_skin(brush, rng, a, looks, skin, x, y, z):
    """Skin over the whole square, with relief, blush, pores and moles."""
    size, scale = brush.size, brush.scale
    points = anchors(a)
    surface = np.empty((size, size, 3), np.float32)
    surface[:] = skin
    red = skin * np.float32([1.04, 0.84, 0.82])
    blush = 0.0
    for side in (-1, 1):
        blush = blush + brush.ellipse((side * points['cheek'][0],
                                       points['cheek'][1] + 0.05),
                                      (0.15, 0.11), blur=0.07)
    blush = blush + 0.8 * brush.ellipse((0, a.nose_y), (0.09, 0.06),
                                        blur=0.04)
    blend(surface, red, 0.55 * blush)
    # Deep places are darker: height against its own neighbourhood.
    open_sky = z - cv2.GaussianBlur(z, (0, 0), 0.11 * scale)
    surface *= (1 + 2.1 * np.clip(open_sky, -0.09, 0.05))[..., None]
    for side in (-1, 1):
        socket = brush.ellipse((side * a.eye_x, a.eye_y - 0.015),
                               (1.15 * a.eye_half_width, 0.095), blur=0.03)
        blend(surface, 0.80 * skin * np.float32([1, .96, .98]), 0.5 * socket)
        bag = brush.line([(side * (a.eye_x - 0.11), a.eye_y + 0.09),
                          (side * a.eye_x, a.eye_y + 0.125),
                          (side * (a.eye_x + 0.11), a.eye_y + 0.10)], 0.02,
                         0.014)
        blend(surface, 0.72 * skin, 0.35 * looks.wrinkles * bag)
        wing = brush.line(smooth_closed(
            [(side * 0.55 * a.nose_half_width, a.nose_y + 0.055),
             (side * 1.02 * a.nose_half_width, a.nose_y + 0.045),
             (side * 1.12 * a.nose_half_width, a.nose_y - 0.01),
             (side * 0.98 * a.nose_half_width, a.nose_y - 0.065)],
            3)[6:28], 0.02, 0.010)
        blend(surface, 0.52 * skin, 0.75 * wing)
        nostril = brush.ellipse((side * 0.48 * a.nose_half_width,
                                 a.nose_y + 0.052),
                                (0.30 * a.nose_half_width, 0.020),
                                0.30 * side, 0.006)
        blend(surface, 0.26 * skin, 0.9 * nostril)
    below = brush.ellipse((0, a.nose_y + 0.075),
                          (0.8 * a.nose_half_width, 0.022), blur=0.016)
    blend(surface, 0.62 * skin, 0.5 * below)
    blotches = fractal_noise(rng, size, 7, 3)
    pores = rng.standard_normal((size, size), dtype=np.float32)
    pores = cv2.GaussianBlur(pores, (0, 0), 0.010 * scale)
    pores /= pores.std()
    surface *= (1 + 0.022 * blotches
                + 0.030 * looks.pores * pores)[..., None]
    spots = rng.uniform(-0.6, 0.6, (int(46 * looks.freckles) + 4, 2))
    for i, (sx, sy) in enumerate(spots):
        mole = i < 4
        dot = ((x - sx)**2 + (y - 0.3 * (not mole) * sy - 0.18 - mole * sy
                              )**2) / (0.016 if mole else 0.011)**2
        surface *= (1 - (0.45 if mole else 0.22) * np.exp(-dot))[..., None]
    if looks.beard:
        _paint_beard(surface, brush, rng, a, looks, x, y)
    return surface


def _paint_beard(surface, brush, rng, a, looks, x, y):
    jaw = smooth_step((y - 0.46 * a.chin_y) / 0.22)
    sides = smooth_step((np.abs(x) - 0.55 * a.half_width) / 0.15) * \
        smooth_step((y - 0.05) / 0.3)
    cover = np.maximum(jaw, sides)
    mouth = ((x / (a.mouth_half_width + 0.03))**2
             + ((y - a.mouth_y - 0.01) / (a.lower_lip + 0.05))**2)
    cover = cover * smooth_step(mouth - 0.6)
    cover = cover * smooth_step((y - a.nose_y - 0.09) / 0.06 + 8 * sides)
    hairs = rng.standard_normal(x.shape, dtype=np.float32)
    hairs = cv2.GaussianBlur(hairs, (0, 0), 0.011 * brush.scale)
    hairs /= hairs.std()
    density = 0.25 + 1.5 * (looks.beard - 0.6)
    colour = 0.75 * np.asarray(looks.hair) + 0.15 * np.asarray(looks.skin)
    blend(surface, colour,
          np.clip(cover * density * (1 + 0.28 * hairs), 0, 0.94))


def _paint_brows(image, brush, rng, a, looks):
    hair = np.asarray(looks.hair, np.float32)
    colour = np.minimum(0.62 * hair, 0.6 * np.asarray(looks.skin))
    for side in (-1, 1):
        u = np.linspace(-1, 1, 15)
        cx = a.eye_x + u * a.brow_half_length
        cy = a.brow_y - a.brow_arch * (1 - (u - 0.25)**2) + 0.02 * u
        half = a.brow_thickness * (0.95 - 0.38 * u - 0.28 * u**4) * 0.62
        shape = np.concatenate([np.stack([cx, cy - half], 1),
                                np.stack([cx, cy + half], 1)[::-1]])
        shape[:, 0] *= side
        body = brush.polygon(shape, 0.008)
        blend(image, colour, 0.55 * looks.brow_density * body)
        t = rng.uniform(-1, 1, 70)
        px = np.interp(t, u, cx) + rng.normal(0, 0.006, 70)
        py = np.interp(t, u, cy) + rng.uniform(-1, 1, 70) * np.interp(
            t, u, half)
        lean = 0.018 + 0.016 * (t + 1)
        rise = -0.030 + 0.020 * (t + 1)
        lines = np.stack([np.stack([side * px, py], 1),
                          np.stack([side * (px + lean), py + rise], 1)], 1)
        blend(image, 0.9 * colour,
              looks.brow_density * brush.strokes(lines, 0.008))


def _paint_hair_front(image, alpha, brush, rng, a, looks, x, y):
    hair = np.asarray(looks.hair, np.float32)
    half, top, line = 1.06 * a.half_width, a.top_y, a.hairline_y
    style = looks.hair_style
    crown = [(-half - 0.02, -0.12), (-half - 0.09, -0.55),
             (-0.80 * half, top + 0.02), (0, top - 0.18),
             (0.80 * half, top + 0.02), (half + 0.09, -0.55),
             (half + 0.02, -0.12)]
    if style == 'fringe':
        low = line + 0.16
        border = [(0.90 * half, -0.35), (0.75 * half, low + 0.05),
                  (0.3 * half, low), (-0.3 * half, low + 0.02),
                  (-0.75 * half, low + 0.05), (-0.90 * half, -0.35)]
    elif style == 'parted':
        at = rng.choice([-1, 1]) * rng.uniform(0.15, 0.45) * half
        border = [(0.95 * half, -0.20), (0.86 * half, -0.50),
                  (0.5 * (at + 0.86 * half), line - 0.03),
                  (at, line - 0.24),
                  (0.5 * (at - 0.86 * half), line - 0.03),
                  (-0.86 * half, -0.50), (-0.95 * half, -0.20)]
    else:
        peak = rng.uniform(-0.05, 0.08)
        border = [(0.95 * half, -0.15), (0.90 * half, -0.45),
                  (0.66 * half, line - 0.06), (0, line + peak),
                  (-0.66 * half, line - 0.06), (-0.90 * half, -0.45),
                  (-0.95 * half, -0.15)]
    shape = brush.polygon(smooth_closed(crown + border, 3), 0.006)
    shade = (0.80 + 0.34 * np.exp(-((y - top - 0.16) / 0.17)**2)
             - 0.25 * smooth_step(np.abs(x) / 0.9 - 0.2))
    stretch = (1.2, 1.2) if style == 'curly' else (0.3, 2.2)
    if style == 'curly':
        shape = np.clip(shape * 1.2 + 0.22 * fractal_noise(
            rng, brush.size, 26, 2) * (shape * (1 - shape) * 4 > 0.02), 0, 1)
    cast = cv2.GaussianBlur(shape, (0, 0), 0.035 * brush.scale)
    cast = np.roll(cast, round(0.03 * brush.scale), axis=0)
    image *= (1 - 0.28 * cast * alpha)[..., None]
    blend(image, hair * (shade[..., None]
                         + 0.17 * _strands(rng, brush.size, stretch)), shape)
    return shape
