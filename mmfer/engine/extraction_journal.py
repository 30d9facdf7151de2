# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What an extraction of identities has done so far."""
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

import numpy as np

from mmfer.atomic import write_text, writing
from mmfer.datasets.identity_file import VERSION, IdentityFileError


class ExtractionJournal:
    """Finished chunks of an extraction, in files that appear whole.

    They lie in a folder ``<out>.parts`` beside the file that is being made.

    Args:
        out (Path): The file that is being made.
        run (dict): What tells this run from others, whose parts are deleted.
        paths (list[str]): The clips in order.
        chunk (int): Clips of a part.
    """

    def __init__(self, out: Path, run: dict, paths: List[str],
                 chunk: int) -> None:
        self.chunk = chunk
        self.folder = out.with_name(out.name + '.parts')
        listed = hashlib.sha256('\n'.join(paths).encode()).hexdigest()
        header = json.dumps(
            dict(run, version=VERSION, paths=listed), sort_keys=True)
        path = self.folder / 'header.json'
        if not path.is_file() or path.read_text(encoding='utf-8') != header:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_text(path, header)
        self.parts = 0
        while self._part(self.parts).exists():
            self.parts += 1
        self.done = min(self.parts * chunk, len(paths))

    def _part(self, number: int) -> Path:
        return self.folder / f'{number:06d}.npz'

    def add(self, embeddings: np.ndarray, frames: np.ndarray,
            counts: List[int], errors: List[Optional[str]]) -> None:
        """Note a chunk."""
        with writing(self._part(self.parts), 'wb') as file:
            np.savez(
                file,
                embeddings=embeddings,
                frames=frames,
                counts=np.array(counts, np.int64),
                errors=np.array(json.dumps(errors)))
        self.parts += 1

    def read(self, paths: List[str]
             ) -> Iterator[Tuple[str, np.ndarray, np.ndarray, Optional[str]]]:
        """Yield path, embeddings, frames and error of every clip."""
        clips = iter(paths)
        for number in range(self.parts):
            try:
                with np.load(self._part(number), allow_pickle=False) as part:
                    found, frames = part['embeddings'], part['frames']
                    counts = part['counts'].tolist()
                    errors = json.loads(str(part['errors']))
            except (OSError, ValueError, KeyError,
                    zipfile.BadZipFile) as error:
                raise IdentityFileError(
                    f'{self._part(number)}: damaged ({error}); delete the '
                    'folder and start again') from None
            start = 0
            for count, error in zip(counts, errors):
                rows = slice(start, start + count)
                yield next(clips), found[rows], frames[rows], error
                start += count

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
