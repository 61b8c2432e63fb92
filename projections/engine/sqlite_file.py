"""Projections in a SQLite file, by the standard library: a question that needs nothing else is answered sooner."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ledger.errors import DatabaseUnreachable
from projections.engine.database_transactions import Found, error_of
from projections.engine.sql import SqlStatement
from projections.engine.sql_text import Dialect

_PATIENCE = 30
"""Seconds that SQLite waits for another process's transaction."""
_PRAGMAS = ("synchronous=NORMAL", "wal_autocheckpoint=16000", "cache_size=-131072", "temp_store=MEMORY")


class SqliteTransaction:
    """A transaction of a SQLite file."""

    dialect: Final[Dialect] = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: SqlStatement, *, at_once: int | None = None) -> Found:
        """Carries a statement out."""
        text, _ = compiled = statement.compiled(self.dialect)
        found = self._connection.execute(text, compiled.bound({}))
        flags = statement.flags()
        return Found(_with_flags(found, flags) if flags else found, found.rowcount)

    def run(self, text: str, parameters: Sequence[Any] = ()) -> Found:
        """Carries out what is written in SQLite's words."""
        found = self._connection.execute(text, parameters)
        return Found(found, found.rowcount)

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carries it out for each row of parameters."""
        self._connection.executemany(text, rows)

    def fetched(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Every row."""
        return self._connection.execute(text, parameters).fetchall()

    def table_names(self) -> set[str]:
        """The tables that there are."""
        found = self._connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        return {row[0] for row in found}


class SqliteFile:
    """A file, which is made for its owner alone where it is not there."""

    dialect: Final[Dialect] = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []

    @property
    def name(self) -> str:
        """Its URL."""
        return f"sqlite:///{self.path}"

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[SqliteTransaction]:
        """A transaction. Raises DatabaseFull, DatabaseDamaged, DatabaseUnreachable."""
        with self._reported():
            connection = self._idle.pop() if self._idle else self.connected()
            try:
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()  # what was begun is taken back
                raise
            self._idle.append(connection)

    @contextmanager
    def rebuilding(self) -> Iterator[bool]:
        """Whether nobody else rebuilds meanwhile; the system ends it with the process."""
        with ExitStack() as held:
            path = Path(f"{self.path}.rebuild.lock")
            try:
                fcntl.flock(held.enter_context(path.open("a")), fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = True
            except BlockingIOError:
                alone = False
            except OSError as error:
                raise DatabaseUnreachable(f"{path}: {error.strerror}") from error
            yield alone

    def close(self) -> None:
        """Closes every connection."""
        while self._idle:
            self._idle.pop().close()

    def connected(self) -> sqlite3.Connection:
        """Another connection."""
        with suppress(OSError):  # SQLite will say what is wrong
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            _write_ahead(connection)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            operational = isinstance(error, sqlite3.OperationalError | sqlite3.InterfaceError)
            sign = getattr(error, "sqlite_errorname", None) or ""
            kind = error_of(sign, str(error), operational=operational)
            if kind is None:
                raise
            raise kind(f"{self.name}: {str(error).strip()}") from error


def _with_flags(rows: Iterator[tuple[Any, ...]], flags: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows whose flags are numbers, as SQLite has them, with what is true or false instead."""
    for row in rows:
        found = list(row)
        for index in flags:
            found[index] = None if found[index] is None else bool(found[index])
        yield tuple(found)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Sets the journal to WAL; whoever comes while another process does so is refused without waiting."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
