# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""AFEW: clips of films, the classification data of the EmotiW challenges."""
from typing import Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .words import expression_name


class AFEW(DatasetAdapter):
    """AFEW, trained on the training part and evaluated on the validation part.

    The labels of the test part were never published.
    """

    name = 'afew'
    title = 'AFEW'
    classes = ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad',
               'surprise')
    places = {
        'videos': Place(
            (('Train_AFEW', 'Val_AFEW'), ('Train', 'Val')), depth=2,
            apart=True,
            note='the clips as cut from the films, faces not cropped'),
        'faces': Place(
            (('AFEW_Face/train', 'AFEW_Face/val*'), ('train', 'val*')),
            depth=2, apart=True, crop='none',
            note='face frames in class folders'),
    }
    protocols = {
        'official': Protocol('split', 'official train, tested on val')
    }
    expected = {
        '': Expected(
            'the EmotiW release; lists of faces in public use have two '
            'validation clips less', clips=1156,
            splits={'train': 773, 'val': 383})
    }
    licence = 'research only, after a signed agreement'
    access = ('signed agreement to the organisers of EmotiW, '
              'https://sites.google.com/view/emotiw2019')
    citation = """@article{dhall2012collecting,
  title={Collecting Large, Richly Annotated Facial-Expression Databases from
         Movies},
  author={Dhall, Abhinav and Goecke, Roland and Lucey, Simon and Gedeon, Tom},
  journal={IEEE MultiMedia},
  volume={19},
  number={3},
  pages={34--41},
  year={2012}
}"""
    unverified = ('names of the folders of the videos', 'counts')

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        index, unknown, seen, twice = self.media(), [], set(), []
        for medium in index:
            folder, name = medium.key.split('/')[-2:]
            label = expression_name(folder)
            if label not in self.classes:
                unknown.append(medium.key)
                continue
            split = medium.place.name.lower().startswith('train')
            split = 'train' if split else 'val'
            clip_name = f'{split}/{label}/{name}'
            if clip_name in seen:  # of a second folder of one part
                twice.append(medium.key)
                continue
            seen.add(clip_name)
            yield self.clip(index, medium, clip_name, label, split=split)
        self.report_unknown(unknown)
        self.note('warning', 'duplicate-clip', twice,
                  'clips lie in two places; the first one is taken',
                  'keep one copy of the clips')
