"""How an embedded log's file is laid out, so that it can be read by a program that lacks this code.

The tables and what is in them are described in `docs/embedded-log.md`; the Avro schemas stand in the file itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from ledger.domain.ids import SUBJECT_SQL
from ledger.errors import LedgerError, LogDamaged, LogFormatUnknown, LogFull, LogUnreadable
from ledger.store.kept_schemas import keep, must_be_as_kept
from ledger.store.schemas import FOLDERS, every

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

FORMAT = 2
"""The format of the file, kept as `user_version`. In format 1 the journal names no principals: a writer adds those."""
_READ = (1, FORMAT)
APPLICATION_ID = 0x50554C53
"""Marks the file as a ledger's log (SQLite `application_id`)."""

PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-65536",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)

_ENTRIES_OF_ONE = "journal_subject ON journal (subject)"
"""Finds the last journal entry of a subject, or the one before another, however many it has."""

_TABLES = f"""
CREATE TABLE stored_events (
    ordinal INTEGER PRIMARY KEY,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
);
CREATE TABLE journal (
    entry INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    command_id TEXT NOT NULL,
    name TEXT NOT NULL,
    command_digest BLOB NOT NULL,
    command BLOB NOT NULL,
    at INTEGER NOT NULL,
    code TEXT,
    message TEXT,
    ordinal INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    chain BLOB NOT NULL,
    principal TEXT,
    UNIQUE (subject, command_id)
);
CREATE INDEX {_ENTRIES_OF_ONE};
CREATE TABLE seals (
    seal INTEGER PRIMARY KEY,
    events INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    digest BLOB NOT NULL
);
CREATE TABLE numbers (
    msisdn TEXT PRIMARY KEY,
    due_at INTEGER,
    chain BLOB NOT NULL,
    events INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX numbers_due ON numbers (due_at, msisdn) WHERE due_at IS NOT NULL;
CREATE TABLE claims (account TEXT, kind TEXT, id TEXT, PRIMARY KEY (account, kind, id)) WITHOUT ROWID;
CREATE TABLE schemas (fingerprint BLOB PRIMARY KEY, name TEXT NOT NULL, schema TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stored_snapshots (
    originator_id TEXT,
    originator_version INTEGER,
    topic TEXT,
    state BLOB,
    PRIMARY KEY (originator_id, originator_version)
) WITHOUT ROWID;
"""

CREATE = tuple(statement.strip() for statement in _TABLES.split(";") if statement.strip())
"""The statements that lay out a new file."""


def prepare(cursor: SQLiteCursor, statements: Iterable[str] = CREATE) -> None:
    """Lays out a new file, or checks one that is there (raises LogFormatUnknown, LogDamaged).

    Keeps this release's schemas in it, and drops snapshots that another release's fold has made.
    """
    cursor.execute("SELECT count(*) FROM sqlite_master")
    if cursor.fetchone()[0]:
        check_format(cursor)
        for kind, name in foreign(cursor):
            raise LogDamaged(f"the file holds a {kind} that is not the ledger's: {name}")
        _bring_up(cursor)
        _count_events(cursor)
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {_ENTRIES_OF_ONE}")
    else:
        cursor.execute(f"PRAGMA application_id={APPLICATION_ID}")
        cursor.execute(f"PRAGMA user_version={FORMAT}")
        for statement in statements:
            cursor.execute(statement)
    must_be_as_kept(cursor)
    keep(cursor, (schema for folder in FOLDERS for schema in every(folder)))
    fold = fold_digest()
    cursor.execute("SELECT value FROM meta WHERE name='fold'")
    known = cursor.fetchone()
    if known is None or known[0] != fold:
        cursor.execute("DELETE FROM stored_snapshots")
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ('fold', ?)", (fold,))


def _count_events(cursor: SQLiteCursor) -> None:
    """In a log of an earlier release: takes note of how many events each number has."""
    cursor.execute("SELECT count(*) FROM pragma_table_info('numbers') WHERE name='events'")
    if cursor.fetchone()[0]:
        return
    cursor.execute("ALTER TABLE numbers ADD COLUMN events INTEGER NOT NULL DEFAULT 0")
    cursor.execute(
        "INSERT INTO numbers (msisdn, chain, events)"  # noqa: S608 - an expression of ours
        f" SELECT {SUBJECT_SQL} AS subject, zeroblob(32), count(*)"
        " FROM stored_events WHERE true GROUP BY subject"
        " ON CONFLICT (msisdn) DO UPDATE SET events=excluded.events"
    )


