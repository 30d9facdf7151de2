# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A clip whose windows are being read and classified."""
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from mmfer.codec import CompressedVideo
from mmfer.datasets.preparation.crop import Box
from .prediction import (ClipPrediction, FaceBox, FacePrediction,
                         WindowPrediction)
from .tracked_face import TrackedFace
from .windows import PictureTimes, picture_times

_TOLD = 3  # reasons that a warning lists
# H.264 does not tell the one from the other.
_HARMED = 'with pictures that are damaged, or in which nothing is predicted'


@dataclass
class Request:
    """A window of a face that waits for its scores.

    Args:
        clip (ClipProgress): Who asks.
        first, stop (int): Display indices; the last one is outside.
        face (int): The number of the face.
        box (tuple[int], optional): Left, top, right, bottom that was cut out.
        sample (dict): What the network reads.
        seconds (tuple[float]): When the first and the last picture are shown.
    """

    clip: 'ClipProgress'
    first: int
    stop: int
    face: int
    box: Optional[Box]
    sample: Dict[str, Any]
    seconds: Tuple[float, float]


class ClipProgress:
    """Collect what becomes a :class:`ClipPrediction`.

    Args:
        name (str): The file.
        classes (Sequence[str]): Names of the classes.

    Attributes:
        error (str | None): Why there will be no answer.
        faces (dict | None): Tracked faces by number, without false alarms;
            None if not looked for.
        is_read (bool): Whether all windows were read.
        waiting (int): Windows without scores.
        times (PictureTimes | None): When pictures are shown, once a video
            was opened: the file, or the last part of a stream.
        planned (int): Windows of the file.
        read_windows (int): How many of them were read.
        failures (list): Windows that could not be read: first picture, the one
            behind the last, and the reason.
        damaged (list): Windows of which pictures are damaged: first picture,
            the one behind the last, and the number of damaged ones.
    """

    def __init__(self, name: str, classes: Sequence[str]) -> None:
        self.name = name
        self.error: Optional[str] = None
        self.faces: Optional[Dict[int, TrackedFace]] = None
        self.is_read = False
        self.waiting = 0
        self.times: Optional[PictureTimes] = None
        self.planned = self.read_windows = 0
        self._classes = tuple(classes)
        self._facts: Dict[str, Any] = {}
        self._windows: Dict[int, List[WindowPrediction]] = {}
        self.failures: List[Tuple[int, int, str]] = []
        self.damaged: List[Tuple[int, int, int]] = []
        self._seconds: Dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the CPU time of what is done inside.

        Args:
            name (str): Of the stage.
        """
        start = time.process_time()
        try:
            yield
        finally:
            self.spent(name, time.process_time() - start)

    def spent(self, stage: str, seconds: float) -> None:
        """Count CPU time.

        Args:
            stage (str): Of what.
            seconds (float): How much.
        """
        self._seconds[stage] = self._seconds.get(stage, 0.) + seconds

    def opened(self, video: CompressedVideo) -> None:
        """Note the facts of the file.

        Args:
            video (CompressedVideo): Open.
        """
        self.times = picture_times(video)
        self._facts = dict(
            fps=video.fps, width=video.width, height=video.height,
            frames=len(video), codec=video.codec)

    def has_come(self, count: int) -> None:
        """Note how many pictures of a stream there were until now.

        Args:
            count (int): Since it began.
        """
        if self._facts:
            self._facts['frames'] = count

    def failed(self, first: int, stop: int, reason: Exception) -> None:
        """Note a window that could not be read.

        Args:
            first, stop (int): Display indices.
            reason (Exception): Why.
        """
        self.failures.append((first, stop, one_line(self.name, reason)))

    def answered(self, request: Request,
                 scores: np.ndarray) -> WindowPrediction:
        """Take the scores of a window.

        Args:
            request (Request): Which window.
            scores (np.ndarray): float32 (K, ).

        Returns:
            WindowPrediction: The window.
        """
        window = make_window(request, scores)
        self.keep(window)
        self.waiting -= 1
        return window

    def keep(self, window: WindowPrediction) -> None:
        """Make a window part of the answer.

        Args:
            window (WindowPrediction): The window.
        """
        self._windows.setdefault(window.face, []).append(window)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing any more."""
        return self.is_read and not self.waiting

    def prediction(self) -> ClipPrediction:
        """Put the answer together.

        Returns:
            ClipPrediction: With faces, or with an error.
        """
        faces = [self._face(number, windows)
                 for number, windows in sorted(self._windows.items())
                 if self._is_believed(number)]
        error = self.error
        if error is None and not faces:
            error = self._why_nothing()
        if error is None and not all(
                np.isfinite(window.scores).all() for face in faces
                for window in face.windows):
            error = (f'{self.name}: the scores of the model are NaN or '
                     'infinite: its weights are damaged, or the training has '
                     'diverged; take another checkpoint')
        return ClipPrediction(
            path=self.name, classes=self._classes,
            faces=() if error else tuple(faces), error=error,
            warnings=() if error else self._warnings(),
            seconds=dict(self._seconds), **self._facts)

    def _warnings(self) -> Tuple[str, ...]:
        unread = [f'pictures {first} to {stop - 1}: {reason}'
                  for first, stop, reason in self.failures]
        harmed = [f'{count} of pictures {first} to {stop - 1}'
                  for first, stop, count in self.damaged]
        return tuple(
            f'{_windows(len(found))} {what}: {"; ".join(found[:_TOLD])}'
            f'{", …" if len(found) > _TOLD else ""}'
            for what, found in (('could not be read', unread),
                                (_HARMED, harmed)) if found)

    def _is_believed(self, number: int) -> bool:
        return self.faces is None or (
            number in self.faces and self.faces[number].is_confirmed)

    def _face(self, number: int,
              windows: List[WindowPrediction]) -> FacePrediction:
        # In float64, so that the order of the sum leaves no trace.
        scores = np.mean([window.scores for window in windows], 0,
                         dtype=np.float64).astype(np.float32)
        face = (self.faces or {}).get(number)
        return FacePrediction(
            face=number, label=self._classes[int(scores.argmax())],
            scores=scores, windows=tuple(windows),
            boxes={} if face is None else face.boxes)

    def _why_nothing(self) -> str:
        if self.failures:
            return self.failures[0][2]
        if self.faces:
            return (f'{self.name}: no face stays for half of a window; take '
                    'shorter windows')
        return f'{self.name}: holds no window to predict'


