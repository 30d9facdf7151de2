# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Examine a whole data set."""
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import cv2
from mmengine.utils import is_abs

from mmfer.progress import ProgressLine
from mmfer.worker_processes import Died, run_jobs

from ..annotations import read_annotations
from ..findings import Finding, count_severities, worst_first
from ..folds import natural_key
from .annotation_checks import check_annotations, histogram, part_keys
from .clip_facts import ClipExaminer, ClipFacts
from .label_checks import check_label_meaning
from .stream_checks import check_streams, summarise


@dataclass
class Examination:
    """What the doctor says.

    Args:
        path (str): The annotation file.
        metainfo (dict): Of it.
        summary (dict): Numbers, see :func:`.stream_checks.summarise`.
        histogram (dict): Clips by class for every split and every fold.
        findings (list[Finding]): Faults, the worst first.
    """

    path: str
    metainfo: Dict[str, Any]
    summary: Dict[str, Any]
    histogram: Dict[str, Dict[str, Dict[str, int]]]
    findings: List[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: nothing but information; 1: warnings; 2: errors."""
        counts = count_severities(self.findings)
        return 2 if counts['error'] else 1 if counts['warning'] else 0

    def to_dict(self) -> Dict[str, Any]:
        """Give plain types, as JSON stores them.

        Returns:
            dict: ``exit_code`` and all fields.
        """
        return dict(
            path=self.path, dataset=self.metainfo.get('dataset'),
            protocol=self.metainfo.get('protocol'),
            exit_code=self.exit_code, summary=self.summary,
            histogram=self.histogram,
            findings=[finding.to_dict() for finding in self.findings])

    def to_json(self) -> str:
        """Write everything as JSON.

        Returns:
            str: Text with a line break at its end.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + '\n'

    def to_text(self, limit: int = 5) -> str:
        """Write everything for a person.

        Args:
            limit (int): Items to name of each finding. Defaults to 5.

        Returns:
            str: Several lines.
        """
        lines = [f'{self.path}: {self.metainfo.get("dataset", "data set")}, '
                 f'protocol {self.metainfo.get("protocol", "unknown")}']
        lines += [f'  {name}: {_written(value)}'
                  for name, value in self.summary.items()]
        for key, counts in self.histogram.items():
            lines += _table(self.metainfo['classes'], key, counts)
        lines += [finding.to_text(limit) for finding in self.findings]
        counts = count_severities(self.findings)
        lines.append(', '.join(
            f'{count} {name}{"s" if count != 1 and name != "info" else ""}'
            for name, count in counts.items())
            + ('' if self.exit_code else ': healthy'))
        return '\n'.join(lines)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ', '.join(f'{name} ({count})' for name, count in value.items())
    if isinstance(value, list):
        return ' / '.join(f'{number:g}' for number in value) + \
            ' (least / median / most)'
    return str(value)


def _table(classes, key: str,
           counts: Dict[str, Dict[str, int]]) -> List[str]:
    if len(counts) > 12:
        return [f'  {len(counts)} {key}s']
    width = max(map(len, [*classes, key]))
    parts = sorted(counts, key=natural_key)
    lines = ['  ' + key.ljust(width) + ''.join(
        f'{part if part != "all" else "clips":>8}' for part in parts)]
    return lines + ['  ' + name.ljust(width) + ''.join(
        f'{counts[part].get(name, 0):8d}' for part in parts)
        for name in classes]


def examine(annotations: Union[str, Path],
            folder: Optional[Union[str, Path]] = None,
            detector: Union[str, Callable] = 'haar',
            sample: int = 0,
            workers: int = 1,
            progress: bool = True) -> Examination:
    """Examine a data set.

    Args:
        annotations (str | Path): The annotation file.
        folder (str | Path, optional): Folder of the clips. Defaults to None,
            that of the file.
        detector (str | Callable): Face detector, '' for none.
            Defaults to 'haar'.
        sample (int): Look into so many clips only, evenly spread; the others
            are only looked for. Defaults to 0, all.
        workers (int): Processes; 0 works in this one. Defaults to 1.
        progress (bool): Show progress on stderr. Defaults to True.

    Returns:
        Examination: Findings and numbers.

    Raises:
        FileNotFoundError, AnnotationError: There is nothing to examine.
    """
    metainfo, clips = read_annotations(str(annotations))
    folder = str(folder or os.path.dirname(annotations))
    files = [clip['path'] if is_abs(clip['path'])
             else os.path.join(folder, clip['path']) for clip in clips]
    findings = list(check_annotations(metainfo, clips))
    findings += check_label_meaning(metainfo, clips)
    here = [n for n, file in enumerate(files) if not _is_remote(file)]
    findings += _remote(clips, here)
    chosen = here
    if sample and sample < len(here):
        chosen = [here[n * len(here) // sample] for n in range(sample)]
        findings += _missing(clips, files, set(here) - set(chosen))
    facts = _look(clips, files, chosen, detector, workers, progress)
    coding = metainfo.get('coding') or {}
    findings += check_streams(
        [clips[n] for n in chosen], facts,
        coding.get('frame_order') == 'lexicographic')
    findings += _strays(Path(folder), files)
    return Examination(
        str(annotations), metainfo, summarise(facts),
        {key or 'all': histogram(clips, key)
         for key in part_keys(clips) or [None]}, worst_first(findings))


def _look(clips, files, chosen, detector, workers,
          progress) -> List[ClipFacts]:
    jobs = [(clips[n]['path'], files[n]) for n in chosen]
    facts: List[Optional[ClipFacts]] = [None] * len(jobs)
    threads = cv2.getNumThreads()
    try:
        with ProgressLine('examining', len(jobs), shown=progress) as line:
            for number, found in run_jobs(_make_examiner, (detector, ), jobs,
                                          workers):
                if isinstance(found, Died):
                    found = ClipFacts(
                        jobs[number][0], 'unreadable',
                        f'ends the process that reads it ({found})')
                facts[number] = found
                line.step()
    finally:
        cv2.setNumThreads(threads)
    return facts


def _make_examiner(detector) -> Callable[[Tuple[str, str]], ClipFacts]:
    cv2.setNumThreads(1)  # processes are the parallelism here
    examiner = ClipExaminer(detector)
    return lambda job: examiner.examine(*job)


def _is_remote(file: str) -> bool:
    return re.match('[A-Za-z][A-Za-z0-9+.-]+://', file) is not None


def _remote(clips, here) -> List[Finding]:
    elsewhere = [clips[n]['path'] for n in
                 sorted(set(range(len(clips))) - set(here))]
    if not elsewhere:
        return []
    return [Finding('warning', 'clip-remote',
                    f'{len(elsewhere)} of {len(clips)} clips are not on this '
                    'machine and were not looked into',
                    'copy them to a folder and examine that: --folder FOLDER '
                    'with relative paths in the annotation file', elsewhere)]


def _missing(clips, files, among) -> List[Finding]:
    gone = [clips[n]['path'] for n in sorted(among)
            if not os.path.isfile(files[n])]
    if not gone:
        return []
    return [Finding('error', 'clip-missing',
                    f'{len(gone)} clips that were not looked into are '
                    'missing', 'prepare the set again, the same command '
                    'completes it', gone)]


def _strays(folder: Path, files: List[str]) -> List[Finding]:
    """Name clips on disk that no annotation names."""
    clips = folder / 'clips'
    if not clips.is_dir():
        return []
    known = {os.path.realpath(file) for file in files}
    strays = [path.relative_to(folder).as_posix()
              for path in sorted(clips.rglob('*'))
              if path.is_file() and not path.name.startswith('.')
              and os.path.realpath(path) not in known]
    if not strays:
        return []
    return [Finding('info', 'stray-files',
                    f'{len(strays)} files in clips/ are not in the '
                    'annotation file', 'they may belong to another protocol '
                    'of this folder; otherwise they are left over', strays)]
