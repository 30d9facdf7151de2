# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Files appear under their name when they are complete, or not at all.

Whatever happens in the middle, an older file of that name stays as it was
and nothing else is left behind. Of several writers at once the last one wins,
whole. A power cut is another matter: nothing is forced onto the disk.
"""
import json
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator, Union

#: Characters of a name that its temporary name repeats: that of a name of the
#: greatest length would be too long.
_REPEATED = 40


@contextmanager
def replacing(path: Union[str, os.PathLike]) -> Iterator[Path]:
    """Offer a temporary name, then give what was written there its own.

    The file gets the permissions that ``open(path, 'w')`` would have left. A
    link stays one, and what is no file, such as ``/dev/null``, is written to.

    Args:
        path (str | PathLike): The final name; its folder is made.

    Yields:
        Path: A name in the same folder with the same suffix.

    Raises:
        OSError: As ``open(path, 'w')`` raises it, with that name.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        yield Path(path)
        return
    final = Path(os.path.realpath(path))
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(
        f'.{final.stem[:_REPEATED]}.{os.getpid()}-{secrets.token_hex(4)}'
        f'.part{final.suffix}')
    try:
        yield temporary
        if final.exists():
            os.chmod(temporary, final.stat().st_mode & 0o7777)
        os.replace(temporary, final)
    except OSError as error:
        if error.filename is not None \
                and os.fspath(error.filename) == str(temporary):
            # Nobody knows the temporary name.
            raise OSError(error.errno, error.strerror,
                          os.fspath(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Union[str, os.PathLike], mode: str = 'w') -> Iterator[IO]:
    """Open a file to be written that appears when it is closed.

    Args:
        path (str | PathLike): The file; replaced if it exists, its folder is
            made.
        mode (str): 'w' for text, in UTF-8 and with the line ends that are
            written; 'wb' for bytes. Defaults to 'w'.

    Yields:
        IO: The open file.

    Raises:
        OSError: As ``open(path, mode)`` raises it.
    """
    text = {} if 'b' in mode else dict(encoding='utf-8', newline='')
    with replacing(path) as temporary, open(temporary, mode, **text) as file:
        yield file


def write_text(path: Union[str, os.PathLike], text: str) -> None:
    """Write a text file in UTF-8.

    Args:
        path (str | PathLike): The file; replaced if it exists, its folder is
            made.
        text (str): Its content.
    """
    with writing(path) as file:
        file.write(text)


def write_json(path: Union[str, os.PathLike], content: Any,
               **options: Any) -> None:
    """Write a JSON file.

    Args:
        path (str | PathLike): The file; replaced if it exists, its folder is
            made.
        content (Any): What JSON can hold.
        **options: Of ``json.dumps``; ``indent`` defaults to 1.

    Raises:
        TypeError, ValueError: JSON cannot hold that; nothing is written.
    """
    write_text(path, json.dumps(content, **dict(dict(indent=1), **options))
               + '\n')
