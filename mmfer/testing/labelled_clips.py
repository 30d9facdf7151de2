# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A tiny labelled data set, for tests of everything behind the codec."""
import json
from pathlib import Path
from typing import Sequence, Union

from .sources import face_like
from .streams import Recipe, write_video

#: The seven classes of the usual benchmarks.
SEVEN = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


def write_labelled_clips(folder: Union[str, Path],
                         classes: Sequence[str] = SEVEN,
                         subjects: int = 4,
                         frames: int = 14,
                         size: int = 112,
                         coding: Union[str, Recipe] = 'mpeg4') -> Path:
    """Write one clip of every class and person, and the annotation file.

    The last person but one is the split 'val', the last one 'test', the
    others 'train'; person ``n`` is in fold ``n % 2 + 1``. Every second clip
    has an apex. Labels have nothing to do with the pictures.

    Args:
        folder (str | Path): Where; made if it does not exist.
        classes (Sequence[str]): Names of the classes.
        subjects (int): Persons, at least 3.
        frames (int): Pictures per clip.
        size (int): Height and width in pixels.
        coding (str | Recipe): How to code the clips.

    Returns:
        Path: The annotation file.
    """
    folder = Path(folder)
    (folder / 'clips').mkdir(parents=True, exist_ok=True)
    clips = []
    for subject in range(subjects):
        split = {subjects - 2: 'val', subjects - 1: 'test'}.get(
            subject, 'train')
        for number, label in enumerate(classes):
            name = f'clips/s{subject}_{label}.mp4'
            pictures = face_like(frames, (size, size), 100 * subject + number)
            write_video(folder / name, pictures, coding)
            clip = dict(
                path=name,
                label=label,
                subject=f's{subject}',
                split=split,
                fold=subject % 2 + 1)
            if number % 2:
                clip['apex'] = frames // 2
            clips.append(clip)
    path = folder / 'annotations.json'
    content = dict(
        metainfo=dict(dataset='labelled-clips', classes=list(classes)),
        clips=clips)
    path.write_text(json.dumps(content), encoding='utf-8')
    return path
