# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What all official releases have in common.

An adapter knows how one data set is published: where its clips lie, how its
annotation files are written, who is in them, and how it is split. It reads
names and labels only, never a picture. Everything behind it (cropping,
coding, training) sees :class:`SourceClip` and nothing of the release.
"""
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from ..findings import Finding
from ..folds import natural_key, subject_folds
from .layout import AdapterError, locate
from .media import MediaIndex, Medium


@dataclass(frozen=True)
class SourceClip:
    """One clip of an official release.

    Args:
        name (str): POSIX path without suffix that is unique in the data set;
            names the clip that is made of it, e.g. 'Action/Sad/0010'.
        source (Path): Video file, folder of pictures, or zip archive.
        label (str): Class name.
        member (str): File or folder inside the archive. Defaults to ''.
        frames (tuple[str]): Names of the picture files to take, in order.
            Defaults to (), all that the folder holds, in natural order.
        subject (str, optional): Who is seen. Defaults to None, not known.
        split (str, optional): 'train', 'val' or 'test'. Defaults to None.
        fold (int, optional): Fold in which the clip is tested, from 1.
            Defaults to None.
        apex, onset, offset (int, optional): Display index within the clip
            that is made of ``frames``, from 0. Default to None.
        extra (dict): Whatever else is known: scene, intensity, sex, ...
    """

    name: str
    source: Path
    label: str
    member: str = ''
    frames: Tuple[str, ...] = ()
    subject: Optional[str] = None
    split: Optional[str] = None
    fold: Optional[int] = None
    apex: Optional[int] = None
    onset: Optional[int] = None
    offset: Optional[int] = None
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """A way to train and test on a data set.

    Args:
        kind (str): 'split' (clips carry ``split``), 'folds' (official lists
            say in which fold a clip is tested) or 'subjects' (folds are made
            of whole persons; with ``folds=None`` each person is a fold).
        description (str): One line for people.
        folds (int, optional): How many. Defaults to None.
        rule (str): With 'subjects', how persons are dealt out, see
            :func:`mmfer.datasets.folds.subject_folds`.
            Defaults to 'stride'.
    """

    kind: str
    description: str
    folds: Optional[int] = None
    rule: str = 'stride'


@dataclass(frozen=True)
class Expected:
    """How much a complete copy holds, and who says so.

    Args:
        source (str): Where the numbers come from.
        clips (int, optional): Number of clips. Defaults to None, not known.
        classes (Mapping[str, int]): Clips per class. Defaults to none.
        splits (Mapping[str, int]): Clips per split. Defaults to none.
        folds (Mapping[int, int]): Clips tested per fold. Defaults to none.
        subjects (int, optional): Number of persons. Defaults to None.
    """

    source: str
    clips: Optional[int] = None
    classes: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    folds: Mapping[int, int] = field(default_factory=dict)
    subjects: Optional[int] = None


@dataclass(frozen=True)
class Place:
    """One kind of clips in a release, e.g. the official face crops.

    Args:
        patterns (tuple[str | tuple[str]]): Folders or zip archives below the
            root, as glob patterns, best first; '.zip' is tried after each by
            itself, and '{name}' stands for the variant of that name. A tuple
            in place of a pattern: all of these belong together.
        depth (int): Parts of a path that name a clip. Defaults to 1.
        crop (str): Face crop that these clips need: 'clip' (one box per clip)
            or 'none' (they are faces already). Defaults to 'clip'.
        frame_rate (float): Pictures per second of picture folders; videos
            know their own. Defaults to 25.
        note (str): What one should know about them. Defaults to ''.
    """

    patterns: Tuple[Union[str, Tuple[str, ...]], ...]
    depth: int = 1
    crop: str = 'clip'
    frame_rate: float = 25.
    note: str = ''


class DatasetAdapter:
    """Base of all adapters; a child states facts and parses its lists.

    Args:
        root (str | Path): Folder of the release.
        source (str, optional): Which kind of clips to take, a key of
            ``places``. Defaults to None, the first one that is there.
        frame_order (str): 'natural' (1, 2, 10) or 'lexicographic' (1, 10, 2),
            in which some published checkpoints were trained and want to be
            evaluated. Defaults to 'natural'.
        **variant: Choices of one data set, see ``variants``.

    Attributes:
        name (str): Short name, as commands take it.
        title (str): Name as written in papers.
        classes (tuple[str]): Class names in native order.
        places (dict[str, Place]): Kinds of clips, preferred first.
        protocols (dict[str, Protocol]): Ways to split, the usual one first.
        expected (dict[str, Expected]): Size of a complete copy by protocol;
            '' is for all protocols without an entry.
        variants (dict[str, tuple]): Further arguments and their values, the
            default first; an empty tuple takes anything, default None.
        crop (str), frame_rate (float): Of the chosen place.
        identity (bool): Whether persons are known.
        citation (str): BibTeX.
        licence, access (str): Conditions, and how to obtain a copy.
        unverified (tuple[str]): Facts that nobody has checked on a real copy.

    Raises:
        AdapterError: No folder, an unknown choice, or nothing that looks like
            this data set; one line with what was looked for, and where.
    """

    name = ''
    title = ''
    classes: Tuple[str, ...] = ()
    places: Dict[str, Place] = {}
    protocols: Dict[str, Protocol] = {}
    expected: Dict[str, Expected] = {}
    variants: Dict[str, tuple] = {}
    identity = False
    crop = 'clip'
    frame_rate = 25.
    citation = ''
    licence = ''
    access = ''
    unverified: Tuple[str, ...] = ()

    def __init__(self,
                 root,
                 source: Optional[str] = None,
                 frame_order: str = 'natural',
                 **variant) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise AdapterError(
                f'{self.root}: no such folder; give the folder of the '
                f'{self.title} release')
        if source is not None and source not in self.places:
            raise AdapterError(
                f'{self.title} has the sources '
                f'{", ".join(self.places)}, not {source!r}')
        if frame_order not in ('natural', 'lexicographic'):
            raise AdapterError("`frame_order` is 'natural' or "
                               f"'lexicographic', not {frame_order!r}")
        self.source = source
        self.frame_order = frame_order
        self.variant = self._choose(variant)
        self.findings: List[Finding] = []
        self._protocol = ''

    def _choose(self, given: Dict[str, Any]) -> Dict[str, Any]:
        unknown = set(given) - set(self.variants)
        if unknown:
            raise AdapterError(
                f'{self.title} has no choice {", ".join(sorted(unknown))}; '
                f'there are {", ".join(self.variants) or "none"}')
        chosen = {}
        for name, values in self.variants.items():
            if name not in given:
                chosen[name] = values[0] if values else None
                continue
            value = given[name]
            if values:
                # Command lines know strings only.
                same = [v for v in values if str(v) == str(value)]
                if not same:
                    raise AdapterError(
                        f'{self.title}: `{name}` is one of '
                        f'{", ".join(map(str, values))}, not {value!r}')
                value = same[0]
            chosen[name] = value
        return chosen

    # -- what a child writes -------------------------------------------------

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """Give the labelled clips that are there; the child's main work.

        Args:
            protocol (str): A key of ``protocols``.

        Returns:
            Iterable[SourceClip]: Clips without ``fold`` where the protocol
            makes folds of persons.
        """
        raise NotImplementedError

    def class_names(self, protocol: Optional[str] = None) -> Tuple[str, ...]:
        """Give the classes of a protocol.

        Args:
            protocol (str, optional): Defaults to None, the usual one.

        Returns:
            tuple[str]: Names in native order.
        """
        del protocol
        return self.classes

    # -- what users call -----------------------------------------------------

    def protocol_name(self, protocol: Optional[str] = None) -> str:
        """Check the name of a protocol.

        Args:
            protocol (str, optional): Defaults to None, the usual one.

        Returns:
            str: A key of ``protocols``.

        Raises:
            AdapterError: There is no such protocol.
        """
        name = next(iter(self.protocols)) if protocol is None else protocol
        if name not in self.protocols:
            raise AdapterError(f'{self.title} has the protocols '
                               f'{", ".join(self.protocols)}, not {name!r}')
        return name

    def clips(self, protocol: Optional[str] = None) -> List[SourceClip]:
        """List the labelled clips of the release.

        Args:
            protocol (str, optional): A key of ``protocols``. Defaults to
                None, the usual one.

        Returns:
            list[SourceClip]: In natural order of their names.

        Raises:
            AdapterError: Files are missing or cannot be understood.
        """
        self._protocol = self.protocol_name(protocol)
        self.findings = []
        clips = sorted(self.read(self._protocol),
                       key=lambda clip: natural_key(clip.name))
        if not clips:
            reasons = [f'{finding.message}, the first is {finding.items[0]}'
                       for finding in self.findings if finding.items]
            raise AdapterError(
                f'{self.root}: no {self.title} clip can be used; '
                + ('; '.join(reasons) or 'the lists are empty'))
        return self._assign_folds(clips, self.protocols[self._protocol])

    def check(self, clips: List[SourceClip]) -> List[Finding]:
        """Compare what was read with what a complete copy holds.

        Args:
            clips (list[SourceClip]): What :meth:`clips` gave.

        Returns:
            list[Finding]: Faults met while reading and counts that differ.
        """
        found = list(self.findings)
        names = Counter(clip.name for clip in clips)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            found.append(Finding(
                'error', 'duplicate-name',
                f'{self.title}: {len(twice)} clip names occur twice',
                'look for a copy of the clips inside the root', twice))
        key = self._protocol or self.protocol_name()
        expected = self.expected.get(key) or self.expected.get('')
        if expected:
            found += compare_counts(self.title, clips, expected)
        return found

    # -- what children use ---------------------------------------------------

    def find(self, *patterns: str, what: str) -> List[Path]:
        """Find files, see :func:`~mmfer.datasets.adapters.layout.locate`."""
        return locate(self.root, patterns, what=what, title=self.title)

    def media(self) -> MediaIndex:
        """Find the clips themselves and fix ``crop`` and ``frame_rate``.

        Returns:
            MediaIndex: Every clip of the chosen place by its key.

        Raises:
            AdapterError: There are none; the message says what was looked for.
        """
        tried: List[str] = []
        for name in [self.source] if self.source else list(self.places):
            place = self.places[name]
            for patterns in place.patterns:
                if isinstance(patterns, str):
                    patterns = (patterns, )
                patterns = [p.format(**self.variant) for p in patterns]
                tried += patterns
                found = [path for pattern in patterns
                         for path in self._folders_or_archives(pattern)]
                index = MediaIndex(found, place.depth, self.frame_order)
                if len(index):
                    self.source = name
                    self.crop = place.crop
                    self.frame_rate = place.frame_rate
                    self._report_duplicates(index)
                    return index
        raise AdapterError(
            f'{self.root}: no {self.title} clips; looked for '
            f'{", ".join(tried)} (folder or .zip) there and up to two '
            'folders deeper')

    def clip(self, index: MediaIndex, medium: Medium, name: str, label: str,
             **facts) -> SourceClip:
        """Make the record of a clip that was found.

        Args:
            index (MediaIndex): Where it was found.
            medium (Medium): What was found.
            name (str): Name of the clip.
            label (str): Class name.
            **facts: Other fields of :class:`SourceClip`.

        Returns:
            SourceClip: The record; pictures are named if their order is not
            the natural one.
        """
        facts.setdefault('frames', index.frames(medium))
        return SourceClip(
            name=name, source=medium.source, member=medium.member,
            label=label, **facts)

    def report_missing(self, names: List[str]) -> None:
        """Keep note of clips that a list names and that are not there.

        Args:
            names (list[str]): Their names; may be empty.
        """
        if names:
            self.findings.append(Finding(
                'warning', 'missing-clip',
                f'{self.title}: {len(names)} clips of the lists are not in '
                f'the {self.source} clips',
                'unpack the release again, or choose another `source`', names))

    def report_unknown(self, names: List[str]) -> None:
        """Keep note of files whose name or label says nothing.

        Args:
            names (list[str]): Their names; may be empty.
        """
        if names:
            self.findings.append(Finding(
                'warning', 'unknown-name',
                f'{self.title}: {len(names)} clips are left out, because '
                'their name or label is none of this data set',
                'move what does not belong to the release out of the folder',
                names))

    def _folders_or_archives(self, pattern: str) -> List[Path]:
        for wanted in (pattern, f'{pattern}.zip'):
            found = locate(self.root, [wanted], required=False)
            folders = [path for path in found if path.is_dir()]
            # Whoever unpacks an archive may keep it; the folder counts.
            found = folders or [path for path in found
                                if path.suffix.lower() == '.zip']
            if found:
                return found
        return []

    def _report_duplicates(self, index: MediaIndex) -> None:
        if index.duplicates:
            self.findings.append(Finding(
                'warning', 'duplicate-clip',
                f'{self.title}: {len(index.duplicates)} clips lie in two '
                'places; the first one is taken',
                'keep one copy of the clips', index.duplicates))

    def _assign_folds(self, clips, protocol: Protocol) -> List[SourceClip]:
        if protocol.kind != 'subjects':
            return clips
        try:
            folds = subject_folds((clip.subject for clip in clips),
                                  protocol.folds, protocol.rule)
        except ValueError as error:
            raise AdapterError(f'{self.title}: {error}') from None
        return [replace(clip, fold=folds[clip.subject]) for clip in clips]


def compare_counts(title: str, clips: List[SourceClip],
                   expected: Expected) -> List[Finding]:
    """Say where a copy differs from a complete one.

    Args:
        title (str): Name of the data set.
        clips (list[SourceClip]): What was read.
        expected (Expected): What should be there.

    Returns:
        list[Finding]: One per kind of count that differs.
    """
    counts = {
        'classes': Counter(clip.label for clip in clips),
        'splits': Counter(clip.split for clip in clips),
        'folds': Counter(clip.fold for clip in clips)
    }
    subjects = {clip.subject for clip in clips} - {None}
    found = []
    for what, there, wanted in (('clips', len(clips), expected.clips),
                                ('subjects', len(subjects),
                                 expected.subjects)):
        if wanted is not None and there != wanted:
            found.append(Finding(
                'warning', f'count-{what}',
                f'{title}: {there} {what}, a complete copy has {wanted} '
                f'({expected.source})',
                'see the list of missing clips, if any, or compare the '
                'release with the source of the count'))
    for what, there in counts.items():
        wanted = getattr(expected, what)
        differing = [f'{name}: {there[name]} instead of {count}'
                     for name, count in wanted.items()
                     if there[name] != count]
        if differing:
            found.append(Finding(
                'warning', f'count-{what}',
                f'{title}: the {what} differ from those of a complete copy '
                f'({expected.source})',
                'a shifted histogram is a wrong label order; a smaller one '
                'an incomplete copy', differing))
    return found
