"""Copies of an embedded log: taken while a writer writes, checked, and put in place whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

from eventsourcing.sqlite import SQLiteCursor

from ledger.errors import LedgerError, LogDamaged, LogMissing
from ledger.progress import Progress
from ledger.store import private
from ledger.store.layout import check_format, intelligible, reported
from ledger.store.lock import WriterLock
from ledger.store.reading import PARTITION, connect
from ledger.whole_files import flush

_PAGES = 2048
"""Pages copied between two reports of progress."""


class FileExists(LedgerError):
    """There is a file of that name already."""

    code: ClassVar[str] = "file-exists"


class Copy(NamedTuple):
    """A log that was copied: how far it goes, and its last seal, the digest over all that was ever written."""

    path: Path
    events: int
    entries: int
    seal: bytes

    @property
    def position(self) -> str:
        """The position of the last event."""
        return f"{PARTITION}:{self.events}"


def backup(
    log: str | Path, target: str | Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Copy:
    """Copies a log as it stands now into a file of its own, also while a writer writes.

    The copy is written beside its place as `FILE.part`, checked, and then renamed. Raises FileExists unless
    `overwrite`, and LogMissing, LogDamaged, LogFormatUnknown, LogFull or LogUnreadable.
    """
    target = Path(target)
    if target.exists() and not overwrite:
        raise FileExists(f"{target}: there is a file of that name already")
    part, copy = _copied(Path(log), target, progress)
    _put(part, target)
    return copy


def copy_for_trial(log: str | Path, target: str | Path) -> None:
    """Copies a log as it stands now into a file that commands are tried on, and that nobody keeps.

    It is not read again to be checked: whoever tries reads of it what he would read of the log, and checks that.
    Raises LogMissing, LogDamaged, LogFormatUnknown, LogFull or LogUnreadable.
    """
    log, target = Path(log), Path(target)
    connection, _ = connect(log)
    try:
        with intelligible(str(log)):
            check_format(cast("SQLiteCursor", connection.cursor()))
        with reported(str(target)):
            private.make_file(target)
            into = _unhurried(target)
            try:
                connection.backup(into)
            finally:
                into.close()
    finally:
        connection.close()


def restore(
    source: str | Path,
    log: str | Path,
    *,
    overwrite: bool = False,
    check: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> Copy:
    """Puts a backup in place of a log, under the writer's lock.

    `check` may look at the copy more closely, and raise a LedgerError, before it is put in place. Raises LogLocked
    while a writer writes, FileExists where a log is there and `overwrite` is not said, and like `backup`.
    """
    source, log = Path(source), Path(log).resolve()
    with reported(str(source)):
        if not source.is_file():
            raise LogMissing(f"{source}: there is no backup here")
        if log.exists() and source.samefile(log):
            raise FileExists(f"{source}: this is the log itself")
    lock = WriterLock(str(log))
    lock.acquire()
    try:
        if log.exists() and not overwrite:
            raise FileExists(f"{log}: there is a log already; it would be lost")
        part, copy = _copied(source, log, progress)
        try:
            if check is not None:
                check(part)
            _settle(log)
            _put(part, log)
        finally:
            _drop(part)
        return copy
    finally:
        lock.release()


def _copied(source: Path, target: Path, progress: Progress | None) -> tuple[Path, Copy]:
    """A checked copy beside its future place."""
    part = Path(f"{target}.part")
    _drop(part)
    connection, _ = connect(source)
    try:
        with intelligible(str(source)):
            check_format(cast("SQLiteCursor", connection.cursor()))
            expected = _extent(connection)
        with reported(str(part)):
            private.make_file(part)
            into = _unhurried(part)
            try:
                connection.backup(into, pages=_PAGES, progress=_told(progress))
                into.execute(
                    "PRAGMA journal_mode=DELETE"
                )  # one file, which a folder without write access may hold
                faults = [what for (what,) in into.execute("PRAGMA integrity_check(3)") if what != "ok"]
                found = _extent(into)
            finally:
                into.close()
        _must_be_sound(source, faults, found == expected)
        with reported(str(part)):
            shutil.copymode(source, part)
            flush(part)
        return part, Copy(target, *found)
    except BaseException:
        _drop(part)
        raise
    finally:
        connection.close()


def _unhurried(target: Path) -> sqlite3.Connection:
    """A connection to a file that is durable only once it is whole."""
    into = sqlite3.connect(target, isolation_level=None)
    into.execute("PRAGMA synchronous=OFF")
    return into


def _must_be_sound(source: Path, faults: list[str], same: bool) -> None:  # noqa: FBT001 - the only one
    if faults or not same:
        raise LogDamaged(f"{source}: {'; '.join(faults) or 'the copy is not what was copied'}")


def _told(progress: Progress | None) -> Callable[[int, int, int], object] | None:
    if progress is None:
        return None
    return lambda _, remaining, total: progress(total - remaining, total)


def _extent(connection: sqlite3.Connection) -> tuple[int, int, bytes]:
    events = connection.execute("SELECT count(*), max(ordinal) FROM stored_events").fetchone()
    entries = connection.execute("SELECT count(*), max(entry) FROM journal").fetchone()
    sealed = connection.execute(
        "SELECT events, entries, digest FROM seals ORDER BY seal DESC LIMIT 1"
    ).fetchone()
    if events[0] != (events[1] or 0) or entries[0] != (entries[1] or 0):
        raise LogDamaged("events or entries are missing")
    if sealed is not None and sealed[:2] != (events[0], entries[0]):
        raise LogDamaged("its end is not the one that was sealed")
    return events[0], entries[0], bytes(32) if sealed is None else sealed[2]


def _settle(log: Path) -> None:
    """Takes away what stands beside the log that is replaced, once it is in the log itself."""
    if not log.exists():
        return
    try:
        connection = sqlite3.connect(log, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except sqlite3.Error:
        pass  # what is replaced may be damaged
    for beside in ("-wal", "-shm", "-journal"):
        Path(f"{log}{beside}").unlink(missing_ok=True)


def _put(part: Path, target: Path) -> None:
    with reported(str(target)):
        part.replace(target)
        flush(target.resolve().parent)


def _drop(part: Path) -> None:
    with reported(str(part)):
        for beside in ("", "-wal", "-shm", "-journal"):
            Path(f"{part}{beside}").unlink(missing_ok=True)
