# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""CASME II: 255 spontaneous micro-expressions of 26 persons."""
from typing import Dict, Tuple

from .facts import Expected, Place
from .micro import MicroExpressionAdapter, person_number


class CASME2(MicroExpressionAdapter):
    """CASME II from onset to offset, with all seven labels of its sheet."""

    name = 'casme2'
    title = 'CASME II'
    classes = ('happy', 'disgust', 'repression', 'surprise', 'sad', 'fear',
               'others')
    places = {
        'raw': Place(('CASME2?RAW*', 'CASME II?RAW*', 'CASME2_RAW*'),
                     depth=2, frame_rate=200.,
                     note='640x480, faces not cropped'),
        'cropped': Place(('Cropped*', 'CASME2*Cropped*'), depth=2,
                         crop='none', frame_rate=200.,
                         note='official face crops, registered'),
        'folder': Place(('.', ), depth=2, frame_rate=200.,
                        note='sub01, sub02, ... right in the root'),
    }
    sheets = ('CASME2-coding-20140508.xlsx', 'CASME2-coding*.xlsx',
              '*CASME2*coding*.xlsx', '*CASME2*coding*.csv')
    columns = {
        'clip': ('Filename', ),
        'subject': ('Subject', ),
        'onset': ('OnsetFrame', ),
        'apex': ('ApexFrame', 'ApexFrame1'),
        'offset': ('OffsetFrame', ),
        'emotion': ('Estimated Emotion', 'Emotion'),
    }
    expected = {
        '': Expected(
            'sheet of 2014, as users of it report; the paper has 247',
            clips=255,
            classes=dict(zip(classes, (32, 63, 27, 25, 7, 2, 99))),
            subjects=26)
    }
    licence = 'research only, after a signed agreement'
    access = ('signed agreement to the Chinese Academy of Sciences, '
              'http://casme.psych.ac.cn/casme/e2')
    citation = """@article{yan2014casme2,
  title={{CASME II}: An Improved Spontaneous Micro-Expression Database and the
         Baseline Evaluation},
  author={Yan, Wen-Jing and Li, Xiaobai and Wang, Su-Jing and Zhao, Guoying
          and Liu, Yong-Jin and Chen, Yu-Hsin and Fu, Xiaolan},
  journal={PLOS ONE},
  volume={9},
  number={1},
  pages={e86041},
  year={2014}
}"""
    unverified = ('names of the folders', )

    def key(self, row: Dict[str, str]) -> Tuple[str, str]:
        """See the base class."""
        subject = f'sub{int(person_number(row)):02d}'
        return f'{subject}/{row["clip"]}', subject
