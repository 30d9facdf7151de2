# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Everything that the doctor wants to know of one clip, read once."""
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import av
import cv2
import numpy as np

from mmfer.codec import (CompressedVideo, CompressedVideoError, NotPredicted,
                         TruncatedFile, UnsupportedCodec, UnsupportedStream,
                         read_provenance)

from ..preparation.detectors import Detector, build_detector
from .frame_order import OrderScores, score_order

_THUMB = 32  # pixels; side of the pictures that order and likeness look at
_LONGEST = 150  # pictures of a clip that order and likeness look at
_PRINT_TIMES = 8
_PRINT_SIDE = 16
_RESIDUALS = 3  # sampled predicted pictures


@dataclass
class ClipFacts:
    """What was found in a clip.

    Args:
        path (str): As the annotation file writes it.
        problem (str): '' or the kind of fault: 'missing', 'unreadable',
            'unsupported', 'truncated', 'damaged', 'not-predicted'.
        message (str): The fault in one line.
        bytes (int), digest (str): Size and SHA-256 of the file.
        codec (str), width, height (int), fps (float): Of the stream.
        types (dict[str, int]): Pictures of each type.
        coded_share (float | None): Share of luma samples that are not zero in
            predicted blocks of three sampled pictures.
        coding (dict): How :func:`mmfer.codec.transcode` made it, if it did.
        order (OrderScores): See there.
        face (float | None): Longer side of the largest face on the first
            picture, as a share of the shorter side of the picture; 0 for no
            face, None if it was not looked for.
        look (np.ndarray | None): float32 unit vector, what the clip looks
            like.
        change (np.ndarray | None): float32 unit vector, what changes over
            time; None if nothing does.
    """

    path: str
    problem: str = ''
    message: str = ''
    bytes: int = 0
    digest: str = ''
    codec: str = ''
    width: int = 0
    height: int = 0
    fps: float = 0.
    types: Dict[str, int] = field(default_factory=dict)
    coded_share: Optional[float] = None
    coding: Dict[str, Any] = field(default_factory=dict)
    order: OrderScores = OrderScores()
    face: Optional[float] = None
    look: Optional[np.ndarray] = None
    change: Optional[np.ndarray] = None

    @property
    def pictures(self) -> int:
        """Number of pictures."""
        return sum(self.types.values())

    @property
    def predicted(self) -> int:
        """Number of pictures with a residual of their own."""
        return self.types.get('P', 0) + self.types.get('S', 0)


