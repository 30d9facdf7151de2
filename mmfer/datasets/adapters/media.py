# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The clips of a release: videos, folders of pictures, zips of either."""
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

import av

from .layout import natural_key
from .walk import PICTURES, Walk, is_file_of


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
        apart (bool): Whether equal names in two places are two clips; the
            name of the place then stands in front of the key.
            Defaults to False.

    Attributes:
        duplicates (list[str]): Keys that occur in two places.
        mixed (list[str]): See :class:`.walk.Walk`.
        unnumbered (list[str]): Pictures that were left out, see
            :func:`.spans.numbered_pictures`.

    Raises:
        AdapterError: An archive cannot be read.
    """

    def __init__(self,
                 places: Iterable[Path],
                 depth: int = 1,
                 frame_order: str = 'natural',
                 apart: bool = False) -> None:
        self.frame_order = frame_order
        self.duplicates: List[str] = []
        self.mixed: List[str] = []
        self.unnumbered: List[str] = []
        self._media: Dict[str, Medium] = {}
        self._archives: Dict[Path, Dict[str, List[str]]] = {}
        self._members: Dict[Path, Dict[str, str]] = {}
        # Folders first: they count where an archive was kept beside them.
        for place in sorted(places, key=lambda place: place.is_file()):
            walk = Walk(place)
            self.mixed += [m for m in walk.mixed if m not in self.mixed]
            self._archives[place] = walk.folders
            self._members[place] = walk.members
            name = place.stem if place.is_file() else place.name
            for found in walk.found:
                key = '/'.join([name] * apart + list(
                    found.path.parts[-depth:]))
                self._add(Medium(key, *found[1:], place))

    def _add(self, medium: Medium) -> None:
        known = self._media.setdefault(medium.key, medium)
        same = (known.source, known.member) == (medium.source, medium.member)
        unpacked = medium.member and not known.member
        if not same and not unpacked:
            self.duplicates.append(medium.key)

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
                     if is_file_of(name, PICTURES)]
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
            return self._read(medium.source, name)
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
            return _count_packets(io.BytesIO(
                self._read(medium.source, medium.member)))
        except (av.FFmpegError, OSError, IndexError):
            return 0

    def _read(self, archive: Path, member: str) -> bytes:
        with zipfile.ZipFile(archive) as file:
            return file.read(self._members[archive][member])


def _count_packets(file) -> int:
    with av.open(file) as container:
        stream = container.streams.video[0]
        return sum(1 for packet in container.demux(stream) if packet.size)
