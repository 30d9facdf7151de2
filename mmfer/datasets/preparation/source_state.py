# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What tells whether the source of a clip is still the one it was."""
import hashlib
import os
from pathlib import Path
from typing import Any, Dict, List, Optional

from mmfer.codec.source_pictures import image_files

from ..adapters.facts import SourceClip


def source_state(clip: SourceClip) -> Optional[Dict[str, Any]]:
    """Look at the source of a clip without reading it.

    Args:
        clip (SourceClip): The clip.

    Returns:
        dict | None: Plain types that are equal as long as the source is the
        same: ``path``, ``size`` in bytes, ``mtime_ns`` of a file, or
        ``files`` and a ``listing`` of names, sizes and times of a folder of
        pictures; ``member``, ``frames`` (count, first and last) and ``view``
        where there are such. None if nothing is there.
    """
    path = Path(clip.source)
    state: Dict[str, Any] = dict(path=readable(os.path.abspath(path)))
    try:
        if path.is_dir():
            files = [path / name for name in clip.frames] or image_files(path)
            state.update(_state_of_folder(files))
        else:
            facts = os.stat(path)
            state.update(size=facts.st_size, mtime_ns=facts.st_mtime_ns)
    except OSError:
        return None
    if clip.member:
        state['member'] = clip.member
    if clip.frames:
        state['frames'] = [len(clip.frames), clip.frames[0], clip.frames[-1]]
    view = [clip.extra.get(key) for key in ('front_half', 'turn_clockwise')]
    if any(view):
        state['view'] = [str(part) for part in view]
    return state


def _state_of_folder(files: List[Path]) -> Dict[str, Any]:
    # A file that is replaced leaves the time of its folder as it was.
    size, listing = 0, hashlib.sha256()
    for file in files:
        facts = os.stat(file)
        size += facts.st_size
        listing.update(
            os.fsencode(file.name)
            + f'\0{facts.st_size}\0{facts.st_mtime_ns}\0'.encode())
    return dict(files=len(files), size=size, listing=listing.hexdigest()[:16])


def readable(text: object) -> str:
    """Write a path such that it can be printed and stored.

    Args:
        text (object): A path, or text that names one; bytes of a file name
            that are not UTF-8 are written as ``\\xfc``.

    Returns:
        str: Text that UTF-8 can hold.
    """
    return str(text).encode('utf-8', 'surrogateescape').decode(
        'utf-8', 'backslashreplace')
