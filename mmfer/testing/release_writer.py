# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write the parts of a tiny release: clips, pictures, lists, sheets, zips."""
import csv
import io
import shutil
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Callable, List, Optional, Sequence

import numpy as np

from .streams import write_video

#: How releases code their videos.
CODINGS = {'.mp4': 'h264_plain', '.avi': 'mpeg4', '.flv': 'flv1'}

# Expressions that synthetic faces do not have, by the nearest one.
_ACTED_AS = {'contempt': 'disgust', 'anxiety': 'fear', 'helplessness': 'sad',
             'disappointment': 'sad', 'calm': 'neutral',
             'repression': 'happy', 'others': 'neutral'}


@lru_cache(maxsize=256)
def _face(subject: int, label: str, take: int, frames: int,
          size: int) -> np.ndarray:
    from mmfer.synthetic import render_clip
    from mmfer.synthetic.faces import ClipItem
    label = label.split('_')[0]
    acted = _ACTED_AS.get(label, label)
    if acted != label:
        take += 50  # no copy of the clip whose expression is lent
    return render_clip(ClipItem(subject, acted, take, frames=frames,
                                size=size))


class ReleaseWriter:
    """Write files below a folder.

    Args:
        root (Path): Folder of the release; made if it does not exist.
        frames (int): Pictures per clip.
        size (int): Height and width in pixels.
        newline (str): Line end of lists.
        encoding (str): Of lists.
    """

    def __init__(self, root: Path, frames: int, size: int, newline: str,
                 encoding: str) -> None:
        self.root, self.frames, self.size = root, frames, size
        self.newline, self.encoding = newline, encoding
        root.mkdir(parents=True, exist_ok=True)

    def faces(self, subject: int, label: str, take: int = 0,
              frames: Optional[int] = None) -> np.ndarray:
        """Draw a clip.

        Args:
            subject (int): Who.
            label (str): Common name of the expression.
            take (int): Repetition. Defaults to 0.
            frames (int, optional): Pictures, if not as usual.

        Returns:
            np.ndarray: (T, size, size, 3) uint8 RGB.
        """
        frames = frames or self.frames
        # Drawn once for all lengths up to this one.
        drawn = max(frames, 12)
        return _face(subject, label, take, drawn, self.size)[:frames]

    def video(self, name: str, pictures: np.ndarray) -> None:
        """Write a coded video; the suffix says how it is coded.

        Args:
            name (str): Path below the root.
            pictures (np.ndarray): (T, H, W, 3) uint8 RGB.
        """
        path = self._path(name)
        write_video(path, pictures, CODINGS[path.suffix])

    def pictures(self, folder: str, pictures: np.ndarray,
                 name: Callable[[int], str]) -> None:
        """Write a folder of pictures.

        Args:
            folder (str): Path below the root.
            pictures (np.ndarray): (T, H, W, 3) uint8 RGB.
            name (Callable): Gives the file name of a picture, from 0.
        """
        import cv2
        for number, picture in enumerate(pictures):
            path = self._path(f'{folder}/{name(number)}')
            cv2.imwrite(str(path), picture[..., ::-1])

    def text(self, name: str, lines: Sequence[str]) -> None:
        """Write a list.

        Args:
            name (str): Path below the root.
            lines (Sequence[str]): Lines without their ends.
        """
        text = ''.join(line + self.newline for line in lines)
        self._path(name).write_bytes(text.encode(self.encoding))

    def sheet(self, name: str, rows: Sequence[Sequence], suffix: str) -> None:
        """Write a spreadsheet.

        Args:
            name (str): Path below the root, without suffix.
            rows (Sequence[Sequence]): Cells; None is an empty one.
            suffix (str): '.xlsx' or '.csv'.
        """
        path = self._path(name + suffix)
        if suffix == '.csv':
            text = io.StringIO()
            csv.writer(text, lineterminator=self.newline).writerows(rows)
            path.write_bytes(text.getvalue().encode(self.encoding))
            return
        from openpyxl import Workbook
        book = Workbook()
        for row in rows:
            book.active.append(list(row))
        book.save(path)

    def archive(self, folder: str, name: str = '') -> None:
        """Put a folder into a zip archive and remove it.

        Args:
            folder (str): Path below the root; also the first part of the
                names in the archive.
            name (str): Path of the archive. Defaults to ``folder`` + '.zip'.
        """
        source = self.root / folder
        with zipfile.ZipFile(self.root / (name or f'{folder}.zip'),
                             'w') as file:
            for path in sorted(source.rglob('*')):
                if path.is_file():
                    file.write(path, path.relative_to(source.parent))
        shutil.rmtree(source)

    def archive_all(self, folders: List[str]) -> None:
        """Put each folder into an archive of its own.

        Args:
            folders (list[str]): Paths below the root.
        """
        for folder in folders:
            self.archive(folder)

    def _path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
