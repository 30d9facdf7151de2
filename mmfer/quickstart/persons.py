# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The synthetic persons: whose expressions are read, and who else there is."""
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Optional

from mmfer.synthetic import (CLASSES, PRESETS, ConfigurationMismatch,
                             make_dataset)

#: The expression data; see mmfer.synthetic.PRESETS.
PRESET = 'small'
#: Fewer persons leave fewer than two to test on.
MIN_PERSONS = 6
#: H.264 as its encoder likes it best: what most files are.
CODING = dict(codec='h264', profile='stock')
#: Of what is read as pictures only; it is quickly written and read.
PICTURE_CODING = dict(codec='mpeg4', gop=4)
SEED = 0
#: The face network learns from other persons, who are many and whose clips
#: are short: so many for each person of the expression data.
OTHERS_PER_PERSON = 5
OTHERS = dict(
    takes=1, frames=8, classes=CLASSES[:4], shares=(1, 0, 0), seed=1000)


def make_expressions(folder: Path, persons: Optional[int] = None) -> Path:
    """Make the clips whose expressions are to be recognised.

    Args:
        folder (Path): Where.
        persons (int, optional): Persons; those of the preset when None.
            Defaults to None.

    Returns:
        Path: The annotation file.
    """
    options = dict(PRESETS[PRESET], seed=SEED)
    return make_faces(
        folder, CODING, dict(options, num_subjects=count_persons(persons)))


def make_others(folder: Path, persons: Optional[int] = None) -> Path:
    """Make clips of other persons than those of the expression data.

    Args:
        folder (Path): Where.
        persons (int, optional): Persons of the *expression* data; those of
            the preset when None. Defaults to None.

    Returns:
        Path: The annotation file.
    """
    return make_faces(
        folder, PICTURE_CODING,
        dict(OTHERS, num_subjects=count_others(persons)))


def count_persons(persons: Optional[int] = None) -> int:
    """Persons of the expression data; those of the preset when None."""
    return PRESETS[PRESET]['num_subjects'] if persons is None else persons


def count_others(persons: Optional[int] = None) -> int:
    """Persons that the face network learns from."""
    return OTHERS_PER_PERSON * count_persons(persons)


def make_faces(folder: Path, coding: Dict[str, Any],
               options: Dict[str, Any]) -> Path:
    """Make synthetic faces, or complete them.

    Args:
        folder (Path): Where.
        coding (dict): Arguments of :func:`mmfer.codec.transcode`.
        options (dict): Arguments of :func:`mmfer.synthetic.make_dataset`.

    Returns:
        Path: The annotation file.
    """
    options = dict(
        options,
        workers=os.cpu_count() or 1,
        codings={folder.name: coding})
    try:
        return make_dataset(folder.parent, **options)[0]
    except ConfigurationMismatch:
        # Made by another version of mmfer, or of another size.
        shutil.rmtree(folder)
        return make_dataset(folder.parent, **options)[0]
