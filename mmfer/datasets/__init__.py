# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets of labelled clips, and the transforms that read them."""
from .annotations import AnnotationError, read_annotations
from .collating import shared_memory_collate
from .fer_dataset import FERDataset
from .identity_file import IdentityEmbeddings, IdentityFileError
from .samplers import ClassBalancedSampler
from .subject_dataset import SubjectDataset
from .transforms import *  # noqa: F401,F403
from .transforms import __all__ as _transforms

__all__ = [
    'AnnotationError', 'ClassBalancedSampler', 'FERDataset',
    'IdentityEmbeddings', 'IdentityFileError', 'SubjectDataset',
    'read_annotations', 'shared_memory_collate', *_transforms
]
