# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""MAFW: 10,045 clips, with single and with compound labels."""
from pathlib import Path
from typing import Iterable, Optional, Tuple

from ..findings import Finding
from ..label_orders import LABEL_ORDERS
from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .layout import AdapterError, locate
from .lists import (as_number, find_lists, folds_and_labels,
                    read_class_index, read_lists)
from .tables import read_label_list

# One repository writes 'calss'.
_TABLES = ('id_to_c*.txt', 'label_index*.txt')

#: Number of clips of every compound class of the official compound lists.
#: They have no numbers; the order here is that of the single classes.
COMPOUND = {
    'angry_disgust': 883, 'angry_disgust_contempt': 18,
    'angry_disgust_anxiety': 36, 'angry_sad': 90, 'angry_surprise': 33,
    'angry_anxiety': 54, 'angry_helplessness': 13, 'disgust_sad': 17,
    'disgust_surprise': 37, 'disgust_contempt': 208, 'disgust_anxiety': 131,
    'disgust_anxiety_helplessness': 19, 'disgust_helplessness': 39,
    'disgust_helplessness_disappointment': 12, 'disgust_disappointment': 12,
    'fear_sad': 96, 'fear_sad_anxiety': 19, 'fear_surprise': 392,
    'fear_surprise_anxiety': 45, 'fear_anxiety': 218, 'happy_surprise': 206,
    'happy_contempt': 52, 'sad_surprise': 26, 'sad_anxiety': 185,
    'sad_anxiety_helplessness': 76, 'sad_helplessness': 542,
    'sad_helplessness_disappointment': 22, 'sad_disappointment': 32,
    'surprise_anxiety': 232, 'anxiety_helplessness': 156,
    'anxiety_helplessness_disappointment': 59,
    'helplessness_disappointment': 98
}


class MAFW(DatasetAdapter):
    """MAFW in its five official folds, single (11) or compound (43)."""

    name = 'mafw'
    title = 'MAFW'
    # The order of the paper and of most repositories; the lists have words.
    classes = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad',
               'surprise', 'contempt', 'anxiety', 'helplessness',
               'disappointment')
    places = {
        'clips': Place(
            ('data/clips', 'clips', 'videos'),
            note='the clips, faces not cropped'),
        'faces': Place(
            ('data/faces', 'faces', 'frames_crop_align_224', 'data/frames'),
            crop='none',
            note='face frames; those of the authors differ from own ones'),
    }
    protocols = {
        'single': Protocol('folds', 'official five folds, 11 classes', 5),
        'compound': Protocol('folds', 'official five folds, 43 classes', 5),
    }
    expected = {
        'single': Expected(
            'counted in the split lists that four repositories publish alike',
            clips=9172,
            classes=dict(zip(classes,
                             (1390, 639, 625, 1242, 1138, 1470, 1072, 236,
                              916, 262, 182))),
            folds={1: 1839, 2: 1837, 3: 1833, 4: 1832, 5: 1831}),
        'compound': Expected(
            'counted in the official lists, as one repository publishes them',
            clips=8996,
            classes=dict(zip(classes, (425, 310, 180, 1075, 1138, 610, 497,
                                       111, 408, 143, 41)), **COMPOUND),
            folds={1: 1818, 2: 1809, 3: 1798, 4: 1788, 5: 1783}),
    }
    variants = {'label_order': (None, ) + tuple(LABEL_ORDERS['mafw'])}
    licence = 'research only, after a signed agreement'
    access = ('signed form (PDF) by e-mail to the authors, '
              'https://mafw-database.github.io/MAFW')
    citation = """@inproceedings{liu2022mafw,
  title={{MAFW}: A Large-scale, Multi-modal, Compound Affective Database for
         Dynamic Facial Expression Recognition in the Wild},
  author={Liu, Yuanyuan and Dai, Wei and Feng, Chuanxu and Wang, Wenbin and
          Yin, Guanghao and Zeng, Jiabei and Shan, Shiguang},
  booktitle={ACM International Conference on Multimedia},
  pages={24--32},
  year={2022}
}"""
    unverified = ('names of the folders of clips and of face frames', )

    def class_names(self, protocol: Optional[str] = None) -> Tuple[str, ...]:
        """See the base class."""
        if self.protocol_name(protocol) == 'compound':
            return self.classes + tuple(COMPOUND)
        return self.classes

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        # The lists with captions have no neutral clip.
        patterns = [
            f'*{protocol}*/{captions}set_{{fold}}/{{role}}.{suffix}'
            for captions in ('no_caption*/', 'with_caption*/', '')
            for suffix in ('txt', 'csv')
        ]
        lists = find_lists(self.root, self.title, patterns,
                           ('test', 'train'), folds=5)
        if lists['test', 1].parts[-3].startswith('with_caption'):
            self.findings.append(Finding(
                'warning', 'short-lists',
                f'{self.title}: the lists with captions are used, which lack '
                'all clips without a caption, the neutral ones among them',
                'put the folder no_caption beside with_caption'))
        rows, found = read_lists(
            self.root, self.title, lists,
            self._order(lists.values(), protocol), base=0)
        clips, more = folds_and_labels(self.title, rows)
        self.findings += found + more
        index = self.media()
        missing, known = [], set(self.class_names(protocol))
        unknown = []
        for key, (label, fold) in clips.items():
            medium = index.get(key) or index.get(key.zfill(5))
            if medium is None:
                missing.append(key)
            elif label not in known:
                unknown.append(f'{key} ({label})')
            else:
                yield self.clip(index, medium, medium.key, label, fold=fold)
        self.report_missing(missing)
        self.report_unknown(unknown)

    def _order(self, lists: Iterable[Path], protocol: str) -> Tuple[str, ...]:
        """Find what numbers mean, for copies of the lists with numbers."""
        order = self.variant['label_order']
        if order:
            return LABEL_ORDERS['mafw'][order].classes
        lists = list(lists)
        first = [read_label_list(path)[0][1] for path in lists]
        if all(as_number(label) is None for label in first):
            return ()
        # Upwards only: what lies beside is of the other protocol, in which
        # the same numbers mean other classes.
        wanted, others = sorted(self.class_names(protocol)), []
        for folder in lists[0].parents:
            tables = locate(folder, _TABLES, required=False, depth=0)
            orders = [self._read_table(path) for path in tables]
            fitting = {names for names in orders if sorted(names) == wanted}
            if len(fitting) > 1:
                raise AdapterError(
                    f'{folder}: {", ".join(path.name for path in tables)} '
                    'give one number to different classes; keep the right '
                    'table, or say `label_order`')
            if fitting:
                return fitting.pop()
            others += tables
            if folder == self.root:
                break
        if others:
            raise AdapterError(
                f'{others[0]}: these are not the {len(wanted)} classes of the '
                f'protocol {protocol}, each once; put the table of that '
                'protocol beside its lists, or say `label_order`')
        return ()

    @staticmethod
    def _read_table(path: Path) -> Tuple[str, ...]:
        names = read_class_index(path)
        if sorted(names) != list(range(len(names))):
            raise AdapterError(f'{path}: the numbers have gaps')
        return tuple(names[number] for number in range(len(names)))
