# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""FERV39k: 38,935 clips of 22 scenes, with one official split."""
from typing import Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .lists import find_lists, read_lists
from .words import expression_name


class FERV39k(DatasetAdapter):
    """FERV39k, all scenes together."""

    name = 'ferv39k'
    title = 'FERV39k'
    # The release has words, no numbers; this is the order of its folders.
    classes = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad',
               'surprise')
    # Clip numbers repeat across scenes and emotions: the key is the path.
    places = {
        'faces': Place(
            ('2_ClipsforFaceCrop*', 'ClipsforFaceCrop*', 'FERV39k'), depth=3,
            crop='none', note='official face crops, 8 to 47 frames')
    }
    lists = ('4_setups/All_scenes/{role}_All.csv',
             'All_scenes/{role}_All.csv', '*{role}_All.csv',
             'Annotation/{role}.csv', '{role}.csv')
    protocols = {'official': Protocol('split', 'official train and test')}
    expected = {
        '': Expected(
            'counted in the split lists that several repositories publish '
            'alike',
            clips=38935,
            classes=dict(zip(classes,
                             (7393, 2300, 2111, 7327, 9748, 6916, 3140))),
            splits={'train': 31088, 'test': 7847})
    }
    licence = 'research only, after a signed agreement'
    access = ('e-mail request with the exact subject line that the authors '
              'ask for, https://wangyanckxx.github.io/Proj_CVPR2022_FERV39k')
    citation = """@inproceedings{wang2022ferv39k,
  title={{FERV39k}: A Large-Scale Multi-Scene Dataset for Facial Expression
         Recognition in Videos},
  author={Wang, Yan and Sun, Yixuan and Huang, Yiwen and Liu, Zhongying and
          Gao, Shuyong and Zhang, Wei and Ge, Weifeng and Zhang, Wenqiang},
  booktitle={IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages={20922--20931},
  year={2022}
}"""

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        lists = find_lists(self.root, self.title, self.lists,
                           ('test', 'train'))
        rows, found = read_lists(self.root, self.title, lists, self.classes)
        self.findings += found
        index = self.media()
        missing, conflicts, seen, again = [], [], {}, []
        for split in ('train', 'test'):
            for key, label in rows.get((split, 0), ()):
                if key in seen:
                    if seen[key] != split:
                        again.append(key)
                    continue
                seen[key] = split
                scene, folder = (key.split('/') + ['', ''])[:2]
                if expression_name(folder) != label:
                    conflicts.append(f'{key} ({label})')
                medium = index.get(key)
                if medium is None:
                    missing.append(key)
                    continue
                yield self.clip(index, medium, key, label, split=split,
                                extra={'scene': scene})
        self.report_missing(missing)
        advice = 'get the official lists again'
        self.note('error', 'label-conflict', conflicts,
                  'clips have a label that is not the name of their folder',
                  advice)
        self.note('error', 'split-overlap', again,
                  'clips are in both lists', advice)