def _windows(count: int) -> str:
    return '1 window' if count == 1 else f'{count} windows'


def make_window(request: Request, scores: np.ndarray, offset: int = 0,
                start: float = 0.) -> WindowPrediction:
    """Make the answer of a window.

    Args:
        request (Request): Which window.
        scores (np.ndarray): float32 (K, ).
        offset (int): Number of the first picture. Defaults to 0.
        start (float): Time of the first picture. Defaults to 0.

    Returns:
        WindowPrediction: The window.
    """
    begin, end = request.seconds
    return WindowPrediction(
        start=start + begin, end=start + end,
        first=request.first + offset, last=request.stop - 1 + offset,
        scores=np.asarray(scores, np.float32), face=request.face,
        crop=_as_face_box(request.box))


def _as_face_box(box: Optional[Box]) -> Optional[FaceBox]:
    if box is None:
        return None
    left, top, right, bottom = map(float, box)
    return left, top, right - left, bottom - top


def classify(network, requests: Sequence[Request],
             batch_size: int) -> List[Tuple[Request, np.ndarray]]:
    """Run the network over windows of any clips.

    Args:
        network (Callable): Samples in, float32 (N, K) probabilities out.
        requests (Sequence[Request]): In order.
        batch_size (int): Largest batch.

    Returns:
        list[tuple]: Requests with their scores, float32 (K, ).
    """
    answers = []
    for batch in _batches(requests, batch_size):
        start = time.process_time()
        scores = network([request.sample for request in batch])
        share = (time.process_time() - start) / len(batch)
        for request, score in zip(batch, scores):
            request.clip.spent('forward', share)
            answers.append((request, score))
    return answers


def _batches(requests, size) -> List[List[Request]]:
    """Neighbours of one shape; the same order gives the same batches."""
    batches: List[List[Request]] = []
    for request in requests:
        shape = request.sample['inputs'].shape
        if not (batches and len(batches[-1]) < size and
                batches[-1][-1].sample['inputs'].shape == shape):
            batches.append([])
        batches[-1].append(request)
    return batches


def one_line(name: str, error: Union[Exception, str]) -> str:
    """Say in one line what is wrong with a file.

    Args:
        name (str): The file.
        error (Exception | str): What was raised.

    Returns:
        str: It names the file.
    """
    if isinstance(error, FileNotFoundError):
        return f'{name}: no such file'
    if isinstance(error, OSError) and error.strerror:
        return f'{name}: cannot be read ({error.strerror})'
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text if name in text else f'{name}: {text}'
