# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets of one's own: a folder of class folders, or a CSV file."""
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import (Dict, Iterable, List, Mapping, Optional, Sequence, Tuple,
                    Union)

from ..adapters.facts import SourceClip
from ..annotations import INTEGERS, AnnotationError, read_annotations
from ..findings import Finding
from ..folds import natural_key
from .found_media import FoundMedium, media_of_archive, media_of_folder
from .sources import is_video

PathLike = Union[str, Path]

#: Names of folders that stand above those of the classes.
SPLIT_FOLDERS = {
    'train': 'train', 'training': 'train', 'val': 'val', 'valid': 'val',
    'validation': 'val', 'dev': 'val', 'test': 'test', 'testing': 'test'
}
_KNOWN = {'path', 'label', 'subject', 'split', *INTEGERS}


class CustomSetError(ValueError):
    """A folder or file that does not say what is in it; one line."""


def scan_folder(root: PathLike,
                names: Optional[Mapping[str, str]] = None
                ) -> Tuple[List[SourceClip], List[Finding]]:
    """List the clips of a folder (or zip archive) of class folders.

    A clip is a video, a folder that holds pictures, or a zip archive of
    either, at any depth below the folder of its class. Above the classes
    there may be folders of splits (train, val, test).

    Args:
        root (str | Path): The folder or archive.
        names (Mapping[str, str], optional): Class name of a folder whose own
            name is not one. Defaults to None.

    Returns:
        tuple: The clips in natural order, and what was met on the way.

    Raises:
        CustomSetError: There is no such folder, nothing is in it, or some of
            its folders are named as splits and some are not.
    """
    root = Path(root)
    unnamed: List[str] = []
    if root.is_dir():
        media, unnamed = media_of_folder(root)
    elif root.suffix.lower() == '.zip' and root.is_file():
        media = media_of_archive(root)
    else:
        raise CustomSetError(
            f'{root}: no such folder; expected a folder of class folders, a '
            '.zip archive of one, or a .csv file')
    if not media:
        raise CustomSetError(
            f'{root}: no video and no folder of pictures is in it; expected '
            'CLASS/clip.mp4 or CLASS/clip/0001.jpg')
    media.sort(key=lambda found: natural_key(found[0].as_posix()))
    with_splits = _has_splits(root, media)
    clips, loose = [], []
    for key, source, member in media:
        parts = list(key.parts)
        if len(parts) < (3 if with_splits else 2):
            loose.append(key.as_posix())
            continue
        split = SPLIT_FOLDERS[parts[0].lower()] if with_splits else None
        label = parts[1 if with_splits else 0]
        clips.append(SourceClip(
            name=key.as_posix(), source=source, member=member,
            label=(names or {}).get(label, label), split=split))
    findings = []
    if unnamed:
        findings.append(Finding(
            'warning', 'names-not-utf-8',
            f'{len(unnamed)} files or folders have names that are not UTF-8 '
            'and are left out', 'rename them, for example with convmv',
            unnamed))
    if loose:
        findings.append(Finding(
            'warning', 'loose-files',
            f'{len(loose)} clips are in no class folder, or pictures lie '
            'directly in one',
            'expected CLASS/clip.mp4 or CLASS/clip/0001.jpg', loose))
    if not clips:
        raise CustomSetError(
            f'{root}: no clip is in a class folder; expected CLASS/clip.mp4 '
            'or CLASS/clip/0001.jpg')
    _check_labels(root, clips)
    return _with_names(clips), findings


def _has_splits(root: Path, media: Sequence[FoundMedium]) -> bool:
    """Say whether the folders of the root are splits, above the classes."""
    known = {key.parts[0] for key, _, _ in media
             if len(key.parts) > 2 and key.parts[0].lower() in SPLIT_FOLDERS}
    others = {key.parts[0] for key, _, _ in media
              if len(key.parts) > 1 and key.parts[0].lower()
              not in SPLIT_FOLDERS}
    if known and others:
        raise CustomSetError(
            f'{root}: {_some(known)} are names of splits, but not '
            f'{_some(others)}; move what is no split elsewhere, or rename '
            'what is a class')
    return bool(known)


def _some(names: Iterable[str], limit: int = 5) -> str:
    names = sorted(names, key=natural_key)
    more = len(names) - limit
    return ', '.join(names[:limit]) + (f' and {more} more' if more > 0 else '')


def _check_labels(root: Path, clips: List[SourceClip]) -> None:
    numbers = sorted({clip.label for clip in clips if clip.label.isdigit()})
    if numbers:
        raise CustomSetError(
            f'{root}: the class folders {", ".join(numbers)} are numbers; '
            'say what they mean, for example '
            f'--class-names {numbers[0]}=happy')


