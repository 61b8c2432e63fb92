"""The lines of a file of commands, one after the other in bounded memory: plain or gzip, a path or standard input.

A line that is longer than the limit is named, never held.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO, cast

LONGEST_LINE = 1 << 20
"""Bytes of the longest line that is read."""

STANDARD_INPUT = "-"

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BUFFER = 1 << 18


class Broken(Exception):
    """A line that cannot be read; `ends` where nothing after it can be read either."""

    def __init__(self, message: str, *, ends: bool = False) -> None:
        super().__init__(message)
        self.ends = ends


class InputFile:
    """An open file of lines. `read_bytes` says how far it is read, of `size` (None: not known)."""

    def __init__(self, name: str, file: io.BufferedReader[Any], size: int | None) -> None:
        self.name = name
        self.size = size
        self._file = file
        compressed = file.peek(2)[:2] == _GZIP
        self._readline = gzip.GzipFile(fileobj=file).readline if compressed else file.readline
        self._first = True

    @property
    def read_bytes(self) -> int:
        """Bytes of the file that have been read, compressed ones where it is compressed."""
        return self._file.raw.tell() if self.size is not None else 0

    def next(self) -> bytes | None:
        """The next line without its end; None after the last. Raises Broken."""
        try:
            line = self._readline(LONGEST_LINE + 2)
            if len(line) == LONGEST_LINE + 2 and line[-1:] != b"\n":
                self._skip_rest()
                raise Broken(f"the line is longer than {LONGEST_LINE} bytes")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Broken(f"the compressed file is damaged or cut off: {error}", ends=True) from None
        except OSError as error:
            raise Broken(f"the file cannot be read on: {error.strerror or error}", ends=True) from None
        if not line:
            return None
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line.rstrip(b"\r\n")

    def _skip_rest(self) -> None:
        while (piece := self._readline(_BUFFER)) and piece[-1:] != b"\n":
            pass


def standard_input() -> BinaryIO:
    """The bytes that standard input has. Raises OSError where it is closed."""
    if sys.stdin is None:  # as Python has it then
        raise OSError(errno.EBADF, "standard input is closed", STANDARD_INPUT)
    return sys.stdin.buffer


@contextmanager
def opened(name: str) -> Iterator[InputFile]:
    """The file of that name, or standard input for `-`. Raises OSError."""
    if name == STANDARD_INPUT:
        standard = standard_input()
        if not isinstance(standard, io.BufferedReader):
            standard = io.BufferedReader(cast("io.RawIOBase", standard))
        yield InputFile(name, standard, None)
        return
    with io.BufferedReader(Path(name).open("rb", buffering=0), _BUFFER) as file:
        status = os.fstat(file.fileno())
        yield InputFile(name, file, status.st_size if S_ISREG(status.st_mode) else None)
