# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Oulu-CASIA: 80 persons, six posed expressions, three kinds of light."""
import re
from typing import Iterable

from .base import DatasetAdapter
from .facts import Expected, Place, Protocol, SourceClip
from .spans import last_frame
from .words import expression_name


class OuluCASIA(DatasetAdapter):
    """Oulu-CASIA NIR&VIS, one camera and one kind of light at a time."""

    name = 'oulu-casia'
    title = 'Oulu-CASIA'
    classes = ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise')
    places = {
        'original': Place(
            ('*OriginalImg/{camera}/{light}', '{camera}/{light}'), depth=2,
            note='pictures of 320x240, faces not cropped'),
        'cropped': Place(
            ('PreProcess*/{camera}_Acropped/{light}',
             '{camera}_Acropped/{light}'), depth=2, crop='none',
            note='official face crops'),
    }
    protocols = {
        '10-fold': Protocol('subjects', '10 folds of 8 persons: ids '
                            'ascending, every tenth together', 10),
        'loso': Protocol('subjects', 'leave one person out'),
    }
    expected = {
        '': Expected(
            '80 persons show six expressions in every setting', clips=480,
            classes=dict.fromkeys(classes, 80), subjects=80)
    }
    variants = {'camera': ('VL', 'NI'), 'light': ('Strong', 'Weak', 'Dark')}
    identity = True
    licence = 'research only, after a signed agreement'
    access = ('signed agreement to the Center for Machine Vision, University '
              'of Oulu, https://www.oulu.fi/en/research')
    citation = """@article{zhao2011facial,
  title={Facial Expression Recognition from Near-Infrared Videos},
  author={Zhao, Guoying and Huang, Xiaohua and Taini, Matti and Li, Stan Z.
          and Pietik{\\"a}inen, Matti},
  journal={Image and Vision Computing},
  volume={29},
  number={9},
  pages={607--619},
  year={2011}
}"""
    unverified = ('25 pictures per second', )

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        index, unknown = self.media(), []
        camera, light = self.variant['camera'], self.variant['light']
        for medium in index:
            subject, _, folder = medium.key.rpartition('/')
            label = expression_name(folder)
            if not re.fullmatch(r'P\d+', subject) or \
                    label not in self.classes:
                unknown.append(medium.key)
                continue
            yield self.clip(
                index, medium, f'{camera}/{light}/{medium.key}', label,
                subject=subject, extra={'camera': camera, 'light': light},
                **last_frame(index, medium))
        self.report_unnumbered(index)
        self.report_unknown(unknown)
