# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What all official releases have in common.

An adapter knows how one data set is published: where its clips lie, how its
annotation files are written, who is in them, and how it is split. It reads
names and labels only, never a picture. Everything behind it (cropping,
coding, training) sees :class:`SourceClip` and nothing of the release.
"""
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from ..findings import Finding
from ..folds import natural_key, subject_folds
from .completeness import compare_counts
from .facts import Expected, Place, Protocol, SourceClip
from .layout import AdapterError, locate
from .media import MediaIndex, Medium


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
                index = MediaIndex(found, place.depth, self.frame_order,
                                   place.apart)
                if len(index):
                    self.source = name
                    self.crop = place.crop
                    self.frame_rate = place.frame_rate
                    self.note('warning', 'duplicate-clip', index.duplicates,
                              'clips lie in two places; the first one is '
                              'taken', 'keep one copy of the clips')
                    self.note('warning', 'mixed-folder', index.mixed,
                              'folders hold pictures beside videos or above '
                              'further clips; these pictures are left out',
                              'move them out of the folder, if they belong '
                              'to no clip')
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

    def note(self, severity: str, code: str, items: Sequence[str], text: str,
             advice: str = '') -> None:
        """Keep note of something that was met while reading, if it was.

        Args:
            severity, code, advice (str): See
                :class:`~mmfer.datasets.findings.Finding`.
            items (Sequence[str]): The clips or files concerned; nothing is
                noted if there are none.
            text (str): What is wrong, behind their number.
        """
        if items:
            self.findings.append(Finding(
                severity, code, f'{self.title}: {len(items)} {text}', advice,
                items))

    def report_missing(self, names: List[str]) -> None:
        """Keep note of clips that a list names and that are not there.

        Args:
            names (list[str]): Their names; may be empty.
        """
        self.note('warning', 'missing-clip', names,
                  f'clips of the lists are not in the {self.source} clips',
                  'unpack the release again, or choose another `source`')

    def report_unnumbered(self, index: MediaIndex) -> None:
        """Keep note of pictures without a number among others with one.

        Args:
            index (MediaIndex): After its clips were read.
        """
        self.note('warning', 'unnumbered-picture', index.unnumbered,
                  'pictures are left out, because their name has no number',
                  'move what does not belong to the release out of the folder')

    def report_unknown(self, names: List[str]) -> None:
        """Keep note of files whose name or label says nothing.

        Args:
            names (list[str]): Their names; may be empty.
        """
        self.note('warning', 'unknown-name', names,
                  'clips are left out, because their name or label is none '
                  'of this data set',
                  'move what does not belong to the release out of the folder')

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

    def _assign_folds(self, clips, protocol: Protocol) -> List[SourceClip]:
        if protocol.kind != 'subjects':
            return clips
        try:
            folds = subject_folds((clip.subject for clip in clips),
                                  protocol.folds, protocol.rule)
        except ValueError as error:
            raise AdapterError(f'{self.title}: {error}') from None
        return [replace(clip, fold=folds[clip.subject]) for clip in clips]
