# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Zip archives, read without trusting them.

A member is never written under its own name, so a name such as ``../../x``
leads nowhere; what is unpacked is bounded by the bytes that really come out,
not by those that the archive promises.
"""
import posixpath
import zipfile
import zlib
from pathlib import Path
from typing import Dict, List, Sequence, Union

PathLike = Union[str, Path]

#: Bytes that the members of one clip may unpack to.
LARGEST_CLIP = 8 << 30
_BLOCK = 1 << 20


class ArchiveError(ValueError):
    """An archive, or a member of it, that cannot be used."""


class ClipArchive:
    """The members of a zip archive, by folder.

    Args:
        path (str | Path): The archive.

    Raises:
        FileNotFoundError: There is no such file.
        ArchiveError: It is not a readable zip archive.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        try:
            self._zip = zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise FileNotFoundError(f'{path}: no such archive') from None
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise ArchiveError(
                f'{path}: not a readable zip archive ({error}); check that '
                'the file is complete') from None
        self._members: Dict[str, zipfile.ZipInfo] = {}
        self._folders: Dict[str, List[str]] = {}
        for info in self._zip.infolist():
            parts = [part for part in info.filename.replace('\\', '/').split(
                '/') if part not in ('', '.')]
            name = '/'.join(parts)
            # Finder's resource forks and hidden files are not data.
            if info.is_dir() or not name or '__MACOSX' in parts or any(
                    part.startswith('.') for part in parts):
                continue
            self._members[name] = info
            self._folders.setdefault(posixpath.dirname(name), []).append(name)

    def __enter__(self) -> 'ClipArchive':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def names(self) -> List[str]:
        """List all members that are files.

        Returns:
            list[str]: In the order of the archive, with ``/`` between
            folders; hidden ones are left out.
        """
        return list(self._members)

    def files_of(self, folder: str = '') -> List[str]:
        """List the files that lie directly in a folder.

        Args:
            folder (str): The folder; '' is the top. Defaults to ''.

        Returns:
            list[str]: Full names; empty if there is no such folder.
        """
        return list(self._folders.get(folder.strip('/'), ()))

    def __contains__(self, member: str) -> bool:
        return member.strip('/') in self._members

    def unpack(self,
               members: Sequence[str],
               folder: PathLike,
               limit: int = LARGEST_CLIP) -> List[Path]:
        """Unpack members under names of our own, ``00000000.jpg`` and so on.

        Args:
            members (Sequence[str]): Names as in :meth:`names`.
            folder (str | Path): An existing folder.
            limit (int): Bytes that all of them together may have.
                Defaults to 8 GiB.

        Returns:
            list[Path]: The files, in the order asked.

        Raises:
            ArchiveError: A member is missing, encrypted, damaged or too big.
        """
        written = []
        for number, name in enumerate(members):
            info = self._members.get(name.strip('/'))
            if info is None:
                raise ArchiveError(f'{self.path}: has no member {name}')
            if info.flag_bits & 1:
                raise ArchiveError(
                    f'{self.path}: {name} is encrypted; unpack the archive '
                    'with its password first')
            suffix = ''.join(
                c for c in posixpath.splitext(name)[1].lower()
                if c.isascii() and (c.isalnum() or c == '.'))
            out = Path(folder) / f'{number:08d}{suffix}'
            limit -= self._copy(info, name, out, limit)
            written.append(out)
        return written

    def _copy(self, info: zipfile.ZipInfo, name: str, out: Path,
              limit: int) -> int:
        count = 0
        try:
            with self._zip.open(info) as source, open(out, 'wb') as target:
                while block := source.read(_BLOCK):
                    count += len(block)
                    if count > limit:
                        raise ArchiveError(
                            f'{self.path}: {name} unpacks to more than may '
                            'be unpacked for one clip; unpack the archive by '
                            'hand if that is meant')
                    target.write(block)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError,
                EOFError, RuntimeError) as error:
            raise ArchiveError(
                f'{self.path}: {name} cannot be unpacked ({error})') from None
        return count
