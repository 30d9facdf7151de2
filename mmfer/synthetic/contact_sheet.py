# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Contact sheets: pictures of many clips on one page, to be looked at."""
import cv2
import numpy as np

from .expressions import CLASSES
from .faces import ClipItem, make_person, make_renderer, render_clip
from .faces import write_script


def tile(rows, row_names=None, gap=2):
    """Lay pictures out in rows.

    Args:
        rows (list[list[numpy.ndarray]]): (H, W, 3) uint8 pictures of one size.
        row_names (list[str], optional): Written before the rows.
        gap (int): White pixels between pictures. Default: 2.

    Returns:
        numpy.ndarray: (height, width, 3) uint8.
    """
    height, width = rows[0][0].shape[:2]
    margin = 78 if row_names else 0
    columns = max(len(row) for row in rows)
    page = np.full((len(rows) * (height + gap) + gap,
                    margin + columns * (width + gap) + gap, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        top = gap + r * (height + gap)
        for c, picture in enumerate(row):
            left = margin + gap + c * (width + gap)
            page[top:top + height, left:left + width] = picture
        if row_names:
            cv2.putText(page, row_names[r], (4, top + height // 2),
                        cv2.FONT_HERSHEY_SIMPLEX, 0.48, (30, 30, 30), 1,
                        cv2.LINE_AA)
    return page


def sheet_of_clips(subjects, columns=8, take=0, **options):
    """Rows are classes, columns are time; one block per person.

    Args:
        subjects (Sequence[int]): Persons, beside each other.
        columns (int): Pictures per clip. Default: 8.
        take (int): Which take. Default: 0.
        **options: Further fields of `ClipItem`.

    Returns:
        numpy.ndarray: (height, width, 3) uint8 RGB.
    """
    rows = []
    for label in CLASSES:
        row = []
        for subject in subjects:
            clip = render_clip(ClipItem(subject, label, take, **options))
            row += [clip[i] for i in np.linspace(
                0, len(clip) - 1, columns).round().astype(int)]
        rows.append(row)
    return tile(rows, list(CLASSES))


def sheet_of_resting_faces(count, columns=10, seed=0, size=112):
    """One picture of every person at rest, looking ahead.

    Args:
        count (int): Number of persons.
        columns (int): Pictures per row. Default: 10.
        seed (int): Seed of the catalogue. Default: 0.
        size (int): Height and width of a picture. Default: 112.

    Returns:
        numpy.ndarray: (height, width, 3) uint8 RGB.
    """
    pictures = [still(ClipItem(subject, 'neutral', 0, size=size, seed=seed))
                for subject in range(count)]
    rows = [pictures[i:i + columns] for i in range(0, count, columns)]
    return tile(rows)


def still(item, activations=None):
    """A person without distractors, at rest or with an expression on top.

    Args:
        item (ClipItem): Names the person; its label is ignored.
        activations (numpy.ndarray, optional): (len(CHANNELS),) added to the
            resting face.

    Returns:
        numpy.ndarray: (size, size, 3) uint8 RGB.
    """
    person = make_person(item.seed, item.subject)
    script = write_script(item)[0]
    face = person.rest if activations is None else person.rest + activations
    script.activations = np.clip(face, -1, 1.5)[None].astype(np.float32)
    script.pose = np.zeros((1, 6), np.float32)
    script.gaze = np.zeros((1, 2), np.float32)
    script.light = np.array([[1.0, 0.0, 0.0]], np.float32)
    renderer = make_renderer(item.seed, item.subject, item.size)
    return renderer.render(script)[0]
