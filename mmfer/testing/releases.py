# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny trees in the layout of official releases, for tests.

The files are real: coded videos and pictures of synthetic faces, and lists in
the format of the release. Of each data set there is just enough for all of
its folds: every class in every official fold or split, and as many persons as
there are folds.
"""
from pathlib import Path
from typing import Callable, Dict, Union

from .film_releases import write_afew, write_dfew, write_ferv39k, write_mafw
from .laboratory_releases import (write_casme2, write_ckplus, write_crema_d,
                                  write_enterface05, write_mmi,
                                  write_oulu_casia, write_ravdess, write_samm)
from .release_writer import ReleaseWriter

#: Functions that write a release, by name of the adapter.
RELEASES: Dict[str, Callable] = {
    'dfew': write_dfew,
    'ferv39k': write_ferv39k,
    'mafw': write_mafw,
    'afew': write_afew,
    'ckplus': write_ckplus,
    'mmi': write_mmi,
    'oulu-casia': write_oulu_casia,
    'crema-d': write_crema_d,
    'ravdess': write_ravdess,
    'enterface05': write_enterface05,
    'casme2': write_casme2,
    'samm': write_samm
}


def write_release(name: str,
                  root: Union[str, Path],
                  frames: int = 12,
                  size: int = 64,
                  newline: str = '\n',
                  encoding: str = 'utf-8',
                  **variant) -> Path:
    """Write a tiny release.

    Args:
        name (str): Name of an adapter, e.g. 'dfew'.
        root (str | Path): Folder to make it in.
        frames (int): Pictures per clip. Defaults to 12.
        size (int): Height and width of pictures. Defaults to 64.
        newline (str): Line end of lists: '\\n' or '\\r\\n'.
        encoding (str): Of lists, e.g. 'utf-8-sig' or 'gb18030'.
            Defaults to 'utf-8'.
        **variant: Of the data set: ``source`` (kind of clips), ``archive``
            (bool, clips in zip archives), ``lists`` (which of the known ways
            of writing them), and what its function takes.

    Returns:
        Path: The root.

    Raises:
        ValueError: There is no such data set.

    Example:
        >>> from mmfer.testing.releases import write_release
        >>> write_release('dfew', '/tmp/dfew', archive=True)  # doctest: +SKIP
    """
    if name not in RELEASES:
        raise ValueError(f'no release {name!r}; there are '
                         f'{", ".join(RELEASES)}')
    writer = ReleaseWriter(Path(root), frames, size, newline, encoding)
    RELEASES[name](writer, **variant)
    return writer.root
