"""Connections to a log's file, with the settings that a book of record needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import eventsourcing.sqlite as library

from ledger.store import private
from ledger.store.layout import PRAGMAS


def is_file(name: str) -> bool:
    """Whether a name is that of a file, and neither of something in memory nor in SQLite's own form."""
    return not library.SQLiteConnectionPool.detect_memory_mode(name) and not name.startswith("file:")


class Transaction(library.SQLiteTransaction):
    """One that writes has the file to itself from its first statement on: what it reads stays so until it is done."""

    def __enter__(self) -> library.SQLiteCursor:
        """Begins it."""
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        return cursor


class Connection(library.SQLiteConnection):
    """A connection with such transactions."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[library.SQLiteCursor]:
        """A transaction, and a cursor in it."""
        with Transaction(self, commit=commit) as cursor, cursor:
            yield cursor


class Pool(library.SQLiteConnectionPool):
    """Such connections, as many as are needed."""

    def _create_connection(self) -> library.SQLiteConnection:
        if is_file(self.db_name):
            private.make_file(Path(self.db_name))
        made = super()._create_connection()
        cursor = made.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        return Connection(made._sqlite_conn, self.max_age)  # noqa: SLF001 - to put ours around it


class Datastore(library.SQLiteDatastore):
    """The library's datastore on such connections."""

    def __init__(self, db_name: str, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(db_name, **kwargs)
        self.pool = Pool(db_name=db_name, lock_timeout=kwargs.get("lock_timeout"))