def _with_names(clips: List[SourceClip]) -> List[SourceClip]:
    """Name clips by their path without suffix, unless two would be one."""
    def stem(clip):
        path = PurePosixPath(clip.name)
        media = is_video(path) or path.suffix.lower() == '.zip'
        return path.with_suffix('').as_posix() if media else clip.name

    # Some file systems do not tell A from a.
    counts = Counter(stem(clip).lower() for clip in clips)
    named, rest, taken = {}, [], set()
    for place, clip in enumerate(clips):
        if counts[stem(clip).lower()] > 1:
            rest.append(place)
        else:
            named[place] = stem(clip)
            taken.add(named[place].lower())
    for place in rest:
        name = wanted = clips[place].name.replace('.', '_')
        number = 1
        while name.lower() in taken:
            number += 1
            name = f'{wanted}_{number}'
        named[place] = name
        taken.add(name.lower())
    return [replace(clip, name=named[place])
            for place, clip in enumerate(clips)]


def scan_csv(path: PathLike,
             folder: Optional[PathLike] = None) -> List[SourceClip]:
    """List the clips that a CSV file names.

    Args:
        path (str | Path): The columns path and label, and as far as known
            subject, split, fold, apex, onset, offset and anything else.
        folder (str | Path, optional): Folder of relative paths.
            Defaults to None, the one of the file.

    Returns:
        list[SourceClip]: In the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It cannot be understood.
    """
    path = Path(path)
    folder = Path(folder) if folder else path.parent
    clips = []
    for row in read_annotations(str(path))[1]:
        source = _source(folder, row['path'])
        clips.append(SourceClip(
            name=_plain_name(row['path']), source=source, label=row['label'],
            subject=row.get('subject'), split=row.get('split'),
            **{key: row.get(key) for key in INTEGERS},
            extra={k: v for k, v in row.items() if k not in _KNOWN}))
    if not clips:
        raise AnnotationError(f'{path}: names no clip')
    twice = [source for source, count in Counter(
        os.path.normpath(clip.source) for clip in clips).items() if count > 1]
    if twice:
        raise AnnotationError(
            f'{path}: {len(twice)} clips are named twice, the first is '
            f'{twice[0]}; leave one of the lines out')
    return _with_names(clips)


def _source(folder: Path, path: str) -> Path:
    """Find the file that a table means; some are written on Windows."""
    source = folder / path
    if '\\' in path and not source.exists():
        return folder / path.replace('\\', '/')
    return source


def _plain_name(path: str) -> str:
    """Make a path below the data set of any path in a CSV file."""
    parts = [part.rstrip(':') for part in path.replace('\\', '/').split('/')
             if part not in ('', '.', '..')]
    return '/'.join(parts)


def with_subjects(clips: List[SourceClip], regex: str
                  ) -> Tuple[List[SourceClip], List[Finding]]:
    """Read who is seen from the names of the clips.

    Args:
        clips (list[SourceClip]): Clips.
        regex (str): Regular expression, searched in the name (folders
            included, suffix not). The group named ``subject``, else the first
            group, else the whole match is the person.

    Returns:
        tuple: The clips with their subjects, and a finding if some names do
        not match.

    Raises:
        CustomSetError: Not a regular expression, or it matches nothing.
    """
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise CustomSetError(
            f'{regex!r} is not a regular expression ({error})') from None
    out, unmatched = [], []
    for clip in clips:
        match = pattern.search(clip.name)
        subject = None
        if match and 'subject' in pattern.groupindex:
            subject = match['subject']
        elif match:
            subject = match[1] if pattern.groups else match[0]
        if not subject:
            unmatched.append(clip.name)
        out.append(replace(clip, subject=subject or clip.subject))
    if len(unmatched) == len(clips):
        raise CustomSetError(
            f'{regex!r} matches none of the clips, for example not '
            f'{clips[0].name!r}')
    findings = []
    if unmatched:
        findings.append(Finding(
            'warning', 'unknown-subjects',
            f'{len(unmatched)} of {len(clips)} names do not match {regex!r}',
            'change --subject-regex such that it finds a person in each',
            unmatched))
    return out, findings


def count_classes(clips: List[SourceClip]) -> Dict[str, int]:
    """Count clips by class.

    Args:
        clips (list[SourceClip]): Clips.

    Returns:
        dict[str, int]: Names in natural order.
    """
    counts = Counter(clip.label for clip in clips)
    return {name: counts[name] for name in sorted(counts, key=natural_key)}
