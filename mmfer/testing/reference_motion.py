# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Motion compensation of MPEG-1/2/4, H.263 and H.264 in numpy.

Written from the standards, to be compared with decoders: a reference, not a
fast path. Samples outside the reference repeat its border, so references must
have their *coded* size (a multiple of 16 for most streams).

Sources: ISO/IEC 13818-2 §7.6, ISO/IEC 14496-2 §7.6, ITU-T H.263 §6.1,
ITU-T H.264 §8.4.2.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

#: Interpolation rules by name.
FAMILIES = ('mpeg2', 'mpeg4', 'mpeg4_qpel', 'h264')

# ISO/IEC 14496-2 table 7-9: sixteenths of a chroma sample -> half samples.
_SIXTEENTHS = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2])


class Blocks(NamedTuple):
    """Blocks of one size with their vectors.

    Args:
        x, y (np.ndarray): (N,) int, left and top in luma samples.
        width, height (int): size of all of them in luma samples.
        mx, my (np.ndarray): (N,) int, displacement current -> reference in
            the vectors' own units (half or quarter samples).
    """
    x: np.ndarray
    y: np.ndarray
    width: int
    height: int
    mx: np.ndarray
    my: np.ndarray


def blocks_of(vectors: np.ndarray) -> List[Blocks]:
    """Group exported vectors into the past by block size.

    Args:
        vectors (np.ndarray): FFmpeg's motion vector records.

    Returns:
        list[Blocks]: one entry a block size, in order of first appearance.
    """
    past = vectors[vectors['source'] < 0]
    groups = []
    for width, height in dict.fromkeys(
            zip(past['w'].tolist(), past['h'].tolist())):
        v = past[(past['w'] == width) & (past['h'] == height)]
        groups.append(
            Blocks(v['dst_x'].astype(int) - width // 2,
                   v['dst_y'].astype(int) - height // 2, width, height,
                   v['motion_x'].astype(int), v['motion_y'].astype(int)))
    return groups


def gather(plane: np.ndarray, x: np.ndarray, y: np.ndarray, width: int,
           height: int) -> np.ndarray:
    """Cut (N, height, width) int64 patches; the border repeats outside."""
    rows = np.clip(y[:, None] + np.arange(height), 0, plane.shape[0] - 1)
    columns = np.clip(x[:, None] + np.arange(width), 0, plane.shape[1] - 1)
    return plane[rows[:, :, None], columns[:, None, :]].astype(np.int64)


def _by_phase(plane, x, y, width, height, px, py, kernel, before, after):
    """Apply ``kernel(patch, px, py)`` to all blocks of each sub-pel phase."""
    out = np.empty((len(x), height, width), np.int64)
    for fx, fy in set(zip(px.tolist(), py.tolist())):
        chosen = (px == fx) & (py == fy)
        patch = gather(plane, x[chosen] - before, y[chosen] - before,
                       width + before + after, height + before + after)
        out[chosen] = kernel(patch, fx, fy)
    return out


def half_pel(plane, x, y, width, height, mx, my, rounding=0):
    """MPEG half-sample bilinear prediction.

    Args:
        plane (np.ndarray): (H, W) reference.
        x, y (np.ndarray): (N,) block corners in samples of this plane.
        width, height (int): block size.
        mx, my (np.ndarray): (N,) displacement in half samples.
        rounding (int): MPEG-4's rounding control, 0 or 1.

    Returns:
        np.ndarray: (N, height, width) int64.
    """

    def kernel(p, fx, fy):
        a, b = p[:, :-1, :-1], p[:, :-1, 1:]
        c, d = p[:, 1:, :-1], p[:, 1:, 1:]
        if fx and fy:
            return (a + b + c + d + 2 - rounding) >> 2
        if fx:
            return (a + b + 1 - rounding) >> 1
        if fy:
            return (a + c + 1 - rounding) >> 1
        return a

    return _by_phase(plane, x + (mx >> 1), y + (my >> 1), width, height,
                     mx & 1, my & 1, kernel, 0, 1)


def _mirrored_taps(p, rounding):
    """MPEG-4's 8-tap half-sample filter along the last axis (n+1 -> n)."""
    n = p.shape[-1]
    ahead = np.concatenate(
        [p[..., 2::-1], p, p[..., :n - 4:-1]], axis=-1)
    total = 0
    for tap, weight in enumerate((-1, 3, -6, 20, 20, -6, 3, -1)):
        total = total + weight * ahead[..., tap:tap + n - 1]
    return np.clip((total + 16 - rounding) >> 5, 0, 255)


