# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of anything that can be encoded: videos, folders, image files."""
import os
import re
from pathlib import Path

import av
import numpy as np

from .errors import NoVideoStream

#: Suffixes of what counts as a picture in a folder, in lower case.
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff',
                  '.ppm')


class Reading:
    """What is met while a source is read once, from its start to its end.

    Attributes:
        pictures (int): Pictures that were decoded.
        corrupt (int): Those of them that decode with errors.
        missing (int): Pictures that the file names and that do not come.
        shown (list[int]): Which picture of the source, counted from 0, each
            picture shows that was given out.
    """

    def __init__(self):
        self.pictures = self.corrupt = self.missing = 0
        self.shown = []


def open_pictures(source, fps=None, reading=None):
    """Open a source of pictures.

    Args:
        source (str | PathLike | Iterable): A video file, a folder of images
            (in natural order of their names), or pictures.
        fps (float, optional): Drop or repeat pictures of a video such that it
            has so many a second. Defaults to None, as they come.
        reading (Reading, optional): Is told what is met in a file or folder.
            Defaults to None.

    Returns:
        tuple: An iterable of pictures, each an ``av.VideoFrame`` or uint8
        (H, W, 3) RGB, upright; the rate of a video or None; a name for
        messages.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        NoVideoStream: If it is not a readable video; while iterating, too.
    """
    if not isinstance(source, (str, os.PathLike)):
        return source, None, '<pictures>'
    path = Path(source)
    if path.is_dir():
        return (pictures_of_images(image_files(path), reading), None,
                str(path))
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such file or folder')
    return (_from_video(path, fps, reading or Reading()), video_rate(path),
            str(path))


def image_files(folder):
    """List the image files of a folder in natural order of their names.

    Args:
        folder (str | PathLike): The folder; what lies deeper is not looked at.

    Returns:
        list[Path]: Suffixes of `IMAGE_SUFFIXES`, no hidden files, no
        folders.
    """
    folder = Path(folder)
    # What a listing knows already need not be asked of every file.
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries
                 if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES
                 and not entry.name.startswith('.') and entry.is_file()]
    return [folder / name for name in sorted(names, key=natural_order)]


def natural_order(name):
    """Sort key under which 'frame10' follows 'frame9'.

    Args:
        name (str): A name.

    Returns:
        list: Text and numbers in turn.
    """
    return [int(part) if place % 2 else part
            for place, part in enumerate(re.split(r'([0-9]+)', name))]


def pictures_of_images(files, reading=None):
    """Decode image files one after the other.

    Args:
        files (Iterable[str | PathLike]): The files.
        reading (Reading, optional): Is told what is met, but not what is
            shown. Defaults to None.

    Yields:
        np.ndarray: uint8 (H, W, 3) RGB.
    """
    reading = reading or Reading()
    for file in files:
        before = reading.pictures, reading.corrupt
        for picture, _ in _decoded(file, reading):
            if isinstance(picture, av.VideoFrame):
                # Their full-range flag would outlive the conversion.
                picture = picture.to_ndarray(format='rgb24')
            yield picture
        reading.missing += reading.pictures == before[0]
        if reading.corrupt == before[1]:
            reading.corrupt += _is_cut_jpeg(file)


def _is_cut_jpeg(file):
    """Say whether the end of a JPEG file is missing.

    FFmpeg's decoder paints the rest grey and calls it sound.
    """
    if Path(file).suffix.lower() not in ('.jpg', '.jpeg'):
        return False
    with open(file, 'rb') as opened:
        if opened.read(2) != b'\xff\xd8':  # another format so named
            return False
        opened.seek(0, os.SEEK_END)
        # Some cameras write more behind the end of the picture.
        opened.seek(max(opened.tell() - (1 << 16), 2))
        return b'\xff\xd9' not in opened.read()


def video_rate(path):
    """Return the average pictures a second of a video.

    Args:
        path (str | PathLike): The file.

    Returns:
        Fraction | None: None if the file does not say.
    """
    try:
        with av.open(str(path), metadata_errors='replace') as container:
            return container.streams.video[0].average_rate
    except (av.FFmpegError, UnicodeDecodeError, IndexError) as error:
        raise NoVideoStream(
            f'{path}: not a readable video ({error}); check that the file is '
            'complete') from None


def _from_video(path, fps, reading):
    """Yield pictures, resampled in time by the nearest earlier picture."""
    if fps is None:
        for number, (picture, _) in enumerate(_decoded(path, reading)):
            reading.shown.append(number)
            yield picture
        return
    step = 1 / float(video_rate(path) or fps)
    start, last = None, None
    for number, (picture, time) in enumerate(_decoded(path, reading)):
        start = time if start is None else start
        # Every output tick before this picture shows the one before it.
        while last is not None and \
                len(reading.shown) / fps < time - start - 1e-6:
            reading.shown.append(number - 1)
            yield last
        last, end = picture, time + step
    while last is not None and len(reading.shown) / fps < end - start - 1e-6:
        reading.shown.append(number)
        yield last


def _decoded(path, reading):
    """Yield the upright pictures of a video or an image file, with times."""
    try:
        with av.open(str(path), metadata_errors='replace') as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            rate = float(stream.average_rate or 25)
            promised, number = _promised(container, stream), 0
            for number, frame in enumerate(container.decode(stream), 1):
                reading.pictures += 1
                reading.corrupt += bool(frame.is_corrupt)
                time = frame.time if frame.time is not None else (
                    number - 1) / rate
                picture = frame
                if frame.rotation % 360:
                    picture = np.rot90(
                        frame.to_ndarray(format='rgb24'),
                        frame.rotation // 90 % 4)
                yield picture, time
            reading.missing += max(promised - number, 0)
    except (av.FFmpegError, UnicodeDecodeError, IndexError) as error:
        raise NoVideoStream(
            f'{path}: not a readable video or image ({error}); check that the '
            'file is complete') from None


def _promised(container, stream):
    """Return the number of pictures that the container names, 0 if none."""
    if 'mp4' in container.format.name.split(','):
        # What an edit list cuts off is in the file, but not to be shown.
        return sum(not entry.is_discard for entry in stream.index_entries)
    return stream.frames
