# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The ways to read a clip that read.py compares, each at its best.

All take a path and display indices and return arrays, decoders on one thread.
Libraries that are not installed are left out with a note.
"""

import importlib
import itertools

import av
import numpy as np

from mmfer.codec import CompressedVideo, VideoIndex

BASE = 'mmfer residuals'
DECORD = 'decord'


class Reader:
    """One way to read a clip.

    Args:
        name (str): row of the table.
        kind (str): 'residual', 'rgb' or 'motion': what it returns; methods
            of the first two kinds are checked against each other.
        read (callable): (path, indices) -> stacked arrays.
        prepare (callable, optional): path -> something that is not timed,
            handed to ``read`` as third argument.
    """

    def __init__(self, name, kind, read, prepare=None):
        self.name, self.kind = name, kind
        self.read, self.prepare = read, prepare

    def bind(self, paths, indices):
        """The call to time, without arguments; it reads the clips in turn."""
        turn = itertools.cycle([
            (path, indices) if self.prepare is None else
            (path, indices, self.prepare(path)) for path in paths
        ])
        return lambda: self.read(*next(turn))


def mmfer_residuals(path, indices, index=None):
    with CompressedVideo(path, index=index) as video:
        return [r.y for r in video.residuals_at(indices)]


def mmfer_bgr(path, indices):
    with CompressedVideo(path) as video:
        return [r.to_bgr() for r in video.residuals_at(indices)]


def mmfer_chain(path, indices):
    with CompressedVideo(path) as video:
        return [r.y for r in video.chained_at(indices)]


def pyav_rgb(path, indices):
    """Decode until the last asked picture, convert the asked ones."""
    wanted, found = set(indices), {}
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.thread_count = 'NONE', 1
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                found[number] = frame.to_ndarray(format='rgb24')
            if len(found) == len(wanted):
                break
    return [found[i] for i in indices]


def opencv_reader(cv2, seek):

    def read(path, indices):
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        frames, at = [], 0
        for index in sorted(indices):
            if seek:
                capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            else:
                while at < index:
                    capture.grab()
                    at += 1
                at += 1
            frames.append(capture.read()[1][..., ::-1])
        capture.release()
        return frames

    return read


def torchcodec_reader(decoders, mode):

    def read(path, indices):
        decoder = decoders.VideoDecoder(
            path, seek_mode=mode, num_ffmpeg_threads=1,
            dimension_order='NHWC')
        return decoder.get_frames_at(indices=list(indices)).data.numpy()

    return read


def mmaction_vectors(loading):

    def read(path, indices):
        transform = loading.PyAVDecodeMotionVector(multi_thread=False)
        with av.open(path) as container:
            results = dict(video_reader=container,
                           frame_inds=np.array(indices))
            return transform.transform(results)['motion_vectors']

    return read


def make_readers():
    """All methods that this machine can run, and notes on the others."""
    readers = [
        Reader(BASE, 'residual', mmfer_residuals),
        Reader('mmfer residuals, index kept', 'residual', mmfer_residuals,
               VideoIndex.build),
        Reader('mmfer residuals as BGR', 'bgr', mmfer_bgr),
        Reader('mmfer chained', 'chain', mmfer_chain),
        Reader('PyAV', 'rgb', pyav_rgb),
    ]
    notes = []

    def optional(module, make):
        try:
            readers.extend(make(importlib.import_module(module)))
        except Exception as error:  # a broken installation is a note, too
            reason = str(error).strip().split('\n')[0][:120]
            notes.append(f'{module.split(".")[0]} left out: {reason}')

    def decord(library):
        return [
            Reader(DECORD, 'rgb', lambda path, indices: library.VideoReader(
                path, num_threads=1).get_batch(indices).asnumpy())
        ]

    def opencv(cv2):
        cv2.setNumThreads(1)
        return [
            Reader('OpenCV, grab', 'rgb', opencv_reader(cv2, False)),
            Reader('OpenCV, seek', 'rgb', opencv_reader(cv2, True))
        ]

    def torchcodec(decoders):
        import torch
        torch.set_num_threads(1)
        return [
            Reader(f'torchcodec, {mode}', 'rgb',
                   torchcodec_reader(decoders, mode))
            for mode in ('exact', 'approximate')
        ]

    optional('decord', decord)
    optional('cv2', opencv)
    optional('torchcodec.decoders', torchcodec)
    optional('mmaction.datasets.transforms.loading', lambda loading: [
        Reader('mmaction2 PyAVDecodeMotionVector', 'motion',
               mmaction_vectors(loading))
    ])
    return readers, notes
