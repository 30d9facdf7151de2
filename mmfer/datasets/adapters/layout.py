# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Find the parts of a release, whichever way its folders are named."""
from pathlib import Path
from typing import List, Sequence, Union

from ..folds import natural_key


class AdapterError(ValueError):
    """A release that is not what it should be; one line for the user."""


def locate(root: Union[str, Path],
           patterns: Sequence[str],
           what: str = 'files',
           title: str = 'this data set',
           required: bool = True,
           depth: int = 2) -> List[Path]:
    """Find what the first fitting pattern names.

    Archives unpack into a folder of their own or do not, so each pattern is
    tried in the root, then one and then two folders deeper, before the next
    pattern is.

    Args:
        root (str | Path): Folder of the release.
        patterns (Sequence[str]): Glob patterns, best first; '.' is the root.
        what (str): Name of the thing, for the message.
        title (str): Name of the data set, for the message.
        required (bool): Whether nothing found raises. Defaults to True.
        depth (int): Folders below the root in which to look; 0 is the root
            alone. Defaults to 2.

    Returns:
        list[Path]: All that match the first fitting pattern at the smallest
        depth, in natural order; empty if nothing fits and nothing need.

    Raises:
        AdapterError: Nothing fits; the message names what was looked for.
    """
    root = Path(root)
    for pattern in patterns:
        if pattern == '.':
            return [root]
        for folders in range(depth + 1):
            found = [path for path in root.glob('*/' * folders + pattern)
                     if not _is_debris(path.relative_to(root))]
            if found:
                return sorted(found, key=lambda path: natural_key(
                    path.as_posix()))
    if required:
        raise AdapterError(
            f'{root}: no {title} {what}; looked for '
            f'{", ".join(patterns)} there and up to two folders deeper')
    return []


def _is_debris(path: Path) -> bool:
    # What macOS and Windows leave beside the files of an archive.
    return any(part.startswith('.') or part == '__MACOSX'
               for part in path.parts)
