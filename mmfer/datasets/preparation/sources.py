# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The pictures of one clip of a release, whatever it is stored as.

A video file, a folder of pictures, or a zip archive of either. Sources are
read more than once (first to look for the face, then to encode), so they are
objects that can be asked for their pictures again.
"""
import math
import posixpath
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, Union

import av
import numpy as np

from mmfer.codec import NoVideoStream
from mmfer.codec.source_pictures import (IMAGE_SUFFIXES, Reading, image_files,
                                         natural_order, open_pictures,
                                         pictures_of_images, video_rate)

from .archives import ClipArchive

PathLike = Union[str, Path]

#: 'natural' reads 9, 10, 11; 'lexicographic' reads 1, 10, 11, ..., 2.
FRAME_ORDERS = ('natural', 'lexicographic')

#: Suffixes by which videos are found in folders, in lower case.
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.flv', '.webm', '.mpg',
                  '.mpeg', '.m4v', '.wmv', '.3gp', '.mts', '.m2ts', '.ts',
                  '.ogv', '.asf', '.vob', '.mpv', '.m2v', '.mjpeg', '.mjpg')


class VideoSource:
    """A video file.

    Args:
        path (str | Path): The file.

    Attributes:
        rate (float | None): Pictures a second as the file says.
        reading (Reading): What the last call of :meth:`pictures` met.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        rate = video_rate(self.path)
        self.rate = float(rate) if rate else None
        self.reading = Reading()

    def pictures(self, fps: Optional[float] = None) -> Iterator[Any]:
        """Read the pictures from the start.

        Args:
            fps (float, optional): Drop or repeat pictures such that there are
                so many a second. Defaults to None, as they come.

        Yields:
            av.VideoFrame | np.ndarray: Upright; arrays are uint8 (H, W, 3)
            RGB.
        """
        self.reading = Reading()
        yield from open_pictures(self.path, fps, self.reading)[0]


class PictureSource:
    """Image files in their order in time.

    Args:
        files (Sequence[Path]): The files.
        rate (float, optional): Pictures a second. Defaults to None, unknown.
        name (str): For messages. Defaults to '<pictures>'.

    Attributes:
        reading (Reading): What the last call of :meth:`pictures` met.

    Raises:
        NoVideoStream: There is no file.
    """

    def __init__(self,
                 files: Sequence[Path],
                 rate: Optional[float] = None,
                 name: str = '<pictures>') -> None:
        if not files:
            raise NoVideoStream(
                f'{name}: holds no pictures ({", ".join(IMAGE_SUFFIXES)})')
        self.files = list(files)
        self.rate = rate
        self.reading = Reading()

    def pictures(self, fps: Optional[float] = None) -> Iterator[Any]:
        """Read the pictures from the start.

        Args:
            fps (float, optional): Drop or repeat pictures such that there are
                so many a second, if `rate` is known. Defaults to None.

        Yields:
            np.ndarray: uint8 (H, W, 3) RGB.
        """
        reading = self.reading = Reading()
        shown = list(range(len(self.files)))
        if fps and self.rate:
            count = max(1, math.ceil(len(shown) * fps / self.rate - 1e-6))
            # The nearest earlier picture, as videos are resampled.
            shown = [min(int(k * self.rate / fps + 1e-6), len(shown) - 1)
                     for k in range(count)]
        reading.shown = shown
        yield from pictures_of_images(
            [self.files[number] for number in shown], reading)
        # Files that were left out belong to the source all the same.
        reading.pictures = len(self.files)


