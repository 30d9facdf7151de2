# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""SAMM: 159 spontaneous micro-expressions."""
from typing import Dict, Tuple

from .facts import Expected, Place
from .micro import MicroExpressionAdapter, person_number


class SAMM(MicroExpressionAdapter):
    """SAMM from onset to offset, with all eight labels of its sheet."""

    name = 'samm'
    title = 'SAMM'
    classes = ('angry', 'contempt', 'disgust', 'fear', 'happy', 'sad',
               'surprise', 'others')
    places = {
        'raw': Place(('SAMM', ), frame_rate=200.,
                     note='2040x1088 grey, faces not cropped'),
        'cropped': Place(('SAMM_CROP*', ), crop='none', frame_rate=200.,
                         note='face crops'),
        'folder': Place(('.', ), frame_rate=200.,
                        note='006, 007, ... right in the root'),
    }
    # The header stands below 13 rows of explanations.
    sheets = ('SAMM_Micro_FACS_Codes_v2.xlsx', 'SAMM_Micro*Codes*.xlsx',
              'SAMM_Micro*Codes*.csv')
    columns = {
        'clip': ('Filename', ),
        'subject': ('Subject', ),
        'onset': ('Onset Frame', ),
        'apex': ('Apex Frame', ),
        'offset': ('Offset Frame', ),
        'emotion': ('Estimated Emotion', ),
    }
    expected = {
        '': Expected(
            'sheet v2, as users of it report', clips=159,
            classes=dict(zip(classes, (57, 12, 9, 8, 26, 6, 15, 26))),
            subjects=29)
    }
    licence = 'research only, after a signed agreement'
    access = ('signed agreement to Manchester Metropolitan University, '
              'https://helward.mmu.ac.uk/STAFF/M.Yap/dataset.php')
    citation = """@article{davison2018samm,
  title={{SAMM}: A Spontaneous Micro-Facial Movement Dataset},
  author={Davison, Adrian K. and Lansley, Cliff and Costen, Nicholas and
          Tan, Kevin and Yap, Moi Hoon},
  journal={IEEE Transactions on Affective Computing},
  volume={9},
  number={1},
  pages={116--129},
  year={2018}
}"""
    unverified = ('names of the folders above the persons', )

    def key(self, row: Dict[str, str]) -> Tuple[str, str]:
        """See the base class."""
        return row['clip'], person_number(row).zfill(3)