def _quarter(p, phase, rounding):
    """One axis (the last) of MPEG-4 quarter-sample interpolation."""
    if phase == 0:
        return p[..., :-1]
    half = _mirrored_taps(p, rounding)
    if phase == 2:
        return half
    near = p[..., :-1] if phase == 1 else p[..., 1:]
    return (near + half + 1 - rounding) >> 1


def quarter_pel_mpeg4(plane, x, y, width, height, mx, my, rounding=0):
    """MPEG-4 quarter-sample prediction, taps mirrored at the block edge.

    Arguments as :func:`half_pel`, displacement in quarter samples.
    """

    def kernel(p, fx, fy):
        across = _quarter(p, fx, rounding)
        down = _quarter(np.swapaxes(across, 1, 2), fy, rounding)
        return np.swapaxes(down, 1, 2)

    return _by_phase(plane, x + (mx >> 2), y + (my >> 2), width, height,
                     mx & 3, my & 3, kernel, 0, 1)


def _six(p, axis):
    n = p.shape[axis] - 5
    part = [p.take(range(k, k + n), axis) for k in range(6)]
    return (part[0] + part[5] - 5 * (part[1] + part[4]) + 20 *
            (part[2] + part[3]))


def luma_h264(plane, x, y, width, height, mx, my, depth=8):
    """H.264 six-tap quarter-sample luma prediction (§8.4.2.2.1).

    Arguments as :func:`half_pel`, displacement in quarter samples.
    """
    top = (1 << depth) - 1

    def kernel(p, fx, fy):

        def full(dx=0, dy=0):
            return p[:, 2 + dy:2 + dy + height, 2 + dx:2 + dx + width]

        def across(dy=0):
            rows = _six(p[:, 2 + dy:2 + dy + height], 2)
            return np.clip((rows + 16) >> 5, 0, top)

        def down(dx=0):
            columns = _six(p[:, :, 2 + dx:2 + dx + width], 1)
            return np.clip((columns + 16) >> 5, 0, top)

        def centre():
            return np.clip((_six(_six(p, 1), 2) + 512) >> 10, 0, top)

        right, below = fx == 3, fy == 3
        if not fx and not fy:
            return full()
        if not fy:
            return across() if fx == 2 else _mean(full(right), across())
        if not fx:
            return down() if fy == 2 else _mean(full(0, below), down())
        if fx == 2 and fy == 2:
            return centre()
        if fx == 2:
            return _mean(centre(), across(below))
        if fy == 2:
            return _mean(centre(), down(right))
        return _mean(across(below), down(right))

    return _by_phase(plane, x + (mx >> 2), y + (my >> 2), width, height,
                     mx & 3, my & 3, kernel, 2, 3)


def _mean(a, b):
    return (a + b + 1) >> 1


def chroma_h264(plane, x, y, width, height, mx, my):
    """H.264 bilinear chroma prediction (§8.4.2.2.2), eighths of a sample."""

    def kernel(p, fx, fy):
        a, b = p[:, :-1, :-1], p[:, :-1, 1:]
        c, d = p[:, 1:, :-1], p[:, 1:, 1:]
        return ((8 - fx) * (8 - fy) * a + fx * (8 - fy) * b +
                (8 - fx) * fy * c + fx * fy * d + 32) >> 6

    return _by_phase(plane, x + (mx >> 3), y + (my >> 3), width, height,
                     mx & 7, my & 7, kernel, 0, 1)