class ViewSource:
    """A part of the pictures of another source, turned.

    Some recordings lie on their side without saying so, and some hold two
    views side by side.

    Args:
        source (VideoSource | PictureSource): The whole pictures.
        half (str): 'left' or 'right', or '' for both. Defaults to ''.
        turn (int): Degrees clockwise: 0, 90, 180 or 270. Defaults to 0.
    """

    def __init__(self, source, half: str = '', turn: int = 0) -> None:
        if half not in ('', 'left', 'right') or turn % 90:
            raise ValueError('`half` is left or right and `turn` a multiple '
                             f'of 90, got {half!r} and {turn!r}')
        self.source, self.half, self.turn = source, half, turn % 360
        self.rate = source.rate

    @property
    def reading(self) -> Reading:
        """Give what the last call of :meth:`pictures` met."""
        return self.source.reading

    def pictures(self, fps: Optional[float] = None) -> Iterator[np.ndarray]:
        """Read the pictures from the start, as the source does.

        Args:
            fps (float, optional): See there.

        Yields:
            np.ndarray: uint8 (H, W, 3) RGB.
        """
        for picture in self.source.pictures(fps):
            array = as_array(picture)
            if self.half:
                middle = array.shape[1] // 2
                array = array[:, :middle] if self.half == 'left' else \
                    array[:, middle:]
            yield np.ascontiguousarray(np.rot90(array, -self.turn // 90))


def as_array(picture: Any) -> np.ndarray:
    """Give a picture as an array.

    Args:
        picture (av.VideoFrame | np.ndarray): A picture of a source.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB, contiguous.
    """
    if isinstance(picture, av.VideoFrame):
        return picture.to_ndarray(format='rgb24')
    return np.ascontiguousarray(picture)


def moved_index(index: int, rate: Optional[float],
                fps: Optional[float]) -> int:
    """Say where a picture is after resampling.

    Args:
        index (int): Its display index before.
        rate (float | None): Pictures a second before.
        fps (float | None): Pictures a second after, None for unchanged.

    Returns:
        int: Its display index.

    Examples:
        >>> moved_index(100, 200., 50.), moved_index(7, 25., None)
        (25, 7)
    """
    return round(index * fps / rate) if fps and rate else index


def sorted_frames(names: Sequence[str], order: str = 'natural') -> List[str]:
    """Sort the names of pictures.

    Args:
        names (Sequence[str]): File names.
        order (str): 'natural', or 'lexicographic' for those who have to
            repeat what others did. Defaults to 'natural'.

    Returns:
        list[str]: Sorted.

    Raises:
        ValueError: Another order.
    """
    if order not in FRAME_ORDERS:
        raise ValueError(f'`order` is one of {", ".join(FRAME_ORDERS)}, got '
                         f'{order!r}')
    if order == 'lexicographic':
        return sorted(names)
    return sorted(names, key=lambda name: (natural_order(name), name))


def open_source(path: PathLike,
                member: str = '',
                frames: Sequence[str] = (),
                temporary: Optional[PathLike] = None,
                rate: Optional[float] = None,
                frame_order: str = 'natural',
                archive: Optional[ClipArchive] = None
                ) -> Union[VideoSource, PictureSource]:
    """Open a clip of a release.

    Args:
        path (str | Path): A video file, a folder of pictures or a zip archive.
        member (str): The video or the folder inside the archive; '' takes the
            only one that there is. Defaults to ''.
        frames (Sequence[str]): File names of the pictures in their order.
            Defaults to (): all that there are, sorted.
        temporary (str | Path, optional): An existing folder to which members
            of an archive are unpacked; the caller removes it.
        rate (float, optional): Pictures a second of picture folders.
            Defaults to None, unknown.
        frame_order (str): Order of pictures without ``frames``, see
            :func:`sorted_frames`. Defaults to 'natural'.
        archive (ClipArchive, optional): ``path``, if it is open already.

    Returns:
        VideoSource | PictureSource: Ready to be read.

    Raises:
        FileNotFoundError: Something is missing.
        CompressedVideoError: It is not a video, or holds no pictures.
        ArchiveError: The archive cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        names = list(frames) or sorted_frames(
            [file.name for file in image_files(path)], frame_order)
        files = [path / name for name in names]
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise FileNotFoundError(
                f'{path}: {len(missing)} of {len(files)} pictures are missing'
                f', the first is {missing[0].name}')
        return PictureSource(files, rate, str(path))
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such file or folder')
    if path.suffix.lower() != '.zip':
        return VideoSource(path)
    if archive is not None:
        return _from_archive(archive, member, frames, temporary, rate,
                             frame_order)
    with ClipArchive(path) as opened:
        return _from_archive(opened, member, frames, temporary, rate,
                             frame_order)


def _from_archive(archive: ClipArchive, member: str, frames: Sequence[str],
                  temporary: Optional[PathLike], rate: Optional[float],
                  frame_order: str) -> Union[VideoSource, PictureSource]:
    if temporary is None:
        raise ValueError('`temporary` is needed to read from an archive')
    member = member.strip('/') or _only_clip(archive)
    if member in archive:
        return VideoSource(archive.unpack([member], temporary)[0])
    names = [posixpath.join(member, name) for name in frames]
    if not names:
        found = {
            posixpath.basename(name): name
            for name in archive.files_of(member) if is_picture(name)
        }
        names = [found[n] for n in sorted_frames(list(found), frame_order)]
    label = f'{archive.path}/{member}'
    return PictureSource(archive.unpack(names, temporary), rate, label)


def _only_clip(archive: ClipArchive) -> str:
    """Find the one video, or the one folder of pictures, of an archive."""
    names = archive.names()
    videos = [name for name in names if is_video(name)]
    folders = {posixpath.dirname(name) for name in names if is_picture(name)}
    if len(videos) + len(folders) != 1:
        raise NoVideoStream(
            f'{archive.path}: holds {len(videos)} videos and {len(folders)} '
            'folders of pictures, one clip is expected; name the `member`')
    return (videos + list(folders))[0]


def is_video(name: PathLike) -> bool:
    """Say whether a file name looks like a video."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def is_picture(name: PathLike) -> bool:
    """Say whether a file name looks like a picture."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES
