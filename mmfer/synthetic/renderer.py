# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures from a person and a script of what the person's face does.

Skin, hair and clothes are one texture, warped by the sum of the action units'
displacement fields and the motion of the head; eyes and mouth are drawn
into the warped picture; folds, light and noise are added last.
"""
from dataclasses import dataclass

import cv2
import numpy as np

from .action_units import displacements
from .background import Background
from .features import Features
from .geometry import (EXTENT, HALF_VIEW, LEFT, TOP, VIEW_CENTRE, lattice,
                       relief, smooth_step)
from .texture import paint_head
from .wrinkles import MAP_SIZE, fold_maps

# Cells of the lattice on which displacements are known.
_FIELD = 60
# Pictures are drawn at twice their size; every fourth of these pixels solves
# the inverse of the warp.
_SUPER, _STRIDE = 2, 4
# Depth about which the head turns.
_TURN_DEPTH = 0.25
_NECK = (0.0, 1.0)


@dataclass
class Script:
    """Everything that happens in one clip of T pictures.

    Args:
        activations (numpy.ndarray): (T, len(CHANNELS)) float32, resting face,
            expression and distractors together.
        pose (numpy.ndarray): (T, 6), see `distractors.head_motion`.
        gaze (numpy.ndarray): (T, 2).
        light (numpy.ndarray): (T, 3), see `distractors.light`.
        lamp (numpy.ndarray): (3,) direction the light comes from.
        tint (numpy.ndarray): (3,) colour of the light.
        noise (float): Standard deviation of the sensor noise, grey levels.
        fps (float): Pictures per second.
        seed (list[int]): Seed of background and noise.
    """
    activations: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    light: np.ndarray
    lamp: np.ndarray
    tint: np.ndarray
    noise: float
    fps: float
    seed: list


class FaceRenderer:
    """Renders clips of one person.

    Args:
        anatomy (Anatomy): Proportions.
        looks (Looks): Colours and surface.
        size (int): Height and width of the pictures in pixels.
    """

    def __init__(self, anatomy, looks, size):
        self.anatomy, self.size = anatomy, size
        self.unit = size * _SUPER / (2 * HALF_VIEW)
        self.head, self.depth, hair = paint_head(
            anatomy, looks, int(round(1.1 * self.unit * EXTENT)))
        self.features = Features(anatomy, looks)
        self.folds, self.fold_drive = fold_maps(anatomy, looks.wrinkles)
        # Folds are skin-deep.
        self.folds *= 1 - cv2.resize(hair, (MAP_SIZE, MAP_SIZE),
                                     interpolation=cv2.INTER_AREA)
        self.basis = self._basis()
        smooth = cv2.GaussianBlur(self.depth, (0, 0), 0.02 * len(self.depth)
                                  / EXTENT)
        slope_y, slope_x = np.gradient(smooth, EXTENT / len(smooth))
        normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1)
        self.normal = (normal / np.linalg.norm(
            normal, axis=-1, keepdims=True)).astype(np.float32)

    def _basis(self):
        """Fields of all channels and of the head's motion.

        Returns:
            numpy.ndarray: (len(CHANNELS) + 8, _FIELD * _FIELD * 2) float32.
        """
        x, y = lattice(_FIELD)
        skin = displacements(self.anatomy, x, y)
        # Shoulders follow the head only a little.
        follow = 1 - 0.75 * smooth_step((y - 0.85) / 0.5)
        depth = relief(self.anatomy, x, y)
        depth = cv2.GaussianBlur(depth, (0, 0), 1.0) - _TURN_DEPTH
        head = np.zeros((8, _FIELD, _FIELD, 2), np.float32)
        for axis in (0, 1):
            head[4 * axis + 0, ..., axis] = follow * (x - _NECK[0])
            head[4 * axis + 1, ..., axis] = follow * (y - _NECK[1])
            head[4 * axis + 2, ..., axis] = follow
            head[4 * axis + 3, ..., axis] = follow * depth
        return np.concatenate([skin, head]).reshape(len(skin) + 8, -1)

    def render(self, script):
        """Draw all pictures of a clip.

        Args:
            script (Script): What happens.

        Returns:
            numpy.ndarray: (T, size, size, 3) uint8 RGB.
        """
        frames = len(script.activations)
        pose = _pose_weights(script.pose)
        maps = self._inverse_maps(script.activations, pose)
        texture = self._lit_texture(script)
        contours = self.features.contours(script.activations, script.gaze)
        eyes, mouth = self._place(contours, pose)
        rng = np.random.default_rng(script.seed)
        behind = Background(rng, self.size, frames, script.fps, script.tint)
        noise = rng.standard_normal(
            (self.size + 61, self.size + 67, 3), dtype=np.float32)
        shifts = rng.integers(0, (61, 67), (frames, 2))
        noise *= script.noise
        folds = np.clip(script.activations @ self.fold_drive, 0, 1.4)
        folds = (folds @ self.folds.reshape(len(self.folds), -1)).reshape(
            frames, MAP_SIZE, MAP_SIZE)
        axis = np.linspace(-1, 1, self.size, dtype=np.float32)
        out = np.empty((frames, self.size, self.size, 3), np.uint8)
        scale = (len(texture) / EXTENT, MAP_SIZE / EXTENT)
        for i in range(frames):
            fine = self._fine_map(maps[i] * scale[0] - 0.5, _SUPER)
            picture = cv2.remap(texture, fine, None, cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE)
            self.features.draw(
                picture, [{k: v[i] for k, v in eye.items()} for eye in eyes],
                {k: v[i] for k, v in mouth.items()}, self.unit)
            picture = cv2.resize(picture, (self.size, self.size),
                                 interpolation=cv2.INTER_AREA)
            coarse = self._fine_map(maps[i] * scale[1] - 0.5, 1)
            shade = cv2.remap(folds[i], coarse, None, cv2.INTER_LINEAR)
            gain, right, down = script.light[i]
            lamp = gain + right * axis + (down * axis)[:, None]
            # OpenCV's arithmetic is several times as fast as broadcasting.
            free = cv2.cvtColor(255 - picture[..., 3], cv2.COLOR_GRAY2RGB)
            picture = cv2.add(
                cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB),
                cv2.multiply(behind.frame(i), free, scale=1 / 255))
            lamp = cv2.cvtColor((1 + shade) * lamp, cv2.COLOR_GRAY2RGB)
            picture = cv2.multiply(picture, lamp, dtype=cv2.CV_32F)
            y, x = shifts[i]
            cv2.add(picture, noise[y:y + self.size, x:x + self.size],
                    out[i], dtype=cv2.CV_8U)
        return out

    def _lit_texture(self, script):
        facing = np.clip(self.normal @ script.lamp.astype(np.float32), 0, None)
        shade = 0.50 + 0.58 * facing
        planes = cv2.split(self.head)
        for i in range(3):
            lit = cv2.multiply(planes[i], shade * np.float32(script.tint[i]),
                               dtype=cv2.CV_8U)
            planes[i][:] = np.minimum(lit, planes[3])
        return cv2.merge(planes)

    def _inverse_maps(self, activations, pose):
        """Face coordinate seen by every fourth supersampled pixel.

        Solves q + displacement(q) = p by damped fixed-point steps, which
        converge where skin is stretched by up to a factor of four. Five leave
        less than a tenth of a pixel in 99 % of a wide surprise.

        Returns:
            numpy.ndarray: (T, N, N, 2) float32, measured from the corner of
            the covered square; one cell of margin on each side.
        """
        frames = len(activations)
        weights = np.concatenate([activations, pose], 1).astype(np.float32)
        # All pictures below each other: one call per step for a whole clip.
        field = (weights @ self.basis).reshape(frames * _FIELD, _FIELD, 2)
        count = self.size * _SUPER // _STRIDE + 2
        step = _STRIDE / self.unit
        at = (np.arange(count) - (count - 1) / 2) * step
        x, y = np.meshgrid(at + VIEW_CENTRE[0] - LEFT,
                           at + VIEW_CENTRE[1] - TOP)
        target = np.broadcast_to(np.stack([x, y], -1),
                                 (frames, count, count, 2))
        target = np.ascontiguousarray(target, np.float32)
        target = target.reshape(frames * count, count, 2)
        below = np.repeat(np.arange(frames, dtype=np.float32) * _FIELD,
                          count)[:, None]
        cells = _FIELD / EXTENT
        found = target.copy()
        for round_ in range(5):
            inside = np.clip(found * cells - 0.5, 0, _FIELD - 1)
            moved = cv2.remap(field, inside[..., 0], inside[..., 1] + below,
                              cv2.INTER_LINEAR)
            found += (1.0 if round_ == 0 else 0.6) * (target - moved - found)
        return found.reshape(frames, count, count, 2)

    def _fine_map(self, coarse, factor):
        """Resize a map and cut off its margin of one cell."""
        count, cell = len(coarse), _STRIDE * factor // _SUPER
        side = count * cell
        fine = cv2.resize(coarse, (side, side),
                          interpolation=cv2.INTER_LINEAR)
        return fine[cell:side - cell, cell:side - cell]

    def _place(self, contours, pose):
        """Contours after the motion of the head, as `Features.draw` likes."""
        a = self.anatomy
        mouth = dict(contours.mouth)
        half = 1.2 * a.mouth_half_width
        for name, height in (('upper_teeth', -0.10), ('lower_teeth', 0.09)):
            edge = mouth[name]
            strip = np.empty((len(edge), 4, 2))
            strip[..., 0] = (-half, half, half, -half)
            strip[:, :2, 1] = edge[:, None]
            strip[:, 2:, 1] = edge[:, None] + height
            mouth[name] = strip
        parts = [*contours.eyes, mouth]
        # All points go through at once, then back into their places.
        lines = [line for part in parts for line in part.values()]
        flat = [line.reshape(len(pose), -1, 2) for line in lines]
        ends = np.cumsum([line.shape[1] for line in flat])[:-1]
        placed = np.split(self._turn(np.concatenate(flat, 1), pose), ends, 1)
        placed = iter([new.reshape(old.shape)
                       for new, old in zip(placed, lines)])
        parts = [{name: next(placed) for name in part} for part in parts]
        return parts[:2], parts[2]

    def _turn(self, points, pose):
        """Move (T, N, 2) points in face units with the head.

        Returns:
            numpy.ndarray: (T, N, 2) int32, sixteenths of a supersampled
            pixel.
        """
        # The relief where a point is on average.
        centre = points.mean(0)
        depth = relief(self.anatomy, centre[:, 0], centre[:, 1])
        depth = depth - _TURN_DEPTH
        p = pose.T[..., None]
        x, y = points[..., 0] - _NECK[0], points[..., 1] - _NECK[1]
        moved = np.stack(
            [points[..., 0] + p[0] * x + p[1] * y + p[2] + p[3] * depth,
             points[..., 1] + p[4] * x + p[5] * y + p[6] + p[7] * depth], -1)
        pixels = (moved - VIEW_CENTRE) * self.unit + (
            self.size * _SUPER / 2 - 0.5)
        return np.round(16 * pixels).astype(np.int32)


def _pose_weights(pose):
    """Weights of the head's eight fields.

    Args:
        pose (numpy.ndarray): (T, 6), see `distractors.head_motion`.

    Returns:
        numpy.ndarray: (T, 8): for each axis the change by x, by y, by the
        shift and by depth.
    """
    x, y, roll, yaw, pitch, grow = pose.T.astype(np.float64)
    scale = np.exp(grow)
    cos, sin = scale * np.cos(roll) - 1, scale * np.sin(roll)
    return np.stack([cos, -sin, x, np.sin(yaw),
                     sin, cos, y, np.sin(pitch)], 1)
