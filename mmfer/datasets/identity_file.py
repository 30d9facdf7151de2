# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The identity file: who every clip of a data set shows, as embeddings.

One ``.npz`` without pickled objects, with one row per encoded picture; the
rows of a clip follow each other:

============== ================ ==========================================
name           type             meaning
============== ================ ==========================================
``paths``      str (N, )        the clip, as the annotation file writes it
``embeddings`` float32 (N, D)   raw, as the face network gave them
``frames``     int64 (N, )      display index of the picture; -1: a mean
``metadata``   str ()           JSON: version, encoder, which, data set
``whitening``  str (K, )        names of the whitenings: 'train' or 'fold3'
``mean``       float32 (K, D)
``projection`` float32 (K, D, d)
============== ================ ==========================================
"""
import json
import os
import zipfile
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from mmfer.atomic import writing

VERSION = 1
#: Which keyframe of a clip is encoded.
WHICH = ('first', 'last', 'mean', 'same_gop')
_MAKE = 'make it with tools/data/extract_identity.py'


class IdentityFileError(ValueError):
    """An identity file that is damaged or does not hold what is asked."""


class IdentityEmbeddings:
    """Identity embeddings by clip.

    Args:
        paths (Sequence[str]): Clip of each row, (N, ). Rows of a clip follow
            each other, by ascending picture.
        embeddings (np.ndarray): float32, (N, D).
        frames (Sequence[int]): Display index of each row's picture, (N, ).
        metadata (dict, optional): What can be said of them. Defaults to None.
        whitenings (dict, optional): By name, mean (D, ) and projection
            (D, d). Defaults to None.
        name (str): File, for messages. Defaults to '<embeddings>'.

    Examples:
        >>> import numpy as np
        >>> x = np.eye(2, 3, dtype=np.float32)
        >>> identities = IdentityEmbeddings(['a.mp4', 'b.mp4'], x, [0, 0])
        >>> identities['b.mp4'].tolist(), 'c.mp4' in identities
        ([0.0, 1.0, 0.0], False)
    """

    def __init__(self,
                 paths: Sequence[str],
                 embeddings: np.ndarray,
                 frames: Sequence[int],
                 metadata: Optional[dict] = None,
                 whitenings: Optional[Dict[str, Tuple[np.ndarray,
                                                      np.ndarray]]] = None,
                 name: str = '<embeddings>') -> None:
        self.embeddings = np.asarray(embeddings, np.float32)
        self.frames = np.asarray(frames, np.int64)
        self.metadata = dict(metadata or {})
        self.whitenings = dict(whitenings or {})
        self.name = str(name)
        self.row_paths = [str(path) for path in paths]
        rows = len(self.row_paths)
        if self.embeddings.ndim != 2 or len(self.embeddings) != rows or \
                self.frames.shape != (rows, ):
            raise IdentityFileError(
                f'{self.name}: {rows} paths, embeddings of '
                f'{self.embeddings.shape} and frames of {self.frames.shape} '
                f'do not belong together; {_MAKE} again')
        bad = np.flatnonzero(~np.isfinite(self.embeddings).all(1))
        if len(bad):
            raise IdentityFileError(
                f'{self.name}: {len(bad)} of {rows} embeddings are not '
                f'finite, the first is of {self.row_paths[bad[0]]}; look at '
                f'the face network, then {_MAKE} again')
        self._rows: Dict[str, slice] = {}
        for row, path in enumerate(self.row_paths):
            known = self._rows.get(path)
            if known is not None and known.stop != row:
                raise IdentityFileError(
                    f'{self.name}: the rows of {path} lie apart; {_MAKE} '
                    'again')
            self._rows[path] = slice(row if known is None else known.start,
                                     row + 1)

    # -- what there is -----------------------------------------------------

    @property
    def paths(self) -> List[str]:
        """The clips, each once."""
        return list(self._rows)

    @property
    def out_channels(self) -> int:
        """Length D of the raw embeddings."""
        return self.embeddings.shape[1]

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self._rows)

    def __contains__(self, path: str) -> bool:
        return path in self._rows

    def __getitem__(self, path: str) -> np.ndarray:
        """Return the raw embedding of a clip, that of its first row, (D, ).

        Raises:
            IdentityFileError: The clip is not in the file.
        """
        return self.embeddings[self._rows_of(path).start].copy()

    def _rows_of(self, path: str) -> slice:
        try:
            return self._rows[path]
        except KeyError:
            raise IdentityFileError(
                f'{self.name}: has no embedding of {path}; it holds '
                f'{len(self)} clips of {self.metadata.get("dataset")}; '
                f'{_MAKE} from the same annotation file') from None

    def at(self, path: str, frame_inds: Sequence[int]) -> np.ndarray:
        """Return the raw embedding of the group that pictures lie in.

        Args:
            path (str): The clip.
            frame_inds (Sequence[int]): Display indices of the pictures. If
                they lie in several groups, the group of most of them counts,
                the earliest of equals.

        Returns:
            np.ndarray: float32, (D, ). With one row per clip, that row.
        """
        rows = self._rows_of(path)
        group = group_of(self.frames[rows], frame_inds)
        return self.embeddings[rows.start + group].copy()

    def shuffled(self, paths: Sequence[str],
                 seed: int = 0) -> 'IdentityEmbeddings':
        """Return identities in which some clips have each other's.

        A control: a penalty finds nothing of the person in them.

        Args:
            paths (Sequence[str]): These clips, each once. None keeps its own.
            seed (int): Of who gets whose. Defaults to 0.

        Returns:
            IdentityEmbeddings: With the same whitenings.

        Raises:
            IdentityFileError: One of the clips is not in the file.
        """
        mixed = np.random.default_rng(seed).permutation(len(paths)).tolist()
        # In a circle, so that nobody gets its own.
        given = {path: self._rows_of(path) for path in self.paths}
        given.update({
            paths[taker]: self._rows_of(paths[giver])
            for taker, giver in zip(mixed, mixed[1:] + mixed[:1])
        })
        names, rows = [], [np.zeros(0, np.int64)]
        for path, theirs in given.items():
            names += [path] * (theirs.stop - theirs.start)
            rows.append(np.arange(theirs.start, theirs.stop))
        rows = np.concatenate(rows)
        return IdentityEmbeddings(
            names, self.embeddings[rows], self.frames[rows],
            dict(self.metadata, shuffled=dict(clips=len(paths), seed=seed)),
            self.whitenings)

    # -- whitening ---------------------------------------------------------

    def whiten(self,
               embeddings: np.ndarray,
               fold: Optional[int] = None) -> np.ndarray:
        """Apply the whitening that was fitted on training clips.

        Args:
            embeddings (np.ndarray): (..., D).
            fold (int, optional): The fold that is tested, where the whitening
                was fitted without each fold. Defaults to None.

        Returns:
            np.ndarray: float32, (..., d).

        Raises:
            IdentityFileError: There is no such whitening.
        """
        mean, projection = self.whitening(fold)
        return (np.asarray(embeddings, np.float32) - mean) @ projection

    def whitening(self, fold: Optional[int] = None
                  ) -> Tuple[np.ndarray, np.ndarray]:
        """Return mean (D, ) and projection (D, d) of a whitening.

        Args:
            fold (int, optional): See :meth:`whiten`. Defaults to None.

        Raises:
            IdentityFileError: There is no such whitening.
        """
        wanted = 'train' if fold is None else f'fold{fold}'
        if wanted not in self.whitenings:
            there = ', '.join(self.whitenings) or 'none'
            raise IdentityFileError(
                f'{self.name}: no whitening {wanted!r} (there are: {there}); '
                'run tools/data/extract_identity.py with --whiten, give the '
                'tested `fold`, or set whiten=False')
        return self.whitenings[wanted]

    def fit_whitening(self,
                      name: str,
                      paths: Sequence[str],
                      channels: int) -> None:
        """Fit a whitening on some clips and keep it under a name.

        Args:
            name (str): 'train', or 'fold3' for the one without fold 3.
            paths (Sequence[str]): The clips of the training.
            channels (int): Components d to keep.
        """
        rows = [np.arange(*self._rows_of(path).indices(len(self.row_paths)))
                for path in paths]
        rows = np.concatenate([np.zeros(0, np.int64), *rows])
        try:
            self.whitenings[name] = fit_whitening(self.embeddings[rows],
                                                  channels)
        except ValueError as error:
            raise IdentityFileError(
                f'{self.name}: whitening {name!r}: {error}') from None

    # -- file --------------------------------------------------------------

    def save(self, path: Union[str, os.PathLike]) -> None:
        """Write the file, whole or not at all.

        Args:
            path (str | PathLike): Ends in ``.npz``.
        """
        names = list(self.whitenings)
        arrays = dict(
            paths=np.array(self.row_paths, dtype=str),
            embeddings=self.embeddings,
            frames=self.frames,
            metadata=np.array(json.dumps(
                dict(self.metadata, version=VERSION), sort_keys=True)))
        if names:
            arrays.update(
                whitening=np.array(names, dtype=str),
                mean=np.stack([self.whitenings[n][0] for n in names]),
                projection=np.stack([self.whitenings[n][1] for n in names]))
        with writing(path, 'wb') as file:
            np.savez(file, **arrays)
        self.name = str(path)

    @classmethod
    def load(cls, path: Union[str, os.PathLike]) -> 'IdentityEmbeddings':
        """Read a file.

        Args:
            path (str | PathLike): The file.

        Returns:
            IdentityEmbeddings: Its content.

        Raises:
            IdentityFileError: There is no such file, or it is not one.
        """
        if not os.path.isfile(path):
            # Not a FileNotFoundError: a data set would take that for a clip
            # that cannot be read, and go on.
            raise IdentityFileError(f'{path}: no such identity file; {_MAKE}')
        try:
            with np.load(path, allow_pickle=False) as content:
                arrays = {key: content[key] for key in content.files}
            metadata = json.loads(str(arrays['metadata']))
            names = [str(name) for name in arrays.get('whitening', ())]
            whitenings = {
                name: (arrays['mean'][i], arrays['projection'][i])
                for i, name in enumerate(names)
            }
            rows = arrays['paths'], arrays['embeddings'], arrays['frames']
        except (OSError, ValueError, KeyError, EOFError, IndexError,
                zipfile.BadZipFile) as error:
            raise IdentityFileError(
                f'{path}: not an identity file ({error}); {_MAKE}') from None
        if metadata.get('version') != VERSION:
            raise IdentityFileError(
                f'{path}: written in version {metadata.get("version")} of '
                f'the format, this is version {VERSION}; {_MAKE} again')
        return cls(*rows, metadata, whitenings, str(path))


def group_of(keyframes: np.ndarray, frame_inds: Sequence[int]) -> int:
    """Find the group of pictures that most of some pictures lie in.

    Args:
        keyframes (np.ndarray): Display indices where groups start, ascending.
        frame_inds (Sequence[int]): Display indices of the pictures.

    Returns:
        int: Number of the group, the earliest of equals.
    """
    groups = np.searchsorted(keyframes, np.asarray(frame_inds), 'right') - 1
    # A picture before the first keyframe belongs to it all the same.
    return int(np.bincount(np.maximum(groups, 0)).argmax())


def fit_whitening(embeddings: np.ndarray,
                  channels: int) -> Tuple[np.ndarray, np.ndarray]:
    """Principal components of unit variance.

    Args:
        embeddings (np.ndarray): (N, D).
        channels (int): Components d to keep.

    Returns:
        tuple[np.ndarray, np.ndarray]: Mean (D, ) and projection (D, d),
        float32: ``(x - mean) @ projection`` is white on these embeddings.

    Raises:
        ValueError: The embeddings do not vary in so many directions.
    """
    x = np.asarray(embeddings, np.float64)
    mean = x.mean(axis=0) if len(x) else np.zeros(x.shape[1])
    centred = x - mean
    # N - 1, so that the sample variance along each component is one.
    variances, directions = np.linalg.eigh(
        centred.T @ centred / max(len(x) - 1, 1))
    variances, directions = variances[::-1], directions[:, ::-1]
    # float32 embeddings are no better than this.
    rank = int((variances > 1e-7 * max(variances[0], 1e-30)).sum())
    if not 1 <= channels <= min(rank, len(x) - 1):
        raise ValueError(
            f'{len(x)} embeddings of {x.shape[1]} channels vary in '
            f'{min(rank, max(len(x) - 1, 0))} directions, {channels} were '
            'asked')
    directions = directions[:, :channels]
    # The sign of a component is arbitrary: make its largest entry positive.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(
        directions[largest, np.arange(channels)])
    projection = directions / np.sqrt(variances[:channels])
    return mean.astype(np.float32), projection.astype(np.float32)
