# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Predictions from cameras and addresses while they run."""
from typing import TYPE_CHECKING, Iterator, List, Optional, Union

import av

from mmfer.codec import (CompressedVideo, CompressedVideoError,
                         NoVideoStream)
from .clip_progress import ClipProgress, classify, make_window
from .face_tracking import FaceTracker
from .faces_of_windows import boxes_in, no_face
from .live_packets import (DIRECT, DirectPackets, EncodedPackets, LivePacket,
                           PacketSource, error_text, open_live)
from .live_spans import LiveSpan, LiveSpans
from .prediction import WindowPrediction
from .windows import picture_times

if TYPE_CHECKING:
    from .inferencer import FERInferencer

#: Seconds of a window where none were asked for.
LIVE_WINDOW = 2.
_FAILURES = 3  # windows in a row that cannot be read


def live_windows(inferencer: 'FERInferencer',
                 source: Union[str, int],
                 seconds: Optional[float] = None,
                 input_format: Optional[str] = None,
                 options: Optional[dict] = None,
                 encode: Optional[str] = None,
                 timeout: float = 10.,
                 clip: Optional[ClipProgress] = None
                 ) -> Iterator[WindowPrediction]:
    """Predict windows of a source that need not have an end.

    Memory holds the packets of one window; with ``clip`` also 24 bytes for
    each picture and face.

    Args:
        inferencer (FERInferencer): With its window (2 seconds if none is set)
            and stride.
        source (str | int): The number of a camera, a device, or an address
            that FFmpeg can open.
        seconds (float, optional): Stop after so much of the stream.
            Defaults to None.
        input_format (str, optional): FFmpeg's name of a format or kind of
            device, such as 'v4l2'. Defaults to None.
        options (dict, optional): Options of FFmpeg for the source.
        encode (str, optional): 'h264' or 'mpeg4': encode the pictures anew,
            even if packets of the source could be used. Defaults to None:
            only if they cannot, then with the codec of the training.
        timeout (float): Seconds without an answer. Defaults to 10.
        clip (ClipProgress, optional): Takes the facts of the stream and its
            CPU times. Defaults to None.

    Yields:
        WindowPrediction: Of each face in each window; numbers of pictures
        and times count from the beginning of the stream.

    Raises:
        CompressedVideoError: The source cannot be opened, or three windows in
            a row cannot be read.
    """
    window = inferencer.window or LIVE_WINDOW
    stride = inferencer.stride or window
    keeps = clip is not None
    clip = clip or ClipProgress(str(source), inferencer.classes)
    with open_live(source, input_format, options, timeout) as container:
        packets = _packets_of(container, encode, window, inferencer)
        reader = _LiveReader(inferencer, clip, keeps)
        spans = LiveSpans(_until_broken(packets, str(source)), window, stride,
                          packets.fps, seconds)
        try:
            for span in spans:
                found = reader.read(packets, span)
                clip.has_come(spans.count)
                yield from found
        finally:
            clip.has_come(spans.count)
        reader.finish()


def _packets_of(container, encode, window, inferencer):
    codec = container.streams.video[0].codec_context.name
    if encode is None and codec in DIRECT:
        return DirectPackets(container)
    coding = inferencer.network.coding
    trained = coding.get('codec') or (coding.get('encoding') or {}).get(
        'codec')
    choice = encode or (trained if trained in ('h264', 'mpeg4') else 'h264')
    return EncodedPackets(container, choice, window)


def _until_broken(packets, name) -> Iterator[LivePacket]:
    begun = False
    try:
        for live in packets:
            begun = True
            yield live
    except (av.FFmpegError, OSError) as error:
        raise NoVideoStream(
            f'{name}: the stream broke off ({error_text(error)})') from None
    if not begun:
        raise NoVideoStream(f'{name}: gave no picture')


class _LiveReader:
    """Read, track and classify one window after the other."""

    def __init__(self, inferencer, clip, keeps) -> None:
        self._inferencer, self._clip = inferencer, clip
        self._keeps = keeps  # boxes, for the answer about the whole stream
        self._tracker: Optional[FaceTracker] = None
        self._tracked = 0
        self.begun = False
        self._failures = 0

    def read(self, packets: PacketSource,
             span: LiveSpan) -> List[WindowPrediction]:
        """Predict a window.

        Args:
            packets (PacketSource): Where they come from.
            span (LiveSpan): The window.

        Returns:
            list[WindowPrediction]: One for each face.
        """
        clip = self._clip
        if not self._keeps:
            self._forget(span.first)
        failed = len(clip.failures)
        if span.is_broken:
            clip.failed(span.first, span.stop, CompressedVideoError(
                'the time of the stream ran backwards or stood still'))
            return []
        try:
            with clip.stage('open'):
                video = CompressedVideo(packets.as_file(span.packets))
            with video:
                requests = self._requests(video, span)
        except CompressedVideoError as error:
            clip.failed(span.first, span.stop, error)
        if len(clip.failures) > failed:
            self._count_failure()
            return []
        self._failures = 0
        if not requests:
            return []  # nobody is there
        found = classify(self._inferencer.network, requests,
                         self._inferencer.batch_size)
        return [make_window(request, scores, span.first, span.packets[0].time)
                for request, scores in found]

    def finish(self) -> None:
        """Note that nobody was there, if so."""
        if self._tracker is not None:
            self._clip.error = no_face(self._clip.name, self._tracker)

    def _forget(self, number):
        """Of a stream without end, nothing is kept that nobody asks for."""
        self._clip.failures.clear()
        self._clip.damaged.clear()
        if self._tracker is not None:
            self._tracker.forget(number)

    def _count_failure(self):
        _, _, reason = self._clip.failures[-1]
        self._failures += 1
        if self._failures >= _FAILURES:
            raise CompressedVideoError(
                f'{reason} ({_FAILURES} windows in a row); or encode the '
                "pictures anew: --encode h264 (encode='h264')")

    def _requests(self, video, span):
        inferencer, clip, gone = self._inferencer, self._clip, span.first
        if not self.begun:
            self.begun = True
            self._tracker = inferencer.new_tracker(video)
            if self._tracker is not None:
                clip.faces = self._tracker.faces
            clip.opened(video)
        clip.times = picture_times(video)
        stop, boxes, unread = len(video), {0: None}, ()
        if self._tracker is not None:
            with clip.stage('faces'):
                self._tracker.advance(
                    video, max(self._tracked - gone, 0), stop, gone,
                    span.packets[0].time)
                self._tracked = gone + stop
                unread = self._tracker.unread_in(gone, gone + stop)
                boxes = boxes_in(self._tracker.faces.values(), video, 0, stop,
                                 gone)
        return inferencer.requests_in(clip, video, 0, stop, boxes, unread,
                                      gone)
