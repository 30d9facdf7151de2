# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets of one's own: a folder of class folders, or a CSV file."""
import posixpath
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, Mapping, Optional, Tuple, Union

from ..adapters.facts import SourceClip
from ..annotations import INTEGERS, AnnotationError, read_annotations
from ..findings import Finding
from ..folds import natural_key
from .archives import ClipArchive
from .sources import is_picture, is_video

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
        CustomSetError: There is no such folder, or nothing in it.
    """
    root = Path(root)
    if root.is_dir():
        media = list(_media_of_folder(root))
    elif root.suffix.lower() == '.zip' and root.is_file():
        media = list(_media_of_archive(root))
    else:
        raise CustomSetError(
            f'{root}: no such folder; expected a folder of class folders, a '
            '.zip archive of one, or a .csv file')
    if not media:
        raise CustomSetError(
            f'{root}: no video and no folder of pictures is in it; expected '
            'CLASS/clip.mp4 or CLASS/clip/0001.jpg')
    media.sort(key=lambda found: natural_key(found[0].as_posix()))
    above = {key.parts[0].lower() for key, _, _ in media
             if len(key.parts) > 2}
    with_splits = bool(above) and above <= set(SPLIT_FOLDERS)
    clips, loose = [], []
    for key, source, member in media:
        parts = list(key.parts)
        split = SPLIT_FOLDERS.get(parts[0].lower()) if (
            with_splits and len(parts) > 2) else None
        label = parts[1 if split else 0]
        if len(parts) < (3 if split else 2):
            loose.append(key.as_posix())
            continue
        clips.append(SourceClip(
            name=key.as_posix(), source=source, member=member,
            label=(names or {}).get(label, label), split=split))
    findings = []
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


def _check_labels(root: Path, clips: List[SourceClip]) -> None:
    numbers = sorted({clip.label for clip in clips if clip.label.isdigit()})
    if numbers:
        raise CustomSetError(
            f'{root}: the class folders {", ".join(numbers)} are numbers; '
            'say what they mean, for example '
            f'--class-names {numbers[0]}=happy')


def _media_of_folder(root: Path) -> Iterator[tuple]:
    """Yield (path below the root with suffix, source, member)."""
    for path in sorted(root.iterdir()):
        yield from _walk(path, root)


def _walk(path: Path, root: Path) -> Iterator[tuple]:
    if path.name.startswith('.') or path.name == '__MACOSX':
        return
    below = PurePosixPath(path.relative_to(root).as_posix())
    if not path.is_dir():
        if is_video(path) or path.suffix.lower() == '.zip':
            yield below, path, ''
        return
    children = sorted(path.iterdir())
    if any(is_picture(child) and not child.name.startswith('.')
           and child.is_file() for child in children):
        yield below, path, ''
    for child in children:
        if child.is_dir() or not is_picture(child):
            yield from _walk(child, root)


def _media_of_archive(root: Path) -> Iterator[tuple]:
    with ClipArchive(root) as archive:
        names = archive.names()
    folders = {posixpath.dirname(name) for name in names if is_picture(name)}
    found = [name for name in names if is_video(name)] + sorted(folders)
    # An archive often holds one folder named as itself, above the classes.
    first = {name.split('/')[0] for name in found}
    above = len(first) == 1 and all(name.count('/') > 1 for name in found)
    for name in found:
        parts = PurePosixPath(name).parts
        yield PurePosixPath(*parts[1 if above else 0:]), root, name


def _with_names(clips: List[SourceClip]) -> List[SourceClip]:
    """Name clips by their path without suffix, unless two would be one."""
    def stem(clip):
        path = PurePosixPath(clip.name)
        media = is_video(path) or path.suffix.lower() == '.zip'
        return path.with_suffix('').as_posix() if media else clip.name

    # Some file systems do not tell A from a.
    counts = Counter(stem(clip).lower() for clip in clips)
    named = []
    for clip in clips:
        name = stem(clip)
        if counts[name.lower()] > 1:
            name = clip.name.replace('.', '_')
        named.append(replace(clip, name=name))
    return named


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
    try:
        rows = read_annotations(str(path))[1]
    except UnicodeDecodeError:
        raise AnnotationError(
            f'{path}: is not written in UTF-8; save it as "CSV UTF-8"'
        ) from None
    clips = []
    for row in rows:
        source = folder / row['path']
        clips.append(SourceClip(
            name=_plain_name(row['path']), source=source, label=row['label'],
            subject=row.get('subject'), split=row.get('split'),
            **{key: row.get(key) for key in INTEGERS},
            extra={k: v for k, v in row.items() if k not in _KNOWN}))
    if not clips:
        raise AnnotationError(f'{path}: names no clip')
    twice = [n for n, c in Counter(clip.name for clip in clips).items()
             if c > 1]
    if twice:
        raise AnnotationError(
            f'{path}: {len(twice)} clips are named twice, the first is '
            f'{twice[0]}')
    return _with_names(clips)


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