def check_format(cursor: SQLiteCursor) -> None:
    """Raises LogFormatUnknown unless the file is a log of a format that this release knows.

    Raises LogDamaged where its journal is not of the format that the file says: a writer would not open it.
    """
    cursor.execute("PRAGMA application_id")
    application = cursor.fetchone()[0]
    cursor.execute("PRAGMA user_version")
    version = cursor.fetchone()[0]
    if application != APPLICATION_ID or version not in _READ:
        message = (
            f"format {version} of application {application:#x}; this release reads formats up to {FORMAT}"
        )
        raise LogFormatUnknown(message)
    cursor.execute("SELECT count(*), total(name='principal') FROM pragma_table_info('journal')")
    columns, principals = cursor.fetchone()
    if columns and bool(principals) != (version == FORMAT):
        raise LogDamaged(f"the file says format {version}, and its journal is of another")


def foreign(cursor: SQLiteCursor) -> list[tuple[str, str]]:
    """Triggers and views, which no log has: they would change, or keep out, what is written (type and name of each)."""
    cursor.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name")
    return [(str(kind), str(name)) for kind, name in cursor.fetchall()]


def _bring_up(cursor: SQLiteCursor) -> None:
    """Gives a file of format 1 the column that it lacks."""
    cursor.execute("PRAGMA user_version")
    if cursor.fetchone()[0] != FORMAT:
        cursor.execute("ALTER TABLE journal ADD COLUMN principal TEXT")
        cursor.execute(f"PRAGMA user_version={FORMAT}")


def principal_column(connection: sqlite3.Connection) -> str:
    """What to ask of the journal for its principals: nothing, where no writer of this format has opened it yet."""
    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(journal)")]
    return "principal" if "principal" in columns else "NULL AS principal"


@cache
def fold_digest() -> str:
    """Names the code that folds events into snapshots: a snapshot made by other code is no use."""
    return rules_digest(files("ledger.domain"))


def rules_digest(folder: Traversable) -> str:
    """SHA-256 over every module of a package and of those within it, in hexadecimal."""
    return sha256(b"".join(_modules(folder))).hexdigest()


def _modules(folder: Traversable) -> Iterator[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _modules(entry)
        elif entry.name.endswith(".py"):
            yield entry.name.encode() + b"\n" + entry.read_bytes()


_ERRORS: dict[str, type[LedgerError]] = {
    "SQLITE_FULL": LogFull,
    "SQLITE_CORRUPT": LogDamaged,
    "SQLITE_NOTADB": LogDamaged,
    "SQLITE_IOERR_SHORT_READ": LogDamaged,
}


@contextmanager
def reported(path: str) -> Iterator[None]:
    """Turns what SQLite says of a file into the ledger's own errors, with the file's name."""
    try:
        yield
    except LedgerError:
        raise
    except Exception as error:
        from eventsourcing import persistence as library  # slow to import, and nothing else here needs it

        told = isinstance(error, sqlite3.Error | library.PersistenceError | OSError)
        if not told or isinstance(error, library.IntegrityError):
            raise
        name = _sqlite_name(error)
        kind = next((kind for sign, kind in _ERRORS.items() if name.startswith(sign)), LogUnreadable)
        raise kind(f"{path}: {error}") from error


@contextmanager
def intelligible(path: str) -> Iterator[None]:
    """Like `reported`, for statements that every sound log answers."""
    with reported(path):
        try:
            yield
        except UnicodeDecodeError as error:
            raise LogDamaged(f"{path}: {error}") from error
        except Exception as error:
            cause = _sqlite_error(error)
            name = getattr(cause, "sqlite_errorname", "SQLITE_ERROR")  # text that is no UTF-8 has none
            if isinstance(cause, sqlite3.OperationalError) and name == "SQLITE_ERROR":
                raise LogDamaged(f"{path}: {cause}") from error
            raise


def is_full(error: BaseException) -> bool:
    """Whether it was for want of room."""
    return _sqlite_name(error).startswith("SQLITE_FULL")


def _sqlite_name(error: BaseException) -> str:
    """SQLite's own name of an error."""
    return str(getattr(_sqlite_error(error), "sqlite_errorname", ""))


def _sqlite_error(error: BaseException) -> sqlite3.Error | None:
    """What SQLite said, which the library wraps in an error of its own."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = cause.__cause__
    return cause
