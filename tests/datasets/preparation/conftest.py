# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Sources of every kind, small and quick."""
import cv2
import numpy as np
import pytest

from mmfer.synthetic import render_clip
from mmfer.synthetic.faces import ClipItem
from mmfer.testing import write_video


@pytest.fixture(scope='session')
def faces():
    """(16, 96, 96, 3) uint8, a face that the cascade finds."""
    return render_clip(ClipItem(0, 'surprise', 0, frames=16, size=96))


@pytest.fixture(scope='session')
def video(faces, tmp_path_factory):
    """The same as a video."""
    path = tmp_path_factory.mktemp('video') / 'face.mp4'
    write_video(path, faces, 'h264_plain')
    return path


def write_pictures(folder, pictures, name='{}.png'):
    """Write pictures under names made of their number, from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, 1):
        done, code = cv2.imencode('.png', picture[..., ::-1])
        assert done
        (folder / name.format(number)).write_bytes(code.tobytes())
    return folder


@pytest.fixture
def numbered():
    """A writer of pictures whose grey level is their number."""
    def write(folder, count, name='{}.png'):
        return write_pictures(
            folder, [np.full((16, 16, 3), 5 * n, np.uint8)
                     for n in range(1, count + 1)], name)
    return write
