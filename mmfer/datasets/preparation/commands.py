# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What ``tools/data/prepare.py`` does, for those who call it from Python."""
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Sequence, Union

from ..adapters import AdapterError, get_adapter
from ..annotations import AnnotationError
from ..findings import Finding
from .custom import (CustomSetError, count_classes, scan_csv, scan_folder,
                     with_subjects)
from .partition import add_partition, write_partition
from .prepare import ANNOTATIONS, Outcome, prepare
from .run_faults import PreparationError
from .settings import Settings
from .source_state import readable

PathLike = Union[str, Path]

#: Everything that is the user's to put right and says so in one line.
USER_ERRORS = (AdapterError, AnnotationError, CustomSetError,
               FileNotFoundError, PreparationError)

PARTITION = 'partition.csv'


def default_encoding() -> dict:
    """Give the coding that clips get unless told otherwise.

    Returns:
        dict: Arguments of :func:`mmfer.codec.transcode`.
    """
    return dict(codec='mpeg4', gop=12, qscale=3, size=[224, 224])


def prepare_release(name: str,
                    root: PathLike,
                    out: PathLike,
                    protocol: Optional[str] = None,
                    settings: Optional[Settings] = None,
                    crop: Optional[str] = None,
                    source: Optional[str] = None,
                    variant: Optional[Mapping[str, Any]] = None,
                    tell: Callable[[Sequence[Finding]], None] = lambda f: None,
                    **options) -> Outcome:
    """Prepare an official release.

    Args:
        name (str): Name of an adapter, such as 'dfew'.
        root (str | Path): Folder of the release.
        out (str | Path): Folder to write to.
        protocol (str, optional): A protocol of the adapter. Defaults to None,
            the usual one, in ``annotations.json``; others are written to
            ``annotations-PROTOCOL.json`` and share the clips.
        settings (Settings, optional): How clips are made. Defaults to None,
            those of :func:`default_encoding`.
        crop (str, optional): Face crop. Defaults to None, what this kind of
            clips needs according to the adapter.
        source (str, optional): Which kind of clips of the release.
        variant (Mapping, optional): Further choices of the adapter; text
            stands for the value that is written so.
        tell (Callable): Gets the findings about the release before the work
            begins.
        **options: ``workers``, ``retry`` and ``progress`` of
            :func:`.prepare.prepare`.

    Returns:
        Outcome: Its findings include those about the release.
    """
    settings = settings or Settings(encoding=default_encoding())
    adapter = get_adapter(name)
    release = adapter(root, source, settings.frame_order,
                      **_typed(adapter.variants, variant or {}))
    usual = release.protocol_name()
    chosen = release.protocol_name(protocol)
    clips = release.clips(chosen)
    findings = release.check(clips)
    tell(findings)
    settings = replace(settings, crop=crop or release.crop)
    metainfo = dict(
        dataset=release.name, title=release.title,
        classes=list(release.class_names(chosen)), protocol=chosen,
        variant=dict(release.variant, source=release.source),
        citation=release.citation, licence=release.licence)
    outcome = prepare(
        clips, out, metainfo, settings, release.frame_rate,
        dict(release.variant, source=release.source),
        ANNOTATIONS if chosen == usual else f'annotations-{chosen}.json',
        **options)
    outcome.findings = [*findings, *outcome.findings]
    return outcome


def _typed(known: Mapping[str, tuple],
           given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace text from a command line by the value that it names."""
    return {
        name: next((v for v in known.get(name, ()) if str(v) == str(value)),
                   value)
        for name, value in given.items()
    }


def prepare_custom(root: PathLike,
                   out: PathLike,
                   settings: Optional[Settings] = None,
                   crop: Optional[str] = None,
                   csv: Optional[PathLike] = None,
                   class_names: Optional[Mapping[str, str]] = None,
                   subject_regex: Optional[str] = None,
                   split: Sequence[float] = (),
                   folds: int = 0,
                   seed: int = 0,
                   frame_rate: Optional[float] = None,
                   name: str = '',
                   tell: Callable[[Sequence[Finding]], None] = lambda f: None,
                   **options) -> Outcome:
    """Prepare a data set of one's own.

    Args:
        root (str | Path): Folder of class folders, a zip archive of one, or
            the folder of the paths in ``csv``; may be a CSV file itself.
        out (str | Path): Folder to write to.
        settings (Settings, optional): How clips are made. Defaults to None.
        crop (str, optional): Face crop. Defaults to None, that of the
            settings, 'clip'.
        csv (str | Path, optional): Names the clips, see
            :func:`.custom.scan_csv`.
        class_names (Mapping[str, str], optional): Class of a folder.
        subject_regex (str, optional): See :func:`.custom.with_subjects`.
        split (Sequence[float]): See :func:`.partition.add_partition`.
        folds (int): See there.
        seed (int): See there.
        frame_rate (float, optional): Pictures a second of picture folders.
        name (str): Of the data set. Defaults to '', that of the folder.
        tell (Callable): Gets findings before the work begins.
        **options: ``workers``, ``retry`` and ``progress`` of
            :func:`.prepare.prepare`.

    Returns:
        Outcome: Its findings include those about the folder.
    """
    root = Path(root)
    if csv is None and root.suffix.lower() == '.csv':
        csv, root = root, root.parent
    if _inside(out, root) and csv is None:
        raise PreparationError(
            f'{out}: lies in {root}; its clips would be taken for sources '
            'the next time, choose a folder elsewhere')
    findings: List[Finding] = []
    if csv is None:
        clips, findings = scan_folder(root, class_names)
    else:
        clips = scan_csv(csv, root)
    if subject_regex:
        clips, more = with_subjects(clips, subject_regex)
        findings = findings + more
    for key in ('split', 'fold'):
        given = sum(getattr(clip, key) is not None for clip in clips)
        if given and (split or folds):
            raise CustomSetError(
                f'{given} of {len(clips)} clips have a {key} already; leave '
                '--split and --folds out, or take the column or the folders '
                'of splits away')
    clips, more = add_partition(clips, split, folds, seed)
    findings = findings + more
    tell(findings)
    settings = settings or Settings(encoding=default_encoding())
    settings = replace(settings, crop=crop or settings.crop)
    protocol = 'folds' if any(c.fold is not None for c in clips) else \
        'split' if any(c.split for c in clips) else 'all'
    metainfo = dict(
        dataset=name or readable(Path(csv or root).stem),
        classes=list(count_classes(clips)), protocol=protocol)
    outcome = prepare(clips, out, metainfo, settings, frame_rate, **options)
    if split or folds:
        write_partition(Path(out) / PARTITION, clips)
    else:
        # That of an earlier run would contradict the annotation file.
        (Path(out) / PARTITION).unlink(missing_ok=True)
    outcome.findings = [*findings, *outcome.findings]
    return outcome


def _inside(path: PathLike, folder: PathLike) -> bool:
    path, folder = Path(path).resolve(), Path(folder).resolve()
    return folder == path or folder in path.parents
