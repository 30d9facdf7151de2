# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A person in a video: where it was, and where that is only a guess.

Between two I pictures nobody looks. What is noted there is believed until an
I picture shows that the face is no longer there. Then it is taken back to
the last picture that spoke for the face, since nothing tells when it left.
"""
from dataclasses import dataclass, field
from typing import List, Optional

import numpy as np

from .face_motion import moved_box, shows_movement
from .prediction import BoxTrack

REFERENCES = 3  # pictures that x264 refers to by default


@dataclass(eq=False)
class TrackedFace:
    """A person in a video.

    Args:
        face (int): The number.
        box (np.ndarray): float64 (4, ), left, top, right, bottom now.
        hits (int): On how many I pictures it was found.
        missed (int): On how many it was missed since then.
        boxes (BoxTrack): Where it was, by display index; without what
            followed a miss, until the face is found again.
        found_last (int): The last I picture on which it was found.
    """

    face: int
    box: np.ndarray
    hits: int = 1
    missed: int = 0
    boxes: BoxTrack = field(default_factory=BoxTrack)
    found_last: int = -1
    _shown_last: int = -1  # found there, or it moved there
    _doubtful: Optional[BoxTrack] = None  # boxes behind that, after a miss
    _last: Optional[tuple] = None
    _references: List[tuple] = field(default_factory=list)

    @property
    def is_confirmed(self) -> bool:
        """Whether it was found again, or was not looked for again yet."""
        return self.hits > 1 or not self.missed

    @property
    def last_noted(self) -> int:
        """The last picture that has a box, a doubtful one or not."""
        return -1 if self._last is None else self._last[0]

    def note(self, index: int, box: np.ndarray) -> None:
        """Keep a box; pictures since the last one lie in between."""
        # Numbers come in order, so the last one is that of the last picture.
        last = self._last
        if last is not None and last[0] < index - 1:
            for between in range(last[0] + 1, index):
                share = (between - last[0]) / (index - last[0])
                self._add(between, last[1] + share * (box - last[1]))
        self._add(index, box)
        self._last = index, box

    def found_at(self, index: int, box: np.ndarray) -> None:
        """Take the box that was found on an I picture.

        If it was missed before, it was there nevertheless.
        """
        if self._doubtful is not None:
            self.boxes.extend(self._doubtful)
            self._doubtful = None
        self.missed = 0
        self.found_last = self._shown_last = index
        self.box = box
        self.stay_at(index)

    def missed_at(self, index: int) -> None:
        """Doubt what was noted since the last sign of the face."""
        self.missed += 1
        if self._doubtful is None:
            self._doubtful = self.boxes.cut(self._shown_last + 1)
        self.stay_at(index)

    def leave(self) -> None:
        """Forget the boxes that are still in doubt."""
        self._doubtful = None

    def stay_at(self, index: int) -> None:
        """Keep the box on an I picture, to which the next ones refer."""
        self._references = [(index, self.box)]
        self.note(index, self.box)

    def follow(self, index: int, residual, references: int) -> None:
        """Take the box that follows from the vectors of a P picture.

        Args:
            index (int): Its number.
            residual (Residual): Of the picture.
            references (int): Pictures to which it may refer.
        """
        expected = None
        if len(self._references) > 1 and references > 1:
            (last, box), (before, earlier) = self._references[:2]
            expected = box + (box - earlier) * (index - last) / (last - before)
        if self._doubtful is None and shows_movement(
                self.box, residual.motion, residual.inter):
            self._shown_last = index
        self.box = moved_box([box for _, box in self._references[:references]],
                             residual.motion, residual.inter, expected)
        self._references = [(index, self.box), *self._references][:REFERENCES]
        self.note(index, self.box)

    def _add(self, index, box):
        boxes = self.boxes if self._doubtful is None else self._doubtful
        boxes.add(
            index, (*box[:2].tolist(), *(box[2:] - box[:2]).tolist()))
