# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much of a file's residuals agrees with an independent prediction.

For a predicted picture ``p`` the codec promises
``residual == p - prediction(true references)`` on every inter sample that
saturates nowhere. :func:`check_file` computes the right-hand side without
:mod:`mmfer.codec`: pictures and references come from an ordinary decode,
the prediction from numpy (:mod:`~mmfer.testing.reference_motion`) or from
the decoder itself with its inverse transform switched off.
"""

import hashlib
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from .full_decode import (DecodedPicture, decode_all, decode_with_peeks,
                          discarded_packets, read_packets)
from .h264_headers import H264Headers
from .reference_motion import (Blocks, blocks_of, chroma_blocks, chroma_h264,
                               paste, predict, predict_luma)


@dataclass
class Agreement:
    """Result for one predicted picture.

    Args:
        index (int): display index.
        right (tuple[int]): samples of y, u, v that agree.
        total (tuple[int]): samples compared: inter, unsaturated, covered by
            the reference prediction.
        weighted (bool): explicit weights other than 1 were coded.
        damaged (bool): the residual says so of itself.
    """
    index: int
    right: Tuple[int, ...]
    total: Tuple[int, ...]
    weighted: bool = False
    damaged: bool = False

    @property
    def share(self) -> float:
        """Share of samples that agree, 0..1; 0 where none was compared."""
        return sum(self.right) / max(1, sum(self.total))


def _comparable(current, residual, depth, mask):
    top, middle = (1 << depth) - 1, 1 << (depth - 1)
    grey = residual + middle
    return mask & (current > 0) & (current < top) & (grey > 0) & (grey < top)


def _cells_to_samples(inter, shape, luma_shape):
    """8x8-cell mask -> mask of one plane."""
    step_y = 8 * shape[0] // luma_shape[0] if shape != luma_shape else 8
    step_x = 8 * shape[1] // luma_shape[1] if shape != luma_shape else 8
    step_y, step_x = max(4, step_y), max(4, step_x)
    wide = inter.repeat(step_y, 0).repeat(step_x, 1)
    return wide[:shape[0], :shape[1]]


def compare_planes(picture: Sequence[np.ndarray],
                   prediction: Sequence[np.ndarray],
                   covered: Sequence[np.ndarray],
                   residual,
                   depth: int = 8) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """Count samples where ``residual == picture - prediction``.

    Args:
        picture, prediction, covered (sequence): y, u, v arrays; larger than
            the residual's planes is fine, the top left part counts.
        residual (Residual): what is to be checked.
        depth (int): bits a sample.

    Returns:
        tuple: (agreeing, compared), each for y, u, v.
    """
    right, total = [], []
    for plane, name in enumerate('yuv'):
        value = getattr(residual, name).astype(np.int64)
        h, w = value.shape
        current = picture[plane][:h, :w].astype(np.int64)
        mask = covered[plane][:h, :w]
        if residual.inter is not None:
            mask = mask & _cells_to_samples(residual.inter, value.shape,
                                            residual.y.shape)
        mask = _comparable(current, value, depth, mask)
        same = value == current - prediction[plane][:h, :w]
        right.append(int((same & mask).sum()))
        total.append(int(mask.sum()))
    return tuple(right), tuple(total)


def fingerprint(residual) -> str:
    """Hash of everything a residual says: samples, motion, mask, type, place.
    """
    digest = hashlib.sha256()
    for name in ('y', 'u', 'v', 'motion', 'inter'):
        part = getattr(residual, name)
        if part is not None:
            digest.update(f'{name}{part.dtype}{part.shape}'.encode())
            digest.update(np.ascontiguousarray(part).tobytes())
    digest.update(
        repr((residual.picture_type, residual.index)).encode())
    return digest.hexdigest()


def family_of(codec: str, vectors: np.ndarray) -> str:
    """Interpolation rules of a stream from its codec and its vectors."""
    if codec == 'h264':
        return 'h264'
    if codec.startswith(('mpeg1', 'mpeg2')):
        return 'mpeg2'
    quarter = len(vectors) and vectors['motion_scale'].max() == 4
    return 'mpeg4_qpel' if codec == 'mpeg4' and quarter else 'mpeg4'


def _weigh(values, weight, depth):
    """Explicit weighted prediction (H.264 §8.4.2.3.2)."""
    factor, offset, log = weight
    scaled = values * factor
    if log:
        scaled = (scaled + (1 << (log - 1))) >> log
    return np.clip(scaled + (offset << (depth - 8)), 0, (1 << depth) - 1)


def predict_best(picture: DecodedPicture, residual,
                 references: Sequence[DecodedPicture], weights: List[Tuple],
                 depth: int):
    """H.264 prediction where the reference of each block is not exported.

    FFmpeg's vectors do not say which reference they point into. Every
    (reference, weight) pair is tried and the one that agrees best with
    ``picture - residual`` is taken, block by block. A wrong residual agrees
    with none of them.

    Args:
        picture (DecodedPicture): before its own deblocking, coded size.
        residual (Residual): what is to be checked.
        references (sequence): candidate pictures, most likely first.
        weights (list): explicit weights, see
            :class:`~mmfer.testing.h264_headers.SliceHeader`.
        depth (int): bits a sample.

    Returns:
        tuple: predictions that already contain the constant offset that a
        weight leaves in a residual taken from grey, and covered masks.
    """
    planes = picture.planes
    shift = tuple((planes[0].shape[a] // planes[1].shape[a]) >> 1
                  for a in (1, 0))
    unit = ((1, 0, 0), ) * 3
    options = [unit] + [w for w in dict.fromkeys(weights) if w != unit]
    middle = 1 << (depth - 1)
    target = []
    for plane, name in zip(planes, 'yuv'):
        wanted = np.full(plane.shape, -10**6, np.int64)
        value = getattr(residual, name).astype(np.int64)
        h, w = value.shape
        ok = _comparable(plane[:h, :w].astype(np.int64), value, depth,
                         np.ones((h, w), bool))
        wanted[:h, :w][ok] = (plane[:h, :w] - value)[ok]
        target.append(wanted)
    out = [np.zeros(p.shape, np.int64) for p in planes]
    covered = [np.zeros(p.shape, bool) for p in planes]
    for blocks in blocks_of(picture.vectors):
        sub = chroma_blocks(blocks, 'h264', shift)
        where = [blocks, sub, sub]
        best = None
        for reference in references:
            raw = _predict_planes(reference.planes, blocks, sub, shift, depth)
            for weight in options:
                values = [
                    _weigh(r, w, depth) + middle -
                    _weigh(np.int64(middle), w, depth)
                    for r, w in zip(raw, weight)
                ]
                wrong = sum(
                    _wrong(t, b, v) for t, b, v in zip(target, where, values))
                if best is None:
                    best = [wrong, values]
                else:
                    better = wrong < best[0]
                    best[0] = np.where(better, wrong, best[0])
                    best[1] = [
                        np.where(better[:, None, None], new, old)
                        for new, old in zip(values, best[1])
                    ]
            if not best[0].any():
                break
        for plane in range(3):
            paste(out[plane], where[plane], best[1][plane])
            paste(covered[plane], where[plane],
                  np.ones_like(best[1][plane], bool))
    return out, covered


def _predict_planes(planes, blocks, sub, shift, depth):
    luma = predict_luma(planes[0], blocks, 'h264', depth=depth)
    if shift == (0, 0):
        return [luma] + [
            predict_luma(p, blocks, 'h264', depth=depth) for p in planes[1:]
        ]
    return [luma] + [chroma_h264(p, *sub) for p in planes[1:]]


def _wrong(target: np.ndarray, blocks: Blocks,
           values: np.ndarray) -> np.ndarray:
    """Per block, samples whose wanted value is known and differs."""
    rows = np.clip(blocks.y[:, None] + np.arange(blocks.height), 0,
                   target.shape[0] - 1)
    columns = np.clip(blocks.x[:, None] + np.arange(blocks.width), 0,
                      target.shape[1] - 1)
    wanted = target[rows[:, :, None], columns[:, None, :]]
    return ((wanted > -10**6) & (wanted != values)).sum((1, 2))


def check_file(path,
               residual_at: Callable[[int], object],
               proof: str = 'numpy',
               limit: int = 10**9) -> Iterator[Agreement]:
    """Check every predicted picture of a file.

    Args:
        path (str | PathLike): an MPEG-1/2/4, H.263, FLV1 or H.264 file.
        residual_at (callable): display index -> residual, normally
            ``CompressedVideo.residual_at``.
        proof (str): 'numpy' (size a multiple of 16 for all but H.264; not
            for interlaced coding or GMC), or 'decoder' (MPEG family: the
            decoder's own prediction, whatever the coding tools). Default
            'numpy'.
        limit (int): pictures to look at, from the start. Default all.

    Yields:
        Agreement: one a P or S picture, in display order.
    """
    packets, new_decoder = read_packets(path)
    decoder = new_decoder()
    codec = decoder.codec.name
    if codec == 'h264':
        yield from _check_h264(path, packets, decoder.extradata,
                               residual_at, limit)
        return
    if proof == 'decoder':
        pairs = decode_with_peeks(path, {'skip_idct': 'all'})
    else:
        pairs = ((picture, None) for picture in decode_all(path))
    anchor, hidden, index = None, discarded_packets(path), -1
    for picture, before_idct in pairs:
        visible = picture.packet not in hidden
        index += visible
        if index >= limit:
            return
        if visible and picture.picture_type in 'PS' and anchor is not None:
            residual = residual_at(index)
            if proof == 'decoder':
                candidates = [(before_idct.planes, _masks(picture))]
            else:
                family = family_of(codec, picture.vectors)
                # The rounding control is one header bit a picture: the
                # right one is the one that fits.
                candidates = [
                    predict(anchor.planes, picture.vectors, family, bit)
                    for bit in ((0, 1) if family.startswith('mpeg4') else
                                (0, ))
                ]
            yield max((Agreement(
                index, *compare_planes(picture.planes, *c, residual),
                damaged=residual.damaged) for c in candidates),
                      key=lambda a: a.share)
        if picture.picture_type != 'B':
            anchor = picture


def _masks(picture: DecodedPicture):
    """Everything is covered by the decoder's own prediction."""
    return [np.ones(p.shape, bool) for p in picture.planes]


def _check_h264(path, packets, extradata, residual_at, limit):
    headers = H264Headers(bytes(extradata) if extradata else None)
    slices = [headers.slices(data) for data in packets]
    shown = []
    for pair in decode_with_peeks(path, {'skip_loop_filter': 'all'},
                                  {'apply_cropping': '0'}):
        shown.append(pair)
        if len(shown) >= limit:
            break
    decoded: Dict[int, DecodedPicture] = {p.packet: p for p, _ in shown}
    hidden, index = discarded_packets(path), -1
    for picture, unfiltered in shown:
        visible = picture.packet not in hidden
        index += visible
        if unfiltered is None or not visible:
            continue
        number = picture.packet
        # More than fit into the buffer: it may have dropped newer ones, such
        # as B references, before older ones.
        references = []
        for earlier in range(number - 1, -1, -1):
            if earlier in decoded and slices[earlier][0].reference:
                references.append(decoded[earlier])
            if (slices[earlier] and slices[earlier][0].idr
                    or len(references) >= 2 * headers.max_refs() + 4):
                break
        weights = [w for s in slices[number] for w in s.weights]
        residual = residual_at(index)
        depth = residual.bit_depth
        prediction = predict_best(unfiltered, residual, references, weights,
                                  depth)
        plain = all(w == 1 << log and not offset for entry in weights
                    for w, offset, log in entry)
        yield Agreement(
            index,
            *compare_planes(unfiltered.planes, *prediction, residual, depth),
            not plain, residual.damaged)
