# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""CREMA-D: 91 actors say 12 sentences with six expressions; open data."""
import csv
import io
import re
from typing import Any, Dict, Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .layout import locate
from .media import Medium
from .tables import decode
from .words import expression_name

_NAME = re.compile(r'(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})')
_LEVELS = {'LO': 'low', 'MD': 'medium', 'HI': 'high'}
_VOTES = {'A': 'angry', 'D': 'disgust', 'F': 'fear', 'H': 'happy',
          'N': 'neutral', 'S': 'sad'}

#: Recordings that the authors report as damaged or without video.
BROKEN = ('1076_MTI_NEU_XX', '1076_MTI_SAD_XX', '1064_TIE_SAD_XX',
          '1064_IEO_DIS_MD')


class CREMAD(DatasetAdapter):
    """CREMA-D with the expression that the actor was asked for."""

    name = 'crema-d'
    title = 'CREMA-D'
    classes = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad')
    places = {
        'videos': Place(('VideoFlash', 'VideoMP4', 'Video*'),
                        note='Flash video, faces not cropped')
    }
    protocols = {
        '5-fold': Protocol('subjects', '5 folds of actors in order of their '
                           'ids: 18, 18, 18, 18, 19', 5, 'contiguous'),
        'loso': Protocol('subjects', 'leave one actor out'),
    }
    expected = {
        '': Expected(
            'file names of the release', clips=7442, subjects=91,
            classes=dict(zip(classes, (1271, 1271, 1271, 1271, 1087, 1271))))
    }
    identity = True
    licence = 'Open Database License 1.0'
    access = ('open: git lfs clone '
              'https://github.com/CheyneyComputerScience/CREMA-D')
    citation = """@article{cao2014cremad,
  title={{CREMA-D}: Crowd-Sourced Emotional Multimodal Actors Dataset},
  author={Cao, Houwei and Cooper, David G. and Keutmann, Michael K. and
          Gur, Ruben C. and Nenkova, Ani and Verma, Ragini},
  journal={IEEE Transactions on Affective Computing},
  volume={5},
  number={4},
  pages={377--390},
  year={2014}
}"""

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        people = self._table('VideoDemographics.csv', 'ActorID')
        votes = self._table('processedResults/summaryTable.csv', 'FileName')
        index, unknown, pointers, broken = self.media(), [], [], []
        for medium in index:
            match = _NAME.fullmatch(medium.key)
            label = expression_name(match[3]) if match else None
            if label not in self.classes:
                unknown.append(medium.key)
                continue
            if _is_pointer(medium):
                pointers.append(medium.key)
            if medium.key in BROKEN:
                broken.append(medium.key)
            extra: Dict[str, Any] = {'sentence': match[2]}
            if match[4] in _LEVELS:
                extra['intensity'] = _LEVELS[match[4]]
            person = people.get(match[1], {})
            for column in ('Age', 'Sex', 'Race', 'Ethnicity'):
                if person.get(column):
                    extra[column.lower()] = person[column]
            vote = votes.get(medium.key, {}).get('FaceVote', '')
            # Ties are written as A:D.
            seen = [_VOTES.get(letter) for letter in vote.split(':')]
            if None not in seen:
                extra['face_vote'] = ':'.join(seen)
            yield self.clip(index, medium, medium.key, label,
                            subject=match[1], extra=extra)
        self.report_unknown(unknown)
        self.note('error', 'lfs-pointer', pointers,
                  'files are not videos, but what git keeps in place of them',
                  'run `git lfs pull` in the clone')
        self.note('info', 'known-broken', broken,
                  'recordings are reported as damaged or without video',
                  'most users leave them out; see the log of skipped clips')

    def _table(self, name: str, key: str) -> Dict[str, Dict[str, str]]:
        found = locate(self.root, [name, name.split('/')[-1]],
                       required=False)
        if not found:
            return {}
        reader = csv.DictReader(io.StringIO(decode(found[0].read_bytes())))
        names = {(n or '').lower(): n for n in reader.fieldnames or ()}
        key = names.get(key.lower())
        return {row[key].strip(): row for row in reader} if key else {}


def _is_pointer(medium: Medium) -> bool:
    if medium.member or medium.pictures or medium.source.stat().st_size > 512:
        return False
    return medium.source.read_bytes().startswith(
        b'version https://git-lfs')
