# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From files to predictions."""
import logging
import os
from collections import deque
from typing import (Callable, Dict, Iterator, List, Optional, Sequence, Tuple,
                    Union)

import av

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.datasets.preparation.crop import Box
from mmfer.datasets.preparation.detectors import (Detector, DetectorError,
                                                  build_detector)
from mmfer.registry import INFERENCERS
from .clip_pipeline import ClipPipeline
from .clip_progress import ClipProgress, Request, classify, one_line
from .clip_sources import Inputs, Source, expand_inputs, is_stream
from .face_tracking import FaceTracker
from .faces_of_windows import boxes_in, no_face
from .network import load_config, load_network
from .prediction import ClipPrediction, WindowPrediction
from .windows import check_seconds

#: A square picture up to this side is taken for a cropped face.
_CROPPED_SIDE = 256
_CROPS = ('auto', 'none', 'face')


@INFERENCERS.register_module()
class FERInferencer:
    """Predict facial expressions in compressed videos.

    Residuals are read as the test pipeline of the config says, from the
    packets of each window; no other picture than I pictures is ever decoded,
    and these only to find faces. For one window over a whole clip that is not
    cropped, the scores are those of ``tools/test.py``.

    Memory does not grow with the length of a file: one window at a time is
    read, and what stays are scores and boxes.

    Args:
        config (str | PathLike | dict | Config): Of the training.
        checkpoint (str | PathLike, optional): ``.pth`` of that training, or
            an exported ``.onnx``, ``.xml`` or ``.torchscript``. Defaults to
            None: random weights, to try the rest.
        device (str): 'cpu', 'cuda', 'cuda:1', …, or 'auto'.
            Defaults to 'cpu'.
        window (float, optional): Seconds that are classified together.
            Defaults to None, the whole clip.
        stride (float, optional): Seconds from one window to the next.
            Defaults to None, ``window``.
        crop (str): 'face' finds faces and cuts them out, 'none' takes the
            picture as it is, 'auto' takes square pictures of at most 256
            pixels for cropped ones and finds faces elsewhere.
            Defaults to 'auto'.
        detector (str | Callable, optional): See ``build_detector`` in
            :mod:`mmfer.datasets.preparation.detectors`. Defaults to None,
            OpenCV's cascade.
        batch_size (int): Windows that go through the network together, of
            whatever clips. Defaults to 8.
        redetect (bool): Look for faces on every I picture (at most one a
            second), not on the first one alone. Defaults to True.
        max_faces (int): The largest faces are followed. Defaults to 8.
        clip_size (int, optional): Side in pixels of the training's clips, to
            which faces are brought. Defaults to None: from the checkpoint,
            or from the pipeline.

    Raises:
        UnsuitableConfig: Config, checkpoint and device do not go together.
        DetectorError: The detector cannot be made.
        ValueError: A setting is out of its range.

    Example:
        >>> inferencer = FERInferencer('config.py', 'epoch_24.pth', window=2.)
        ...     # doctest: +SKIP
        >>> clip, = inferencer('talk.mp4')  # doctest: +SKIP
        >>> clip.label, clip.faces[0].windows[0].scores  # doctest: +SKIP
    """

    def __init__(self,
                 config,
                 checkpoint: Union[str, os.PathLike, None] = None,
                 device: str = 'cpu',
                 window: Optional[float] = None,
                 stride: Optional[float] = None,
                 crop: str = 'auto',
                 detector: Union[str, Detector, None] = None,
                 batch_size: int = 8,
                 redetect: bool = True,
                 max_faces: int = 8,
                 clip_size: Optional[int] = None) -> None:
        check_seconds(window, stride)
        if crop not in _CROPS:
            raise ValueError(
                f'`crop` is {crop!r}, it must be one of {", ".join(_CROPS)}')
        for name, value in (('batch_size', batch_size),
                            ('max_faces', max_faces),
                            ('clip_size', clip_size or 1)):
            if value < 1:
                raise ValueError(f'`{name}` is at least 1, got {value}')
        self.window, self.stride = window, stride
        self.crop, self.batch_size = crop, batch_size
        self._redetect, self._max_faces = redetect, max_faces
        self._detector_spec = detector
        self._detector: Optional[Detector] = None
        if crop == 'face':
            self._make_detector()
        self.cfg = load_config(config)
        self.pipeline = ClipPipeline(
            self.cfg.test_pipeline,
            self.cfg.get('default_scope', 'mmaction'))
        self.network = load_network(self.cfg, checkpoint, device)
        self.classes: Tuple[str, ...] = self.network.classes
        self.clip_size = \
            clip_size or self.pipeline.clip_size(self.network.coding)

    def __call__(self, inputs: Inputs) -> List[ClipPrediction]:
        """Predict.

        Args:
            inputs (str | PathLike | bytes | Iterable): A file, the bytes of
                one, a folder, a pattern, or several of these.

        Returns:
            list[ClipPrediction]: One for each file, in order. A file that
            cannot be predicted has an ``error``; the others go on.

        Raises:
            NoInput: A folder or a pattern holds no file.
        """
        return list(self.iterate(inputs))

    def iterate(
            self,
            inputs: Inputs,
            on_window: Optional[Callable[[ClipProgress], None]] = None
    ) -> Iterator[ClipPrediction]:
        """Predict, one file after the other.

        Args:
            inputs: As in :meth:`__call__`.
            on_window (Callable, optional): Called after every window that was
                read, with the clip. Defaults to None.

        Yields:
            ClipPrediction: As soon as a file and those before are done.
        """
        waiting: List[Request] = []
        clips: deque = deque()
        for name, source in expand_inputs(inputs):
            clip = ClipProgress(name, self.classes)
            clips.append(clip)
            for request in self._requests(clip, source):
                waiting.append(request)
                if len(waiting) >= self.batch_size:
                    self._answer(waiting)
                if on_window is not None:
                    on_window(clip)
            while clips and clips[0].is_complete:
                yield clips.popleft().prediction()
        self._answer(waiting)
        for clip in clips:
            yield clip.prediction()

    def _answer(self, waiting: List[Request]) -> List[WindowPrediction]:
        """Classify and forget the waiting windows."""
        windows = [
            request.clip.answered(request, scores) for request, scores in
            classify(self.network, waiting, self.batch_size)
        ]
        waiting.clear()
        return windows

    def stream(self, source: Union[Source, int],
               **options) -> Iterator[WindowPrediction]:
        """Predict window by window, as long as there are pictures.

        Args:
            source (str | bytes | int): A file; or a camera (its number) or an
                address (RTSP, HTTP, …), for which see
                :func:`mmfer.apis.live.live_windows`.
            **options: For cameras and addresses, of ``live_windows``.

        Yields:
            WindowPrediction: As soon as a batch is full; from cameras and
            addresses at once.

        Raises:
            CompressedVideoError, OSError: The source cannot be used.
        """
        if is_stream(source) or options:
            from .live import live_windows
            yield from live_windows(self, source, **options)
            return
        (name, source), = expand_inputs(source)
        clip, waiting = ClipProgress(name, self.classes), []
        for request in self._requests(clip, source):
            waiting.append(request)
            if len(waiting) >= self.batch_size:
                yield from self._answer(waiting)
        yield from self._answer(waiting)
        prediction = clip.prediction()
        if prediction.error:
            raise CompressedVideoError(prediction.error)

    # -- one file ------------------------------------------------------------

    def _requests(self, clip: ClipProgress,
                  source: Source) -> Iterator[Request]:
        """Read the windows of a file; what goes wrong is noted."""
        try:
            with clip.stage('open'):
                video = CompressedVideo(source)
            with video:
                clip.opened(video)
                yield from self._windows_of(clip, video)
        except (CompressedVideoError, OSError, av.FFmpegError) as error:
            clip.error = one_line(clip.name, error)
        except (MemoryError, DetectorError):
            raise
        except Exception as error:
            # One clip must not cost the others; the log tells where it was.
            logging.getLogger(__name__).debug(clip.name, exc_info=True)
            clip.error = one_line(
                clip.name, f'{type(error).__name__}: {error}')
        clip.is_read = True

    def _windows_of(self, clip: ClipProgress,
                    video: CompressedVideo) -> Iterator[Request]:
        windows = list(clip.times.windows(self.window, self.stride))
        clip.planned = len(windows)
        tracker = self.new_tracker(video)
        if tracker is not None:
            clip.faces = tracker.faces
        tracked = 0
        for first, stop in windows:
            boxes: Dict[int, Optional[Box]] = {0: None}
            if tracker is not None:
                with clip.stage('faces'):
                    tracked = tracker.settle(video, tracked, stop)
                    boxes = boxes_in(clip.faces.values(), video, first, stop)
            requests = self.requests_in(
                clip, video, first, stop, boxes,
                () if tracker is None else tracker.unread_in(first, stop))
            clip.read_windows += 1
            yield from requests
        if tracker is not None:
            clip.error = no_face(clip.name, tracker)

    def new_tracker(self, video: CompressedVideo) -> Optional[FaceTracker]:
        """Make what follows the faces of a video.

        Args:
            video (CompressedVideo): Open.

        Returns:
            FaceTracker | None: None if it is taken as it is.
        """
        if self.crop == 'none' or (self.crop == 'auto'
                                   and self.looks_cropped(video)):
            return None
        return FaceTracker(self._make_detector(), self._redetect,
                           max_faces=self._max_faces)

    @staticmethod
    def looks_cropped(video: CompressedVideo) -> bool:
        """Tell whether 'auto' takes a video as it is.

        Args:
            video (CompressedVideo): Open.

        Returns:
            bool: True for square pictures of at most 256 pixels.
        """
        return video.width == video.height <= _CROPPED_SIDE

    def _make_detector(self) -> Detector:
        if self._detector is None:
            self._detector = build_detector(self._detector_spec or 'haar')
        return self._detector

    def requests_in(self, clip: ClipProgress, video: CompressedVideo,
                    first: int, stop: int, boxes: Dict[int, Optional[Box]],
                    unread: Sequence[int] = (),
                    offset: int = 0) -> List[Request]:
        """Read a window once and cut all faces out of it.

        Args:
            clip (ClipProgress): Who asks.
            video (CompressedVideo): Open.
            first, stop (int): Display indices; the last one is outside.
            boxes (dict): What to cut out by face; None takes all.
            unread (Sequence[int]): Numbers of pictures that the tracker could
                not read. Defaults to none.
            offset (int): Number of the first picture of ``video``.
                Defaults to 0.

        Returns:
            list[Request]: One for each face; none for a window that cannot be
            read.
        """
        requests, damaged = [], set(unread)
        seconds = clip.times.at(first), clip.times.at(stop - 1)
        with clip.stage('read'):
            try:
                read = self.pipeline.read(video, first, stop) if boxes else {}
            except (CompressedVideoError, OSError, av.FFmpegError) as error:
                clip.failed(first + offset, stop + offset, error)
                return []
            damaged.update(
                index + offset for index in read.pop('damaged_inds', ()))
            for face, box in boxes.items():
                cropped = read if box is None else self.pipeline.cropped(
                    read, box, self.clip_size)
                requests.append(
                    Request(clip, first, stop, face, box,
                            self.pipeline.finish(cropped), seconds))
        if damaged and requests:
            clip.damaged.append((first + offset, stop + offset, len(damaged)))
        clip.waiting += len(requests)
        return requests