def _toward_zero(value, divisor):
    return np.sign(value) * (np.abs(value) // divisor)


def _chroma_half_pel(vector, family):
    """Chroma displacement in half chroma samples from one luma vector."""
    if family == 'mpeg2':
        return _toward_zero(vector, 2)
    if family == 'mpeg4_qpel':
        vector = _toward_zero(vector, 2)
    return (vector >> 1) | (vector & 1)


def _chroma_four(vectors, family):
    """Chroma displacement in half samples from four luma vectors (last)."""
    if family == 'mpeg4_qpel':
        vectors = _toward_zero(vectors, 2)
    total = vectors.sum(-1)
    size = np.abs(total)
    return np.sign(total) * (_SIXTEENTHS[size & 15] + ((size >> 3) & ~1))


def predict_luma(plane, blocks, family, rounding=0, depth=8):
    """Predict the luma of all blocks of one size: (N, height, width)."""
    arguments = (plane, blocks.x, blocks.y, blocks.width, blocks.height,
                 blocks.mx, blocks.my)
    if family == 'h264':
        return luma_h264(*arguments, depth=depth)
    if family == 'mpeg4_qpel':
        return quarter_pel_mpeg4(*arguments, rounding=rounding)
    return half_pel(*arguments, rounding=rounding)


def chroma_blocks(blocks: Blocks, family: str,
                  shift: Tuple[int, int]) -> Blocks:
    """The chroma blocks that belong to luma blocks.

    Args:
        blocks (Blocks): luma blocks of one size. Four 8x8 vectors of an
            MPEG-4 macroblock become one 8x8 chroma block.
        family (str): one of :data:`FAMILIES`.
        shift (tuple[int]): log2 of the (horizontal, vertical) subsampling.

    Returns:
        Blocks: in chroma samples; vectors in half samples, for H.264 in
        eighths.
    """
    sx, sy = shift
    if family == 'h264':
        return Blocks(blocks.x >> sx, blocks.y >> sy, blocks.width >> sx,
                      blocks.height >> sy, blocks.mx << (1 - sx),
                      blocks.my << (1 - sy))
    if blocks.width == blocks.height == 8:
        corner = np.stack([blocks.x // 16, blocks.y // 16], -1)
        corners, inverse = np.unique(corner, axis=0, return_inverse=True)
        order = np.argsort(inverse.reshape(-1), kind='stable')
        four = order.reshape(-1, 4)
        return Blocks(corners[:, 0] * 8, corners[:, 1] * 8, 8, 8,
                      _chroma_four(blocks.mx[four], family),
                      _chroma_four(blocks.my[four], family))
    return Blocks(blocks.x >> 1, blocks.y >> 1, blocks.width >> 1,
                  blocks.height >> 1, _chroma_half_pel(blocks.mx, family),
                  _chroma_half_pel(blocks.my, family))


def predict(planes: Sequence[np.ndarray],
            vectors: np.ndarray,
            family: str,
            rounding: int = 0,
            depth: int = 8) -> Tuple[List[np.ndarray], List[np.ndarray]]:
    """Motion-compensate a whole picture from one reference.

    Args:
        planes (sequence): y, u, v of the reference at its coded size.
        vectors (np.ndarray): FFmpeg's motion vector records.
        family (str): one of :data:`FAMILIES`; 'mpeg4' serves H.263 and FLV1.
        rounding (int): MPEG-4's rounding control of the picture.
        depth (int): bits a sample.

    Returns:
        tuple[list, list]: three int64 predictions and three bool masks of
        the samples that a vector covers; elsewhere the prediction is 0.
    """
    predictions = [np.zeros(p.shape, np.int64) for p in planes]
    covered = [np.zeros(p.shape, bool) for p in planes]
    shift = tuple((planes[0].shape[axis] // planes[1].shape[axis]) >> 1
                  for axis in (1, 0))
    for blocks in blocks_of(vectors):
        sub = chroma_blocks(blocks, family, shift)
        for index, plane in enumerate(planes):
            if index == 0 or (family == 'h264' and shift == (0, 0)):
                where = blocks
                values = predict_luma(plane, blocks, family, rounding, depth)
            else:
                where = sub
                method = chroma_h264 if family == 'h264' else half_pel
                options = {} if family == 'h264' else {'rounding': rounding}
                values = method(plane, *sub, **options)
            paste(predictions[index], where, values)
            paste(covered[index], where, np.ones_like(values, bool))
    return predictions, covered


def paste(plane: np.ndarray, blocks: Blocks, values: np.ndarray) -> None:
    """Write (N, h, w) blocks into a plane, cutting what lies outside."""
    height, width = plane.shape
    for x, y, block in zip(blocks.x, blocks.y, values):
        plane[y:y + block.shape[0], x:x + block.shape[1]] = (
            block[:max(0, height - y), :max(0, width - x)])


def rasterise(vectors: np.ndarray, width: int,
              height: int) -> Tuple[np.ndarray, np.ndarray]:
    """Vectors on the 8x8 grid, one at a time.

    Args:
        vectors (np.ndarray): FFmpeg's motion vector records.
        width, height (int): size of the picture in pixels.

    Returns:
        tuple[np.ndarray]: motion (ceil(H/8), ceil(W/8), 2) float32 in
        pixels, x then y, current -> reference; and the bool mask of cells
        that any vector covers.
    """
    rows, columns = -(-height // 8), -(-width // 8)
    motion = np.zeros((rows, columns, 2), np.float32)
    inter = np.zeros((rows, columns), bool)
    for v in vectors[vectors['source'] < 0]:
        left = int(v['dst_x']) - int(v['w']) // 2
        top = int(v['dst_y']) - int(v['h']) // 2
        for row in range(top // 8, (top + int(v['h'])) // 8):
            for column in range(left // 8, (left + int(v['w'])) // 8):
                if 0 <= row < rows and 0 <= column < columns:
                    motion[row, column] = (
                        v['motion_x'] / v['motion_scale'],
                        v['motion_y'] / v['motion_scale'])
                    inter[row, column] = True
    return motion, inter
