# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""DFEW: 16,372 clips of films, 11,697 of them with a single label."""
from typing import Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .lists import find_lists, folds_and_labels, read_lists


class DFEW(DatasetAdapter):
    """DFEW, the single-labelled part, in its five official folds."""

    name = 'dfew'
    title = 'DFEW'
    # Labels 1 to 7 of the release; a widespread copy counts from 0. The label
    # 0 of annotation.csv means several expressions and is in no fold.
    classes = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust',
               'fear')
    places = {
        'faces': Place(
            ('Clip/clip_224x224', 'clip_224x224'), crop='none',
            note='official face crops of every frame; really 256x256'),
        'original': Place(
            ('Clip/original', 'original'),
            note='the clips as cut from the films, faces not cropped'),
        'faces16': Place(
            ('Clip/clip_224x224_16f', 'clip_224x224_16f', 'Clip/clip_224x16f',
             'clip_224x16f'), crop='none',
            note='16 frames spread over each clip: large steps in time'),
    }
    lists = tuple(
        folder + name
        for folder in ('EmoLabel_DataSplit/{role}*single*/',
                       'EmoLabel_DataSplit/{role}*/', '{role}*single*/',
                       '{role}/')
        for name in ('set_{fold}.csv', '*set_{fold}.csv')) + (
            '{role}_set_{fold}.csv', '{role}*set_{fold}*.csv')
    protocols = {
        '5-fold': Protocol('folds', 'official five folds; mean over folds', 5)
    }
    expected = {
        '': Expected(
            'counted in the split lists that four repositories publish alike',
            clips=11697,
            classes=dict(zip(classes,
                             (2445, 1894, 2669, 2173, 1469, 145, 902))),
            folds={1: 2341, 2: 2341, 3: 2340, 4: 2339, 5: 2336})
    }
    variants = {'label_base': (None, 0, 1)}
    licence = 'research only, after a signed agreement'
    access = ('e-mail request to the authors with the signed agreement, '
              'https://dfew-dataset.github.io')
    citation = """@inproceedings{jiang2020dfew,
  title={{DFEW}: A Large-Scale Database for Recognizing Dynamic Facial
         Expressions in the Wild},
  author={Jiang, Xingxun and Zong, Yuan and Zheng, Wenming and Tang, Chuangao
          and Xia, Wanchuang and Lu, Cheng and Liu, Jiateng},
  booktitle={ACM International Conference on Multimedia},
  pages={2881--2889},
  year={2020}
}"""
    unverified = ('folder and suffix of the original clips',
                  'padding of the frame names of the 16-frame crops')

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        lists = find_lists(self.root, self.title, self.lists,
                           ('test', 'train'), folds=5)
        rows, found = read_lists(self.root, self.title, lists, self.classes,
                                 self.variant['label_base'])
        clips, more = folds_and_labels(self.title, rows)
        self.findings += found + more
        index = self.media()
        missing = []
        for key, (label, fold) in clips.items():
            # Spreadsheets drop the zeros in front.
            medium = index.get(key) or index.get(key.zfill(5))
            if medium is None:
                missing.append(key)
            else:
                yield self.clip(index, medium, medium.key, label, fold=fold)
        self.report_missing(missing)