class ClipExaminer:
    """Looks at clips; one per process.

    Args:
        detector (str | Callable): See
            :func:`mmfer.datasets.preparation.build_detector`; '' does not
            look for faces. Defaults to 'haar'.
    """

    def __init__(self, detector: Union[str, Detector] = 'haar') -> None:
        self._detector = build_detector(detector) if detector else None

    def examine(self, path: str, file: Union[str, Path]) -> ClipFacts:
        """Look at one clip.

        Args:
            path (str): As the annotation file writes it.
            file (str | Path): Where it is.

        Returns:
            ClipFacts: A fault is a fact and does not raise.
        """
        facts = ClipFacts(path)
        try:
            self._read_file(facts, Path(file))
            self._read_stream(facts, file)
            self._read_pictures(facts, file)
        except FileNotFoundError:
            facts.problem, facts.message = 'missing', 'no such file'
        except (CompressedVideoError, OSError, cv2.error,
                av.FFmpegError) as error:
            facts.problem = _kind(error)
            facts.message = ' '.join(str(error).split())
        return facts

    @staticmethod
    def _read_file(facts: ClipFacts, file: Path) -> None:
        digest = hashlib.sha256()
        with open(file, 'rb') as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
                facts.bytes += len(block)
        facts.digest = digest.hexdigest()

    @staticmethod
    def _read_stream(facts: ClipFacts, file) -> None:
        with CompressedVideo(file) as video:
            facts.codec, facts.fps = video.codec, video.fps
            facts.width, facts.height = video.width, video.height
            types = video.picture_types
            facts.types = {kind: types.count(kind) for kind in set(types)}
            facts.coding = read_provenance(file) or {}
            nonzero = total = 0
            count = len(video)
            try:
                for number in range(1, _RESIDUALS + 1):
                    residual = video.residual_at(
                        number * count // (_RESIDUALS + 1))
                    nonzero += int(np.count_nonzero(residual.y))
                    total += residual.y.size if residual.inter is None else \
                        int(np.count_nonzero(residual.inter)) * 64
                    if residual.damaged:
                        facts.problem = 'damaged'
                        facts.message = (f'picture {residual.index} decodes '
                                         'with errors')
            except NotPredicted:
                return
            facts.coded_share = min(nonzero / total, 1.) if total else None

    def _read_pictures(self, facts: ClipFacts, file) -> None:
        thumbs, first, broken = _decode(file)
        if len(thumbs) < min(facts.pictures, _LONGEST) and not facts.problem:
            facts.problem = 'truncated'
            facts.message = (f'{len(thumbs)} pictures decode, the file names '
                             f'{facts.pictures}')
        if broken and not facts.problem:
            facts.problem = 'damaged'
            facts.message = f'{broken} pictures decode with errors'
        if not len(thumbs):
            return
        # A long clip is judged by its beginning, in bounded work.
        facts.order = score_order(
            thumbs, whole=facts.pictures if len(thumbs) == _LONGEST else None)
        facts.look, facts.change = _prints(thumbs)
        if self._detector is not None:
            facts.face = self._largest_face(first)

    def _largest_face(self, picture: np.ndarray) -> float:
        boxes = self._detector(picture)
        if not len(boxes):
            return 0.
        sides = (boxes[:, 2:4] - boxes[:, :2]).max(1)
        return float(sides.max() / min(picture.shape[:2]))


def _kind(error: Exception) -> str:
    if isinstance(error, TruncatedFile):
        return 'truncated'
    if isinstance(error, (UnsupportedCodec, UnsupportedStream)):
        return 'unsupported'
    return 'unreadable'


def _decode(file) -> Tuple[np.ndarray, Optional[np.ndarray], int]:
    """Decode a clip in the ordinary way.

    Returns:
        tuple: (T, 32, 32) uint8 grey, the first picture in RGB, and how many
        pictures have errors.
    """
    thumbs, first, broken = [], None, 0
    with av.open(str(file), metadata_errors='replace') as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for frame in container.decode(stream):
            if first is None:
                first = frame.to_ndarray(format='rgb24')
                first = np.ascontiguousarray(
                    np.rot90(first, frame.rotation // 90 % 4))
            broken += bool(frame.is_corrupt)
            if len(thumbs) < _LONGEST:
                thumbs.append(_thumb(frame))
    return np.array(thumbs, np.uint8), first, broken


def _thumb(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    if frame.format.name.startswith(('yuv', 'gray')) and (
            frame.format.components[0].bits == 8):
        grey = np.frombuffer(plane, np.uint8).reshape(
            plane.height, plane.line_size)[:, :plane.width]
    else:
        grey = frame.to_ndarray(format='gray')
    return cv2.resize(grey, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)


def _prints(thumbs: np.ndarray) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """Make vectors that are close for copies of one clip only."""
    times = np.linspace(0, len(thumbs) - 1, _PRINT_TIMES).round().astype(int)
    small = np.stack([
        cv2.resize(thumb, (_PRINT_SIDE, _PRINT_SIDE),
                   interpolation=cv2.INTER_AREA)
        for thumb in thumbs[times]
    ]).astype(np.float32)
    change = (small - small.mean(0)).ravel()
    look = (small - small.mean()).ravel()
    energy = float(np.abs(change).mean())
    return _unit(look), _unit(change) if energy > .5 else None


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
