# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A data set of clips, each labelled with the person it shows."""
import re
from typing import List

from mmfer.registry import DATASETS
from .annotations import AnnotationError
from .fer_dataset import FERDataset


@DATASETS.register_module()
class SubjectDataset(FERDataset):
    """The clips of a :class:`FERDataset`, labelled with their subjects.

    For face recognition: ``label`` (int) is the rank of the subject among
    those of the chosen split or fold, in natural order, ``label_name`` its
    name and ``expression`` the name of the expression. In training
    ``metainfo['classes']`` are the subjects, to be compared with the head's
    ``num_classes``. In test mode there are no classes: the persons are others
    than in training, and only their embeddings can be compared.

    Takes the arguments of :class:`FERDataset`; ``classes`` and ``label_map``
    choose among expressions.

    Raises:
        AnnotationError: A clip has no subject; and as ``FERDataset``.
    """

    METAINFO = dict(task_name='face recognition')

    def load_data_list(self) -> List[dict]:
        """Read and filter the annotations.

        Returns:
            list[dict]: One dict per clip, see the class.
        """
        data_list = super().load_data_list()
        unknown = [i['path'] for i in data_list if not i.get('subject')]
        if unknown:
            raise AnnotationError(
                f'{self.ann_file}: {len(unknown)} of {len(data_list)} clips '
                f'have no subject, the first: {unknown[0]}; face recognition '
                'needs the subject of every clip')
        subjects = sorted({str(i['subject']) for i in data_list},
                          key=_natural)
        rank = {subject: number for number, subject in enumerate(subjects)}
        for info in data_list:
            info['expression'] = info['label_name']
            info['label_name'] = str(info['subject'])
            info['label'] = rank[info['label_name']]
        self._metainfo.pop('classes')
        if not self.test_mode:
            self._metainfo['classes'] = tuple(subjects)
        return data_list


def _natural(name: str) -> list:
    """Key under which 's9' comes before 's10'."""
    return [(int(part) if part.isdigit() else 0, part)
            for part in re.split(r'(\d+)', name)]
