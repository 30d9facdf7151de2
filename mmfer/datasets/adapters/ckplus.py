# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""CK+: posed expressions from neutral to apex, 327 labelled sequences."""
import re
from typing import Dict, Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .layout import AdapterError
from .spans import last_frame
from .tables import decode

# Numbers of the emotion files; 0 (neutral) is not given to any sequence.
_EMOTIONS = {1: 'angry', 2: 'contempt', 3: 'disgust', 4: 'fear', 5: 'happy',
             6: 'sad', 7: 'surprise'}


class CKPlus(DatasetAdapter):
    """Extended Cohn-Kanade, the sequences that have an emotion label."""

    name = 'ckplus'
    title = 'CK+'
    classes = tuple(_EMOTIONS.values())
    places = {
        'images': Place(
            ('cohn-kanade-images*', 'extended-cohn-kanade-images',
             'CK+/cohn-kanade-images'), depth=2, frame_rate=30.,
            note='sequences of PNG pictures, faces not cropped')
    }
    protocols = {
        '10-fold': Protocol('subjects', '10 folds of persons: ids ascending, '
                            'every tenth together', 10),
        'loso': Protocol('subjects', 'leave one person out'),
    }
    expected = {
        '': Expected(
            'read-me file of the release', clips=327,
            classes=dict(zip(classes, (45, 18, 59, 25, 69, 28, 83))),
            subjects=118)
    }
    identity = True
    licence = 'research only, after an agreement'
    access = 'agreement form of the Affect Analysis Group, ' \
             'https://www.jeffcohn.net/Resources'
    citation = """@inproceedings{lucey2010extended,
  title={The Extended Cohn-Kanade Dataset ({CK+}): A Complete Dataset for
         Action Unit and Emotion-Specified Expression},
  author={Lucey, Patrick and Cohn, Jeffrey F. and Kanade, Takeo and
          Saragih, Jason and Ambadar, Zara and Matthews, Iain},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition
             Workshops},
  pages={94--101},
  year={2010}
}"""
    unverified = ('30 pictures per second', )

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        labels = self._emotions()
        index, unlabelled, seen = self.media(), [], set()
        for medium in index:
            subject = medium.key.split('/')[0]
            if not re.fullmatch(r'S\d+', subject):
                continue
            seen.add(medium.key)
            if medium.key not in labels:
                unlabelled.append(medium.key)
                continue
            yield self.clip(index, medium, medium.key, labels[medium.key],
                            subject=subject, **last_frame(index, medium))
        self.report_unnumbered(index)
        self.report_missing(sorted(set(labels) - seen))
        # 266 of the 593 sequences have none: that is the release.
        self.note('info', 'unlabelled', unlabelled,
                  'sequences have no emotion file and are left out')

    def _emotions(self) -> Dict[str, str]:
        found = self.find(
            'Emotion/*/*/*_emotion.txt', 'Emotion*/*/*/*_emotion.txt',
            'emotion*/*/*/*_emotion.txt', what='emotion files')
        labels = {}
        for path in found:
            text = decode(path.read_bytes()).strip()
            try:
                label = _EMOTIONS[int(float(text))]
            except (KeyError, ValueError):
                raise AdapterError(
                    f'{path}: {text[:20]!r} is no emotion; expected a number '
                    'from 1 to 7 such as 3.0000000e+00') from None
            labels['/'.join(path.parts[-3:-1])] = label
        return labels
