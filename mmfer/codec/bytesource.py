# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Bytes by position, from a path or from memory."""
import io
import os


_SMALL = 1 << 17  # bytes; one read costs less than a dozen short ones


class ByteReader:
    """Read spans of a file, or of bytes that are in memory already.

    Args:
        source (str | PathLike | bytes | bytearray | memoryview): Where the
            video is.

    Attributes:
        name (str): What to call the source in messages.
        loaded (bytes): All of it if it is in memory, else b''.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As `open`.
    """

    def __init__(self, source):
        self._closed = False
        if isinstance(source, (str, os.PathLike)):
            self.name = os.fspath(source)
            self._path, self._data = self.name, None
            self._file = open(self.name, 'rb', buffering=0)
            self._descriptor = self._file.fileno()
            self.length = os.fstat(self._descriptor).st_size
            if self.length <= _SMALL:
                self._data = self._pread(self.length, 0)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._path, self._data, self._file = None, bytes(source), None
            self.length = len(self._data)
            self.name = f'<{self.length} bytes>'
        else:
            raise TypeError(
                'a video is given as a path or as bytes, not as '
                f'{type(source).__name__}')

    @property
    def loaded(self):
        return self._data or b''

    def read(self, position, size):
        """Return `size` bytes at `position`, fewer at the end of the file."""
        if self._closed:
            self.check_open()
        if position < 0:
            return b''
        if self._data is not None:
            return self._data[position:position + size]
        size = min(size, self.length - position)
        if size <= 0:
            return b''
        return self._pread(size, position)

    def _pread(self, size, position):
        if hasattr(os, 'pread'):
            # The shared offset stays: a forked process may read as well.
            return os.pread(self._descriptor, size, position)
        self._file.seek(position)
        return self._file.read(size)

    def check_open(self):
        """Raise a ValueError if the source was closed.

        The number of a closed descriptor may be another file's by now.
        """
        if self._closed:
            raise ValueError(
                f'{self.name}: the video is closed; open it again')

    def for_container(self):
        """Return what `av.open` takes: the path, or a fresh file object."""
        return self._path if self._file else io.BytesIO(self._data)

    def close(self):
        """Close the file; further reads fail."""
        self._closed = True
        if self._file is not None:
            self._file.close()
