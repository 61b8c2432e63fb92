"""Making an embedded log: under another name, laid out and on the disk, and only then renamed into its place.

So a writer killed meanwhile leaves no log, and a file that is there and empty is none that any writer made.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ledger.errors import LogDamaged, LogUnreadable
from ledger.store import private
from ledger.store.layout import prepare, reported
from ledger.whole_files import flush

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

_BESIDE = ("-wal", "-shm", "-journal")
_HEADER = 100
"""Bytes of a database's header."""
_LARGEST_PAGE = 65_536


def must_be_a_whole_file(log: Path) -> None:
    """Raises LogDamaged where a file is there, and is shorter than its own header says, or than any header.

    Raises LogUnreadable of a folder, a device or a pipe, which is not opened. SQLite would take a file that is empty
    for a new one, and miss the last page only where it looks for it. While a writer is at work, the file may be behind
    what it says: then what is missing stands beside it.
    """
    if not log.is_file():
        if log.exists():
            what = "a folder" if log.is_dir() else "a device or a pipe"
            raise LogUnreadable(f"{log}: it is {what}; a log is a file")
        return
    if log.stat().st_size < _HEADER:
        raise LogDamaged(f"{log}: the file is empty, or was cut off: no log is so short")
    if is_ahead(log):
        return
    header = _header_of(log)
    size = log.stat().st_size
    said = _size_in(header)
    if size < said and header == _header_of(log) and not is_ahead(log):
        raise LogDamaged(f"{log}: the file was cut off: {size} bytes of {said}")


def is_ahead(log: Path) -> bool:
    """Whether what was written last stands beside the file."""
    try:
        return Path(f"{log}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _header_of(log: Path) -> bytes:
    with log.open("rb") as file:
        return file.read(_HEADER)


def _size_in(header: bytes) -> int:
    """The size of a database in bytes, as its header has it; 0 where it does not say (SQLite's file format, 1.3)."""
    changes, pages, of_changes = header[24:28], header[28:32], header[92:96]
    if not header.startswith(b"SQLite format 3\0") or changes != of_changes:
        return 0
    size = int.from_bytes(header[16:18], "big")
    return int.from_bytes(pages, "big") * (_LARGEST_PAGE if size == 1 else size)


def make(log: str) -> None:
    """Makes an empty log where there is no file; whoever may not be alone holds the writer's lock.

    Raises LogDamaged where the file was cut off, or is gone while what was written last still stands beside it, and
    LogFull or LogUnreadable where none can be made.
    """
    path = Path(os.path.realpath(log))
    with reported(log):
        must_be_a_whole_file(path)
        if path.exists():
            return
        if is_ahead(path):
            raise LogDamaged(f"{log}: it is gone, and what was written to it last still stands beside it")
        part = Path(f"{path}.new")
        for beside in ("", *_BESIDE):
            Path(f"{part}{beside}").unlink(missing_ok=True)  # of one that was killed
        private.make_file(part)
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it is flushed as a whole
            connection.execute("BEGIN")
            prepare(cast("SQLiteCursor", connection.cursor()))
            connection.execute("COMMIT")
        flush(part)
        for beside in _BESIDE:
            Path(f"{path}{beside}").unlink(missing_ok=True)
        part.replace(path)
        flush(path.parent)
