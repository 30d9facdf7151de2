# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""RAVDESS: 24 actors, eight expressions, speech and song; open data."""
import re
from typing import Dict, Iterable, List

from ..findings import Finding
from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .media import Medium

_NAME = re.compile(r'(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)')
_EMOTIONS = {'01': 'neutral', '02': 'calm', '03': 'happy', '04': 'sad',
             '05': 'angry', '06': 'fear', '07': 'disgust', '08': 'surprise'}
_CHANNELS = {'01': 'speech', '02': 'song'}


class RAVDESS(DatasetAdapter):
    """RAVDESS, the files without sound; with sound where there are no others.

    The fields of a name are modality, channel, emotion, intensity, statement,
    repetition, actor. The same recording is published with sound (modality
    01) and without (02).
    """

    name = 'ravdess'
    title = 'RAVDESS'
    classes = tuple(_EMOTIONS.values())
    places = {
        # Speech and song are archives of their own; any of them may be
        # unpacked, into Actor_01 or into a folder with its name.
        'videos': Place((('Actor_[0-9]*', 'Video_Speech_Actor_*',
                          'Video_Song_Actor_*', 'Actor_[0-9]*.zip',
                          'Video_Speech_Actor_*.zip',
                          'Video_Song_Actor_*.zip'), '.'),
                        note='1280x720, faces not cropped')
    }
    protocols = {
        '6-fold': Protocol('subjects', '6 folds of 4 actors: 1 to 4, 5 to 8, '
                           '...', 6, 'contiguous'),
        'loso': Protocol('subjects', 'leave one actor out'),
    }
    expected = {
        '': Expected(
            'description of the release: 24 actors, speech', clips=1440,
            classes=dict(zip(classes, (96, ) + (192, ) * 7)), subjects=24)
    }
    variants = {'channel': ('speech', 'song', 'both')}
    identity = True
    licence = 'CC BY-NC-SA 4.0'
    access = ('open: Video_Speech_Actor_01.zip to 24 from '
              'https://zenodo.org/record/1188976')
    citation = """@article{livingstone2018ravdess,
  title={The {Ryerson} Audio-Visual Database of Emotional Speech and Song
         ({RAVDESS}): A Dynamic, Multimodal Set of Facial and Vocal
         Expressions in North American English},
  author={Livingstone, Steven R. and Russo, Frank A.},
  journal={PLOS ONE},
  volume={13},
  number={5},
  pages={e0196391},
  year={2018}
}"""

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        channels = {code: name for code, name in _CHANNELS.items()
                    if self.variant['channel'] in (name, 'both')}
        index, unknown, with_sound = self.media(), [], []
        chosen: Dict[str, Medium] = {}
        there = set()
        for medium in index:
            match = _NAME.fullmatch(medium.key)
            if not match or match[3] not in _EMOTIONS:
                unknown.append(medium.key)
                continue
            there.add(match[2])
            if match[2] in channels and match[1] in ('01', '02'):
                # Natural order brings 01 before 02, which then replaces it.
                chosen[medium.key[3:]] = medium
        for medium in chosen.values():
            field = _NAME.fullmatch(medium.key)
            if field[1] == '01':
                with_sound.append(medium.key)
            yield self.clip(
                index, medium, f'Actor_{field[7]}/{medium.key}',
                _EMOTIONS[field[3]], subject=f'Actor_{field[7]}',
                extra={
                    'channel': _CHANNELS[field[2]],
                    'intensity': 'normal' if field[4] == '01' else 'strong',
                    'statement': field[5],
                    'repetition': field[6],
                    'sex': 'male' if int(field[7]) % 2 else 'female'
                })
        self.report_unknown(unknown)
        self.note('warning', 'missing-channel',
                  [name for code, name in channels.items()
                   if there and code not in there],
                  'of the wanted channels have no clip',
                  'put Video_Speech_Actor_01.zip to 24 there, Video_Song_... '
                  'for song, or choose another `channel`')
        self.note('info', 'modality', with_sound,
                  'clips are taken from the files with sound (01), because '
                  'those without (02) are not there')

    def check(self, clips: List[SourceClip]) -> List[Finding]:
        """See the base class; only speech has an expected count."""
        found = super().check(clips)
        if self.variant['channel'] == 'speech':
            return found
        return [f for f in found if not f.code.startswith('count-')]
