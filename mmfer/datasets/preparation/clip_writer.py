# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One clip of a release: found, cropped, encoded, checked, put in place."""
import hashlib
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import av
import cv2
import numpy as np

from mmfer.codec import CompressedVideo, CompressedVideoError, transcode

from ..adapters.facts import SourceClip
from .archives import ArchiveError, ClipArchive
from .crop import (Sampler, centre_box, clip_box, cut, find_track,
                   fit_box, picture_boxes)
from .detectors import DetectorError, build_detector
from .run_faults import PreparationError, machine_faults
from .settings import Settings
from .source_state import readable, source_state
from .sources import ViewSource, as_array, open_source

#: Pictures without which a clip holds no motion.
LEAST_PREDICTED = 2
_LOOKED_AT = 960  # pixels; larger pictures are kept smaller for detection


class ClipWriter:
    """Makes clips, one after the other; one writer per process.

    Args:
        settings (Settings): How.
        out (str | Path): Folder of the data set; clips go to ``clips``.

    Raises:
        DetectorError, FileNotFoundError: The detector cannot be made.
    """

    def __init__(self, settings: Settings, out: Union[str, Path]) -> None:
        self.settings = settings
        self.out = Path(out)
        self._detector = None if settings.crop == 'none' else build_detector(
            settings.detector)
        self._archive: Optional[ClipArchive] = None

    def write(self, clip: SourceClip,
              rate: Optional[float] = None) -> Dict[str, Any]:
        """Make one clip.

        Args:
            clip (SourceClip): What to make it from.
            rate (float, optional): Pictures a second of picture folders.
                Defaults to None, unknown.

        Returns:
            dict: The record of the journal: ``name``, ``status`` ('done' or
            'skipped') and, if skipped, ``reason`` and ``message``.

        Raises:
            PreparationError: The disk is full, or the machine cannot go on
                for another reason.
            DetectorError: The detector of somebody else answers nonsense.
        """
        start = time.monotonic()
        record: Dict[str, Any] = dict(name=clip.name)
        # Before it is read: who changes it meanwhile gets it made again.
        origin = source_state(clip)
        with machine_faults(self.out, clip.source):
            (self.out / '.partial').mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.out / '.partial'))
        try:
            with machine_faults(self.out, clip.source):
                record.update(self._write(clip, rate, folder))
        except (DetectorError, PreparationError):
            raise
        except Exception as error:  # noqa: B902 - one file must not stop all
            # Where a member was unpacked to means nothing to anybody.
            record.update(
                status='skipped', reason=_reason(error),
                message=readable(_one_line(error).replace(
                    str(folder), str(clip.source))))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        record['source'] = readable(clip.source) + (
            f'/{clip.member}' if clip.member else '')
        if origin is not None:
            record['origin'] = origin
        record['seconds'] = round(time.monotonic() - start, 3)
        return record

    def _write(self, clip: SourceClip, rate: Optional[float],
               folder: Path) -> Dict[str, Any]:
        encoding = dict(self.settings.encoding)
        fps = encoding.pop('fps', None)
        whole = self._open(clip, rate, folder)
        source = _view(whole, clip.extra)
        boxes, facts = self._boxes(source, fps)
        if facts.get('faces') == 0 and clip.extra.get('turn_clockwise'):
            # Who lies on his side is hearsay; a face decides.
            upright = ViewSource(whole, source.half)
            others, found = self._boxes(upright, fps)
            if found['faces']:
                source, boxes, facts = upright, others, found
        if getattr(source, 'turn', 0):
            facts['turned'] = source.turn
        if self.settings.digest:
            facts['sha256'] = _digest(whole)
        if boxes is None and facts.get('faces') == 0 and (
                self.settings.no_face == 'skip'):
            return dict(facts, status='skipped', reason='no-face',
                        message=f'no face on {facts["looked_at"]} pictures '
                        'that were searched')
        if facts.get('faces') == 0:
            facts['no_face'] = self.settings.no_face
        temporary = folder / f'clip{self.settings.suffix}'
        with warnings.catch_warnings():
            # Counted by the run; a warning for each would hide the rest.
            warnings.filterwarnings('ignore', message='.*nearly empty')
            report = transcode(
                self._cut(source, fps, boxes, encoding.get('size')),
                temporary, fps=fps or source.rate, **encoding)
        with CompressedVideo(temporary) as video:
            predicted = sum(kind in 'PS' for kind in video.picture_types)
        facts.update(pictures=report.pictures, predicted=predicted,
                     bytes=report.bytes, fps=round(report.fps, 4),
                     size=[report.width, report.height],
                     source_fps=source.rate,
                     coded_share=round(report.coded_share, 4),
                     **_told(source.reading))
        if predicted < LEAST_PREDICTED and not self.settings.keep_short:
            return dict(
                facts, status='skipped', reason='short',
                message=f'{report.pictures} pictures give {predicted} '
                f'predicted ones, {LEAST_PREDICTED} are needed')
        path = f'clips/{clip.name}{self.settings.suffix}'
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
        return dict(facts, status='done', path=path)

    def _open(self, clip, rate, folder):
        is_zip = (Path(clip.source).suffix.lower() == '.zip'
                  and Path(clip.source).is_file())
        if is_zip and (self._archive is None
                       or self._archive.path != Path(clip.source)):
            # Listing a large archive takes longer than a clip.
            if self._archive is not None:
                self._archive.close()
            self._archive = None
            self._archive = ClipArchive(clip.source)
        return open_source(clip.source, clip.member, clip.frames, folder,
                           rate, self.settings.frame_order,
                           self._archive if is_zip else None)

    # -- the face ----------------------------------------------------------

    def _boxes(self, source, fps) -> Tuple[Any, Dict[str, Any]]:
        """Find where to cut.

        Returns:
            tuple: One box, a list with a box for each picture, or None for
            the whole picture; and what is worth noting of it.
        """
        facts: Dict[str, Any] = {}
        if self.settings.crop == 'none':
            return None, facts
        every = self.settings.crop == 'frame'
        sampler, found, size = Sampler(self.settings.samples), [], None
        for picture in source.pictures(fps if every else None):
            size = size or _size(picture)
            if every:
                found.append(self._faces(picture, size))
            else:
                sampler.offer(lambda: _smaller(picture, size))
        if size is None:
            raise CompressedVideoError('holds no picture')
        found = found or [self._faces(p, size) for p in sampler.items]
        track = find_track(found)
        facts.update(looked_at=len(found), source_size=list(size),
                     faces=0 if track is None else len(track.indices))
        if track is None:
            if self.settings.no_face == 'centre':
                return centre_box(*size), facts
            return None, facts
        margin = self.settings.margin
        facts['face'] = round(track.side, 1)
        if every:
            boxes = [fit_box(box, *size, margin) for box in picture_boxes(
                track, len(found), margin)]
            facts['box'] = [int(n) for n in np.median(boxes, 0)]
            return boxes, facts
        box = fit_box(clip_box(track, margin), *size, margin)
        facts['box'] = list(box)
        return box, facts

    def _faces(self, picture, size) -> np.ndarray:
        array = _smaller(picture, size)
        boxes = np.array(self._detector(array), np.float32)
        boxes[:, :4] *= size[0] / array.shape[1]
        return boxes

    def _cut(self, source, fps, boxes, size) -> Iterator[Any]:
        first = None
        for number, picture in enumerate(source.pictures(fps)):
            shape = _size(picture)
            first = first or shape
            if boxes is None and shape == first:
                yield picture  # conversion of colours is left to the encoder
                continue
            array = as_array(picture)
            if shape != first:
                array = cv2.resize(array, first, interpolation=cv2.INTER_AREA)
            if boxes is None:
                yield array
            elif isinstance(boxes, list):
                side = _pair(size) or (boxes[0][2] - boxes[0][0], ) * 2
                array = cut(array, boxes[min(number, len(boxes) - 1)])
                yield cv2.resize(array, side, interpolation=cv2.INTER_AREA)
            else:
                yield cut(array, boxes)


