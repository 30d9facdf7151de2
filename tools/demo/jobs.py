# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Clips that wait, are worked on, or are ready to be looked at."""
import dataclasses
import queue
import secrets
import shutil
import threading
import time
import traceback
from collections import OrderedDict
from pathlib import Path

from mmfer.apis.windows import ASSUMED_FPS
from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.visualization.annotated_video import write_annotated_video
from mmfer.visualization.palette import class_colours
from mmfer.visualization.preview import write_preview
from mmfer.visualization.timeline import scores_over_time


class Busy(RuntimeError):
    """Too many clips wait already."""


class Job:
    """One clip.

    Args:
        folder (Path): Of its own; holds all files about the clip.
        name (str): What the visitor calls the clip; never used as a path.
    """

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.source = folder / 'clip'
        self.preview = folder / 'preview.mp4'
        self._annotated = folder / 'annotated.mp4'
        self._annotating = threading.Lock()
        self._state = dict(state='waiting', name=name)
        self.prediction = None

    def tell(self, **state):
        """Replace what a visitor is told."""
        self._state = dict(state, name=self.name)

    def state(self):
        """Return what a visitor is told, plain data."""
        return self._state

    def annotated(self):
        """Return the annotated video; it is made when first asked for."""
        with self._annotating:
            if not self._annotated.exists():
                write_annotated_video(self.source, self.prediction,
                                      self._annotated)
            return self._annotated


class Jobs:
    """Work on clips one by one, and keep the last few.

    Args:
        inferencer (FERInferencer): Answers.
        folder (Path): Everything is kept here.
        max_seconds (float): Longer clips are refused with advice.
        keep (int): Clips that are kept. Default: 8.
        max_waiting (int): Clips that may wait. Default: 4.
    """

    def __init__(self, inferencer, folder, max_seconds, keep=8,
                 max_waiting=4):
        self._inferencer = inferencer
        self._folder = Path(folder)
        self._max_seconds, self._keep = max_seconds, keep
        self._queue = queue.Queue(max_waiting)
        self._jobs = OrderedDict()
        self._lock = threading.Lock()
        threading.Thread(target=self._work, daemon=True).start()

    def new(self, name):
        """Make a job whose clip is still to be written.

        Raises:
            Busy: Too many wait.
        """
        if self._queue.full():
            raise Busy('other clips are waiting; try again in a minute')
        number = secrets.token_urlsafe(16)
        folder = self._folder / number
        folder.mkdir()
        return number, Job(folder, name)

    def submit(self, number, job):
        """Start to work on a job whose clip is complete.

        Raises:
            Busy: Too many wait; the clip is deleted.
        """
        with self._lock:
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                self.drop(job)
                raise Busy('other clips are waiting; try again in a '
                           'minute') from None
            self._jobs[number] = job
            finished = [key for key, one in self._jobs.items()
                        if one.state()['state'] in ('done', 'error')]
            for key in finished[:max(len(self._jobs) - self._keep, 0)]:
                self.drop(self._jobs.pop(key))

    def get(self, number):
        """Return a job, None if it is not known (any more)."""
        with self._lock:
            return self._jobs.get(number)

    @staticmethod
    def drop(job):
        """Delete all files of a job."""
        shutil.rmtree(job.folder, ignore_errors=True)

    def _work(self):
        while True:
            job = self._queue.get()
            try:
                self._answer(job)
            except (CompressedVideoError, OSError, ValueError) as error:
                self._failed(job, error)
            except Exception as error:  # the page has to go on
                traceback.print_exc()
                self._failed(job, f'something went wrong: {error}')

    def _failed(self, job, error):
        text = str(error).replace(str(job.source), job.name)
        job.tell(state='error', message=text)

    def _answer(self, job):
        job.tell(state='reading', done=0, total=0)
        with CompressedVideo(job.source) as video:
            seconds = len(video) / (video.fps or ASSUMED_FPS)
        if seconds > self._max_seconds:
            raise ValueError(
                f'{job.name} is {seconds:.0f} s long and this page takes at '
                f'most {self._max_seconds:.0f} s; tools/predict.py takes '
                'clips of any length')
        start = time.perf_counter()
        prediction, = self._inferencer.iterate(
            str(job.source), lambda clip: job.tell(
                state='reading', done=clip.read_windows, total=clip.planned))
        took = time.perf_counter() - start
        if prediction.error:
            raise ValueError(prediction.error)
        job.prediction = dataclasses.replace(prediction, path=job.name)
        preview = write_preview(
            job.source, job.preview,
            lambda done, total: job.tell(state='drawing', done=done,
                                         total=total))
        job.tell(state='done', preview=preview, took=took,
                 colours=class_colours(prediction.classes),
                 spans=_spans(prediction),
                 prediction=job.prediction.to_dict())


def _spans(prediction):
    """Time lines of all faces, cut where their probabilities change."""
    spans = []
    for face in prediction.faces:
        edges, scores = scores_over_time(face.windows,
                                         len(prediction.classes))
        edges = prediction.seconds_of(edges)
        spans.append([
            dict(start=float(start), end=float(end),
                 scores=[round(float(score), 4) for score in row])
            for start, end, row in zip(edges[:-1], edges[1:], scores)
            if not (row != row).any()  # nobody was seen
        ])
    return spans
