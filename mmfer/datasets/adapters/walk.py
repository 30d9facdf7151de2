# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which files and folders below a place are clips.

A video is one. A folder is one if it holds pictures and nothing else that
could be a clip: a picture beside videos, or above folders with clips of their
own, is a preview, and does not make all of that one clip.
"""
import os
import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Dict, List, NamedTuple, Tuple

from .layout import AdapterError, natural_key

VIDEOS = ('.mp4', '.avi', '.flv', '.mov', '.mkv', '.mpg', '.mpeg', '.webm',
          '.wmv', '.m4v')
PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# Thumbnails of network drives, resource forks of macOS.
_DEBRIS = ('@eaDir', '__MACOSX')


class Found(NamedTuple):
    """A clip that a walk came by.

    Args:
        path (PurePosixPath): Its path without suffix.
        source (Path): Video, folder of pictures, or zip archive.
        member (str): File or folder in the archive, or ''.
        pictures (bool): Whether it is a folder.
    """

    path: PurePosixPath
    source: Path
    member: str
    pictures: bool


class Walk:
    """The clips of one place.

    Args:
        place (Path): A folder or a zip archive.

    Attributes:
        found (list[Found]): The clips.
        mixed (list[str]): Folders whose pictures are no clip, by their first
            picture.
        members (dict[str, str]): Of an archive: name of every file without
            './' in front, and the name that the archive gives it.
        folders (dict[str, list[str]]): Of an archive: pictures by folder.

    Raises:
        AdapterError: The archive cannot be read.
    """

    def __init__(self, place: Path) -> None:
        self.mixed: List[str] = []
        self.members: Dict[str, str] = {}
        self.folders: Dict[str, List[str]] = {}
        self.found = (self._archive(place) if place.is_file() else
                      self._folder(place, ()))

    def _folder(self, root: Path, above: Tuple[tuple, ...]) -> List[Found]:
        info = os.stat(root)
        here = info.st_dev, info.st_ino
        if info.st_ino and here in above:
            # A link that leads upwards: what it shows has been seen.
            return []
        videos, pictures, below = [], [], []
        with os.scandir(root) as entries:
            for entry in entries:
                if _is_folder(entry):
                    if not _is_debris(entry.name):
                        below.append(entry.name)
                elif is_file_of(entry.name, VIDEOS):
                    videos.append(entry.name)
                elif is_file_of(entry.name, PICTURES):
                    pictures.append(entry.name)
        found = [Found(PurePosixPath((root / name).with_suffix('')),
                       root / name, '', False)
                 for name in sorted(videos, key=natural_key)]
        for name in sorted(below, key=natural_key):
            found += self._folder(root / name, (*above, here))
        if pictures and not found:
            return [Found(PurePosixPath(root), root, '', True)]
        if pictures:
            self._note_mixed(str(root), pictures)
        return found

    def _archive(self, archive: Path) -> List[Found]:
        try:
            with zipfile.ZipFile(archive) as file:
                names = file.namelist()
        except (zipfile.BadZipFile, OSError) as error:
            raise AdapterError(f'{archive}: cannot be read as a zip archive '
                               f'({error}); fetch it again') from None
        found: List[Found] = []
        pictures: Dict[PurePosixPath, List[str]] = defaultdict(list)
        holders = set()  # folders of videos, and all above any clip
        for name in names:
            if name.endswith(('/', '\\')):
                continue
            # Some programs write './a/b', on Windows even 'a\b'.
            path = PurePosixPath(name.replace('\\', '/').strip('/'))
            if any(map(_is_debris, path.parts)):
                continue
            self.members[str(path)] = name
            if is_file_of(path.name, VIDEOS):
                found.append(Found(path.with_suffix(''), archive, str(path),
                                   False))
                holders.update(path.parents)
            elif is_file_of(path.name, PICTURES):
                pictures[path.parent].append(path.name)
        for folder in pictures:
            holders.update(folder.parents)
        for folder, inside in pictures.items():
            if folder in holders:
                self._note_mixed(f'{archive}/{folder}', inside)
            else:
                self.folders[str(folder)] = inside
                found.append(Found(folder, archive, str(folder), True))
        return found

    def _note_mixed(self, folder: str, pictures: List[str]) -> None:
        first = sorted(pictures, key=natural_key)[0]
        more = f' and {len(pictures) - 1} more' if len(pictures) > 1 else ''
        self.mixed.append(f'{folder}/{first}{more}')


def _is_debris(name: str) -> bool:
    return name.startswith('.') or name in _DEBRIS


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_file_of(name: str, suffixes: Tuple[str, ...]) -> bool:
    """Say whether a file is of some kind, by its name.

    Args:
        name (str): Name without folders.
        suffixes (tuple[str]): In lower case.

    Returns:
        bool: False for '._x.jpg', which macOS writes beside 'x.jpg'.
    """
    return name.lower().endswith(suffixes) and not name.startswith('.')
