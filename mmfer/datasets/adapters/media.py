# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The clips of a release: videos, folders of pictures, zips of either."""
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

import av

from .layout import AdapterError, natural_key

VIDEOS = ('.mp4', '.avi', '.flv', '.mov', '.mkv', '.mpg', '.mpeg', '.webm',
          '.wmv', '.m4v')
PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


@dataclass(frozen=True)
class Medium:
    """Where one clip lies.

    Args:
        key (str): Last parts of its path, without suffix.
        source (Path): Video, folder of pictures, or zip archive.
        member (str): File or folder in the archive. Defaults to ''.
        pictures (bool): Whether it is a folder. Defaults to False.
        place (Path, optional): The folder or archive in which it was found.
            Defaults to None.
    """

    key: str
    source: Path
    member: str = ''
    pictures: bool = False
    place: Optional[Path] = None


class MediaIndex:
    """Every clip below some folders and archives, by key.

    A key is made of the last parts of a path, so that an archive which
    unpacks into a folder of its own is the same as one which does not.

    Args:
        places (Iterable[Path]): Folders and zip archives.
        depth (int): Parts of a path that make a key. Defaults to 1.
        frame_order (str): 'natural' or 'lexicographic'.

    Raises:
        AdapterError: An archive cannot be read.
    """

    def __init__(self,
                 places: Iterable[Path],
                 depth: int = 1,
                 frame_order: str = 'natural') -> None:
        self.frame_order = frame_order
        self.duplicates: List[str] = []
        self._media: Dict[str, Medium] = {}
        self._archives: Dict[Path, Dict[str, List[str]]] = {}
        self._members: Dict[Path, Set[str]] = {}
        for place in places:
            walk = self._walk_zip if place.is_file() else _walk_folder
            for path, source, member, pictures in walk(place):
                key = '/'.join(path.parts[-depth:])
                if key in self._media:
                    self.duplicates.append(key)
                else:
                    self._media[key] = Medium(key, source, member, pictures,
                                              place)

    def __len__(self) -> int:
        return len(self._media)

    def __iter__(self) -> Iterator[Medium]:
        """Go through all clips in natural order of their keys."""
        for key in sorted(self._media, key=natural_key):
            yield self._media[key]

    def get(self, key: str) -> Optional[Medium]:
        """Give one clip.

        Args:
            key (str): Its key.

        Returns:
            Medium | None: None if it is not there.
        """
        return self._media.get(key)

    def pictures(self, medium: Medium) -> List[str]:
        """Name the pictures of a folder.

        Args:
            medium (Medium): A clip of this index.

        Returns:
            list[str]: File names in the chosen order; empty for a video.
        """
        if not medium.pictures:
            return []
        if medium.member:
            names = self._archives[medium.source][medium.member]
        else:
            names = [name for name in os.listdir(medium.source)
                     if _is_file_of(name, PICTURES)]
        key = natural_key if self.frame_order == 'natural' else None
        return sorted(names, key=key)

    def frames(self, medium: Medium) -> Tuple[str, ...]:
        """Name the pictures where their order is not the natural one.

        Args:
            medium (Medium): A clip of this index.

        Returns:
            tuple[str]: Empty in natural order, which everybody assumes.
        """
        if self.frame_order == 'natural':
            return ()
        return tuple(self.pictures(medium))

    def beside(self, medium: Medium, suffix: str,
               whole_name: bool = False) -> Optional[bytes]:
        """Read a small file that lies beside a video.

        Args:
            medium (Medium): A video of this index.
            suffix (str): What replaces the suffix of the video, e.g. '.xml'.
            whole_name (bool): Whether ``suffix`` is a name of its own, in the
                folder of the video. Defaults to False.

        Returns:
            bytes | None: Its content; None if there is no such file.
        """
        if medium.member:
            member = PurePosixPath(medium.member)
            name = str(member.with_name(
                suffix if whole_name else member.stem + suffix))
            if name not in self._members[medium.source]:
                return None
            with zipfile.ZipFile(medium.source) as file:
                return file.read(name)
        path = medium.source.with_name(
            suffix if whole_name else medium.source.stem + suffix)
        return path.read_bytes() if path.is_file() else None

    def count_frames(self, medium: Medium) -> int:
        """Count the pictures of a clip without decoding any.

        Args:
            medium (Medium): A clip of this index.

        Returns:
            int: 0 if the video cannot be opened.
        """
        if medium.pictures:
            return len(self.pictures(medium))
        try:
            if not medium.member:
                return _count_packets(str(medium.source))
            with zipfile.ZipFile(medium.source) as file:
                return _count_packets(io.BytesIO(file.read(medium.member)))
        except (av.FFmpegError, OSError, IndexError):
            return 0

    def _walk_zip(self, archive: Path) -> Iterator[tuple]:
        try:
            with zipfile.ZipFile(archive) as file:
                names = file.namelist()
        except (zipfile.BadZipFile, OSError) as error:
            raise AdapterError(f'{archive}: cannot be read as a zip archive '
                               f'({error}); fetch it again') from None
        self._members[archive] = set(names)
        folders: Dict[str, List[str]] = {}
        for name in names:
            path = PurePosixPath(name)
            if '__MACOSX' in path.parts:
                continue
            if _is_file_of(path.name, VIDEOS):
                yield path.with_suffix(''), archive, name, False
            elif _is_file_of(path.name, PICTURES):
                folders.setdefault(str(path.parent), []).append(path.name)
        self._archives[archive] = folders
        for folder in folders:
            yield PurePosixPath(folder), archive, folder, True


def _walk_folder(root: Path) -> Iterator[tuple]:
    with os.scandir(root) as entries:
        below = []
        for entry in entries:
            if entry.is_dir():
                if not entry.name.startswith('.'):
                    below.append(Path(entry.path))
            elif _is_file_of(entry.name, VIDEOS):
                path = Path(entry.path)
                yield PurePosixPath(path.with_suffix('')), path, '', False
            elif _is_file_of(entry.name, PICTURES):
                # A folder of pictures is one clip and holds no others, so
                # the rest of its names need not be read.
                yield PurePosixPath(root), root, '', True
                return
    for folder in sorted(below, key=lambda path: natural_key(path.name)):
        yield from _walk_folder(folder)


def _count_packets(file) -> int:
    with av.open(file) as container:
        stream = container.streams.video[0]
        return sum(1 for packet in container.demux(stream) if packet.size)


def _is_file_of(name: str, suffixes: Tuple[str, ...]) -> bool:
    # '._x.jpg' is what macOS writes beside 'x.jpg'.
    return name.lower().endswith(suffixes) and not name.startswith('.')
