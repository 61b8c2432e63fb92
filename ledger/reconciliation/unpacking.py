"""Files as they come: plain, `.gz`, or a `.zip` of one file; what is unpacked is bounded, whatever the archive says.

An archive in an archive, a link, several files, a file with a password, and one that unpacks to more than its bounds
are refused. An archive is known by how it begins, not by its name.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from ledger.errors import ArchiveRefused, StatementUnreadable

LARGEST = 1 << 30
"""Bytes that a file may unpack to."""
LARGEST_RATIO = 200
"""How many times its size a file may unpack to."""
_LEAST = 1 << 20
"""Bytes that any archive may unpack to, whatever its size."""
_PIECE = 1 << 16
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


class _Bounded(io.RawIOBase):
    """Reads what is unpacked, so much and no more. Raises ArchiveRefused beyond."""

    def __init__(self, source: BinaryIO, most: int) -> None:
        self._source = source
        self._left = most

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        """Reads some of it."""
        try:
            piece = self._source.read(min(len(into), _PIECE))
        except (EOFError, OSError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise ArchiveRefused(f"it cannot be unpacked: {error}") from error
        self._left -= len(piece)
        if self._left < 0:
            raise ArchiveRefused(
                f"it unpacks to more than {LARGEST_RATIO} times its size, or {LARGEST} bytes"
            )
        into[: len(piece)] = piece
        return len(piece)


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """What a file holds, to be read once from its beginning. Raises ArchiveRefused, now or while it is read.

    Raises StatementUnreadable of a pipe or a device, which may have no end, and cannot be kept.
    """
    found = path.stat()
    if not (S_ISREG(found.st_mode) or S_ISDIR(found.st_mode)):
        raise StatementUnreadable("it is a pipe or a device, and no file")
    most = min(LARGEST, max(_LEAST, LARGEST_RATIO * found.st_size))
    with path.open("rb") as file:
        begins = file.read(len(_ZIP))
        file.seek(0)
        if begins.startswith(_GZIP):
            import gzip

            with gzip.open(file) as source:
                yield _checked(source, most)
        elif begins == _ZIP:
            with _zipped(file) as source:
                yield _checked(source, most)
        elif found.st_size > LARGEST:
            raise ArchiveRefused(f"it is larger than {LARGEST} bytes")
        else:
            yield file


def _checked(source: object, most: int) -> BinaryIO:
    """An archive's content, which must be no archive."""
    reading = io.BufferedReader(_Bounded(source, most), _PIECE)  # type: ignore[arg-type]
    if reading.peek(len(_ZIP))[: len(_ZIP)].startswith((_GZIP, _ZIP)):
        raise ArchiveRefused("an archive is in it: none is unpacked twice")
    return reading


@contextmanager
def _zipped(file: BinaryIO) -> Iterator[object]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ArchiveRefused(f"it is no whole archive: {error}") from error
    with archive:
        inside = archive.infolist()
        if len(inside) != 1 or inside[0].is_dir():
            raise ArchiveRefused(f"one file has to be in it, and nothing else; there are {len(inside)}")
        (only,) = inside
        if stat.S_ISLNK(only.external_attr >> 16):
            raise ArchiveRefused("a link is in it, and no file")
        try:
            with archive.open(only) as source:
                yield source
        except (
            RuntimeError,
            NotImplementedError,
            OSError,
            EOFError,
            ValueError,
            zipfile.BadZipFile,
        ) as error:
            raise ArchiveRefused(f"it cannot be unpacked: {error}") from error
