# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where results go: every name is known, and checked, before the work."""
import os
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

#: Endings of what is drawn; the first one is given to files in a folder.
PLOT_SUFFIXES = ('.png', '.pdf', '.svg')
VIDEO_SUFFIXES = ('.mp4', )


class OutputError(ValueError):
    """A result cannot be written there; the message says why."""


class OutputPlan:
    """Names of everything that a run writes.

    Args:
        names (Sequence[str]): The inputs.
        used (Sequence[str]): Other files that the run reads.
        json, csv, jsonl (str, optional): Files.
        plot, video (str, optional): A file for a single input, otherwise a
            folder; a folder that exists is one for a single input, too.

    Attributes:
        json, csv, jsonl (str | None): As given.
        plots, videos (dict[str, Path]): By name of the input.

    Raises:
        OutputError: The run would overwrite what it reads, would write a
            file twice, or cannot write there.
    """

    def __init__(self,
                 names: Sequence[str],
                 used: Sequence[str] = (),
                 json: Optional[str] = None,
                 csv: Optional[str] = None,
                 jsonl: Optional[str] = None,
                 plot: Optional[str] = None,
                 video: Optional[str] = None) -> None:
        self.json, self.csv, self.jsonl = json, csv, jsonl
        self.plots = _drawn('--plot', plot, names, PLOT_SUFFIXES)
        self.videos = _drawn('--video', video, names, VIDEO_SUFFIXES)
        planned = [(option, path, '') for option, path in (
            ('--json', json), ('--csv', csv), ('--jsonl', jsonl)) if path]
        for option, drawn in (('--plot', self.plots),
                              ('--video', self.videos)):
            planned += [(option, str(path), name)
                        for name, path in drawn.items()]
        _check(planned, [*names, *used])


def _drawn(option: str, asked: Optional[str], names: Sequence[str],
           suffixes: Sequence[str]) -> Dict[str, Path]:
    """Name what is drawn of each input."""
    if not asked or not names:
        return {}
    is_folder = os.path.isdir(asked) or asked.endswith(
        (os.sep, os.altsep or os.sep))
    if len(names) == 1 and not is_folder:
        if os.path.splitext(asked)[1].lower() not in suffixes and not \
                _is_special(asked):
            raise OutputError(
                f'{option} {asked}: give a name in {" or ".join(suffixes)}, '
                'or a folder that exists')
        return {names[0]: Path(asked)}
    if os.path.exists(asked) and not is_folder:
        raise OutputError(f'{option} {asked}: is a file; several inputs need '
                          'a folder')
    # The folders of the clip are part of the name: stems may repeat.
    try:
        common = os.path.commonpath(
            [os.path.dirname(os.path.abspath(name)) for name in names])
    except ValueError as error:  # of several drives
        raise OutputError(f'{option} {asked}: {error}; predict the files of '
                          'each drive on their own') from None
    drawn = {}
    for name in names:
        flat = os.path.relpath(os.path.abspath(name), common).replace(
            os.sep, '_')
        if not flat.endswith(suffixes[0]):
            flat += suffixes[0]
        drawn[name] = Path(asked) / flat
    return drawn


def _check(planned: List[Tuple[str, str, str]], read: Sequence[str]) -> None:
    reads = {_identity(path): path for path in read}
    taken: Dict[object, Tuple[str, str]] = {}
    folders = set()
    for option, path, name in planned:
        if _is_special(path):
            continue
        if os.path.isdir(path):
            raise OutputError(f'{option} {path}: is a folder; give the name '
                              'of a file')
        key = _identity(path)
        if key in reads:
            raise OutputError(
                f'{path}: {option} would overwrite what this run reads '
                f'({reads[key]}); give another name')
        # The same clip twice is drawn twice alike.
        owner = option, os.path.abspath(name) if name else ''
        before = taken.setdefault(key, owner)
        if before != owner:
            raise OutputError(
                f'{path}: would be written twice, by {_told(before)} and by '
                f'{_told(owner)}; '
                + ('rename one of them, or predict them one after the other'
                   if name else 'give two names'))
        folder = os.path.dirname(os.path.abspath(path))
        if folder not in folders:
            _check_folder(option, path, folder)
            folders.add(folder)


def _told(owner: Tuple[str, str]) -> str:
    option, name = owner
    return f'{option} of {name}' if name else option


def _check_folder(option: str, path: str, folder: str) -> None:
    """See whether a file can be made; missing folders will be made."""
    while not os.path.lexists(folder):
        folder, below = os.path.dirname(folder), folder
        if folder == below:  # a drive that is not there
            raise OutputError(f'{option} {path}: {folder} does not exist')
    if not os.path.isdir(folder):
        raise OutputError(f'{option} {path}: {folder} is no folder')
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f'{option} {path}: no permission to write into '
                          f'{folder}')


def _is_special(path: str) -> bool:
    """Whether it is a device or a pipe, which is written to."""
    return os.path.exists(path) and not os.path.isfile(path) and not \
        os.path.isdir(path)


def _identity(path: str) -> object:
    """What two names of one file have in common, links included."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        # Some disks take names in capitals for the same.
        return os.path.realpath(path).casefold()
    return status.st_dev, status.st_ino