def _view(source, extra):
    """Apply what an adapter knows of how a clip was recorded."""
    half = extra.get('front_half', '')
    turn = int(extra.get('turn_clockwise') or 0)
    half = half if half in ('left', 'right') else ''
    return ViewSource(source, half, turn) if half or turn else source


def _told(reading) -> Dict[str, Any]:
    """Give what is worth noting of how a source was read."""
    facts = dict(source_pictures=reading.pictures)
    for key in ('corrupt', 'missing'):
        if getattr(reading, key):
            facts[f'source_{key}'] = getattr(reading, key)
    if reading.shown != list(range(reading.pictures)):
        facts['shown'] = reading.shown
    return facts


def _pair(size) -> Optional[Tuple[int, int]]:
    if size is None:
        return None
    return tuple(size) if np.ndim(size) else (size, size)


def _size(picture) -> Tuple[int, int]:
    """Return width and height."""
    if isinstance(picture, av.VideoFrame):
        return picture.width, picture.height
    return picture.shape[1], picture.shape[0]


def _smaller(picture, size) -> np.ndarray:
    """Bring a picture to the size of the clip, or less if that is large."""
    scale = min(1., _LOOKED_AT / max(size))
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    array = as_array(picture)
    if wanted == (array.shape[1], array.shape[0]):
        return array
    return cv2.resize(array, wanted, interpolation=cv2.INTER_AREA)


def _digest(source) -> str:
    files: List[Path] = getattr(source, 'files', None) or [source.path]
    digest = hashlib.sha256()
    for path in files:
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return 'missing'
    if isinstance(error, (CompressedVideoError, ArchiveError, OSError)):
        return 'unreadable'
    return 'error'


def _one_line(error: Exception) -> str:
    text = ' '.join(str(error).split())
    kind = type(error).__name__
    known = isinstance(error, (CompressedVideoError, ArchiveError, OSError))
    return text if known and text else f'{kind}: {text}'
