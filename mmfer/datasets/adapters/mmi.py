# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""MMI: posed expressions from neutral over apex to neutral."""
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from typing import Any, Dict, Iterable, Optional

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .media import MediaIndex, Medium

_EMOTIONS = {1: 'angry', 2: 'disgust', 3: 'fear', 4: 'happy', 5: 'sad',
             6: 'surprise'}

# How persons were recorded, as a public preparation script by Y. Chen has it
# (Global-Local facial representations, 2022): the half of a two-view mosaic
# that shows the front, persons filmed upright, and one without a usable view.
# All others lie on their side.
_FRONT_HALF = dict.fromkeys(('S001', 'S002', 'S017'), 'right')
_FRONT_HALF.update(dict.fromkeys(('S003', 'S005', 'S006', 'S015', 'S016'),
                                 'left'))
_UPRIGHT = {'S053', 'S054'}
_UNUSABLE = {'S021'}


class MMI(DatasetAdapter):
    """MMI, the recordings with one of the six basic expressions."""

    name = 'mmi'
    title = 'MMI'
    classes = tuple(_EMOTIONS.values())
    places = {
        'sessions': Place(
            ('Sessions', '.'), note='faces not cropped; many recordings are '
            'two views side by side, or turned by 90 degrees')
    }
    protocols = {
        '10-fold': Protocol('subjects', '10 folds of persons: ids ascending, '
                            'every tenth together; no list is standard', 10),
        'loso': Protocol('subjects', 'leave one person out'),
    }
    expected = {
        '': Expected('papers use 205 to 213 recordings, none says which')
    }
    identity = True
    licence = 'research only, after an agreement'
    access = 'account after a signed agreement, https://mmifacedb.eu'
    citation = """@inproceedings{pantic2005web,
  title={Web-Based Database for Facial Expression Analysis},
  author={Pantic, Maja and Valstar, Michel and Rademaker, Ron and
          Maat, Ludo},
  booktitle={IEEE International Conference on Multimedia and Expo},
  pages={317--321},
  year={2005}
}"""
    unverified = ('which recordings are turned or have two views',
                  'how the markers of action units are numbered')

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        index = self.media()
        unlabelled, side_views, odd = [], [], []
        for medium in index:
            root = _parse(index.beside(medium, '.xml'))
            label = _EMOTIONS.get(_emotion(root))
            if label is None:
                unlabelled.append(medium.key)
                continue
            subject = medium.key.split('-')[0]
            view = _view(index, medium)
            if view == '1' or subject in _UNUSABLE:
                side_views.append(medium.key)
                continue
            extra = _recording(subject, view)
            if len(extra) > 0:
                odd.append(medium.key)
            facts = _apex(index, medium)
            extra['apex_from'] = facts.pop('apex_from')
            yield self.clip(index, medium, medium.key, label,
                            subject=subject, extra=extra, **facts)
        self.note('info', 'unlabelled', unlabelled,
                  'recordings have no basic expression and are left out')
        self.note('info', 'side-view', side_views,
                  'recordings show no face from the front and are left out')
        self.note('warning', 'recording-layout', odd,
                  'recordings are said to be turned or to have two views '
                  'side by side',
                  'look at the contact sheet; the face crop needs upright '
                  'faces')


def _parse(data: Optional[bytes]) -> Optional[ElementTree.Element]:
    if not data:
        return None
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None


def _emotion(root: Optional[ElementTree.Element]) -> Optional[int]:
    """Read the number of the expression; above 6 are other states."""
    for element in () if root is None else root.iter():
        if element.get('Name') == 'Emotion':
            value = element.get('Value', '')
            return int(value) if value.isdecimal() else None
    return None


def _view(index: MediaIndex, medium: Medium) -> Optional[str]:
    """Read the kind of view: 0 front, 1 side, 2 both side by side."""
    root = _parse(index.beside(medium, 'session.xml', whole_name=True))
    for element in () if root is None else root.iter():
        if element.tag.lower() == 'track':
            return element.get('view')
    return None


def _recording(subject: str, view: Optional[str]) -> Dict[str, Any]:
    if subject in _FRONT_HALF:
        return {'front_half': _FRONT_HALF[subject]}
    if view == '2':
        return {'front_half': 'unknown'}
    if subject in _UPRIGHT:
        return {}
    return {'turn_clockwise': 90}


def _apex(index: MediaIndex, medium: Medium) -> Dict[str, Any]:
    """Take the middle of where most action units are marked, or the middle."""
    root = _parse(index.beside(medium, '-oao_aucs.xml'))
    units = defaultdict(set)
    for unit in () if root is None else root.iter('ActionUnit'):
        for marker in unit.iter('Marker'):
            if marker.get('Frame', '').isdecimal():
                units[int(marker.get('Frame'))].add(unit.get('Number'))
    count = index.count_frames(medium)
    if units:
        most = max(map(len, units.values()))
        frames = sorted(f for f, found in units.items() if len(found) == most)
        # Markers count from 1.
        apex = max(frames[len(frames) // 2] - 1, 0)
        if apex < count:
            return {'apex': apex, 'apex_from': 'action units'}
    return {'apex': count // 2 if count else None, 'apex_from': 'middle'}
