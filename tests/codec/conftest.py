# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny clips, each written once a session."""

import numpy as np
import pytest

from mmfer.codec import CompressedVideo
from mmfer.testing import (face_like, fading, flat, interlace, panning,
                           restless, write_video)
from mmfer.testing.full_decode import decode_all


def noisy(frames, amount):
    """Add grain, so that even perfect motion leaves a residual."""
    grain = np.random.default_rng(5).normal(0, amount, frames.shape)
    return np.clip(frames + grain, 0, 255).astype(np.uint8)


SOURCES = {
    'restless':
    restless,
    'face':
    face_like,
    'fade':
    fading,
    'flat':
    flat,
    'pan':
    panning,
    'noisy_pan':
    lambda count, size: noisy(panning(count, size), 5),
    'interlaced':
    lambda count, size: interlace(panning(2 * count, size, (1.5, .25), 5)),
    'noise':
    lambda count, size: np.random.default_rng(7).integers(
        0, 256, (count, size[1], size[0], 3), dtype=np.uint8),
}


@pytest.fixture(scope='session')
def make_clip(tmp_path_factory):
    """``make_clip(coding, source, count, size, suffix, **options)`` -> path.

    The same arguments give the same file, written once.
    """
    folder, known = tmp_path_factory.mktemp('clips'), {}

    def make(coding='mpeg4',
             source='restless',
             count=14,
             size=(96, 80),
             suffix='.mp4',
             **options):
        key = repr((coding, source, count, size, suffix, options))
        if key not in known:
            path = folder / f'{len(known):03d}{suffix}'
            known[key] = write_video(path, SOURCES[source](count, size),
                                     coding, **options)
        return known[key]

    return make


@pytest.fixture(scope='session')
def truth():
    """``truth(path)`` -> pictures of an ordinary decode, kept."""
    known = {}

    def decode(path):
        if path not in known:
            known[path] = decode_all(path)
        return known[path]

    return decode


@pytest.fixture
def reader():
    """``reader(path, **kwargs)`` -> open CompressedVideo, closed at the end."""
    opened = []

    def open_video(source, **options):
        video = CompressedVideo(source, **options)
        opened.append(video)
        return video

    yield open_video
    for video in opened:
        video.close()
