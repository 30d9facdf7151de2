# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""eNTERFACE'05: persons of 14 nations act six expressions; open data."""
import re
from pathlib import PurePosixPath
from typing import Iterable, Optional, Tuple

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .words import expression_name

_NAME = re.compile(r's_?(\d+)_([a-z]{2})_?(\d)', re.IGNORECASE)
_PERSON = re.compile(r'(?:subject|s)[ _]?(\d+)', re.IGNORECASE)


class ENTERFACE05(DatasetAdapter):
    """eNTERFACE'05; person and expression from folders and file names."""

    name = 'enterface05'
    title = 'eNTERFACE05'
    classes = ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise')
    places = {
        'videos': Place(
            ('subject*[0-9]', 'enterface*database', 'enterface*', '.'),
            depth=4, note='DivX in AVI (MPEG-4 Part 2), faces not cropped')
    }
    protocols = {
        '5-fold': Protocol('subjects', '5 folds of persons in order of their '
                           'numbers', 5, 'contiguous'),
        'loso': Protocol('subjects', 'leave one person out'),
    }
    expected = {
        '': Expected('split lists in public use; the paper names 1,166 clips '
                     'of 42 persons', clips=1287)
    }
    identity = True
    licence = 'research; no licence text is published with the data'
    access = 'open download, http://www.enterface.net/enterface05'
    citation = """@inproceedings{martin2006enterface,
  title={The {eNTERFACE}'05 Audio-Visual Emotion Database},
  author={Martin, Olivier and Kotsia, Irene and Macq, Benoit and
          Pitas, Ioannis},
  booktitle={International Conference on Data Engineering Workshops},
  year={2006}
}"""
    unverified = ('which persons are in which fold elsewhere',
                  'slips in the names of folders and files')

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        index, unknown, conflicts, seen = self.media(), [], [], {}
        for medium in index:
            parts = PurePosixPath(medium.member or medium.source.as_posix())
            stem, folders = parts.stem, parts.parts[-4:-1]
            subject, label, sentence = _from_name(stem)
            by_folder = next((name for name in map(expression_name, folders)
                              if name in self.classes), None)
            person = next((match[1] for match in map(
                _PERSON.fullmatch, folders) if match), None)
            if by_folder and label and by_folder != label:
                conflicts.append(f'{medium.key} (taken as {by_folder})')
            label, subject = by_folder or label, person or subject
            if label not in self.classes or subject is None:
                unknown.append(medium.key)
                continue
            subject = f's{int(subject)}'
            name = f'{subject}/{stem}'
            if name in seen:
                # A file that was named after another sentence.
                name = f'{name}_{seen[name]}'
            seen[f'{subject}/{stem}'] = seen.get(f'{subject}/{stem}', 1) + 1
            yield self.clip(
                index, medium, name, label, subject=subject,
                extra={'sentence': sentence} if sentence else {})
        self.report_unknown(unknown)
        self.note('warning', 'label-conflict', conflicts,
                  'files are named after another expression than their folder',
                  'the folder counts; look at these clips')


def _from_name(stem: str) -> Tuple[Optional[str], ...]:
    match = _NAME.fullmatch(stem.strip())
    if not match:
        return None, None, None
    return match[1], expression_name(match[2]), match[3]


