# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The clips that lie in a folder or an archive, whatever they show."""
import os
import posixpath
from pathlib import Path, PurePosixPath
from typing import FrozenSet, Iterator, List, Tuple

from .archives import ClipArchive
from .source_state import readable
from .sources import is_picture, is_video

#: Path below the root with suffix, source, member of an archive.
FoundMedium = Tuple[PurePosixPath, Path, str]


def media_of_folder(root: Path) -> Tuple[List[FoundMedium], List[str]]:
    """Find videos, archives and folders that hold pictures.

    Args:
        root (Path): The folder.

    Returns:
        tuple: What was found, and the names of files and folders that cannot
        be taken: a name that is not UTF-8 cannot be stored.
    """
    found, unnamed = [], []
    above = frozenset([os.path.realpath(root)])
    for path in sorted(root.iterdir()):
        found += _walk(path, root, above, unnamed)
    return found, unnamed


def _walk(path: Path, root: Path, above: FrozenSet[str],
          unnamed: List[str]) -> Iterator[FoundMedium]:
    if path.name.startswith('.') or path.name == '__MACOSX':
        return
    is_folder = path.is_dir()
    if not (is_folder or is_video(path) or path.suffix.lower() == '.zip'):
        return
    if readable(path.name) != path.name:
        unnamed.append(readable(path.relative_to(root)))
        return
    below = PurePosixPath(path.relative_to(root).as_posix())
    if not is_folder:
        yield below, path, ''
        return
    real = os.path.realpath(path)
    if real in above:  # a link that leads upwards shows everything once more
        return
    children = sorted(path.iterdir())
    if any(is_picture(child) and not child.name.startswith('.')
           and child.is_file() for child in children):
        yield below, path, ''
    for child in children:
        if child.is_dir() or not is_picture(child):
            yield from _walk(child, root, above | {real}, unnamed)


def media_of_archive(path: Path) -> List[FoundMedium]:
    """Find videos and folders that hold pictures.

    Args:
        path (Path): A zip archive.

    Returns:
        list: What was found; a single folder above all of it is left out of
        the paths.
    """
    with ClipArchive(path) as archive:
        names = archive.names()
    folders = {posixpath.dirname(name) for name in names if is_picture(name)}
    found = [name for name in names if is_video(name)] + sorted(folders)
    # An archive often holds one folder named as itself, above the classes.
    first = {name.split('/')[0] for name in found}
    above = len(first) == 1 and all(name.count('/') > 1 for name in found)
    return [
        (PurePosixPath(*PurePosixPath(name).parts[1 if above else 0:]), path,
         name) for name in found
    ]
