"""The database of the projections, by SQLAlchemy Core: PostgreSQL in service, SQLite embedded.

A projection's tables carry the number of their generation. A rebuild makes the next generation beside the live one,
and the swap is one row: readers look it up in the transaction that they read in, so they never see a gap.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ledger.errors import (
    DatabaseDamaged,
    DatabaseFull,
    DatabaseUnreachable,
    LedgerError,
    QueryRefused,
    SettingsInvalid,
)

_PATIENCE = 30
"""Seconds that SQLite waits for another process's transaction."""
_CONNECT_SECONDS = 5
_LOCK = 0x50554C53
"""PostgreSQL's advisory lock under which tables are made."""
_REBUILD_LOCK = 0x50554C54
"""That of whoever rebuilds, for as long as that takes."""
_FULL = frozenset({"53100", "SQLITE_FULL"})
_MISSING = frozenset({"42P01", "42703"})
_MISSING_IN_SQLITE = ("no such table", "no such column")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its characters' numbers, as Python has it, whatever order the database has for words."""

CONTROL = sa.MetaData()

GENERATIONS = sa.Table(
    "projection_generations",
    CONTROL,
    sa.Column("projection", TEXT, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""The live generation of each projection, and the version of the code's tables that it has."""

POSITIONS = sa.Table(
    "projection_positions",
    CONTROL,
    sa.Column("projection", TEXT, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.BigInteger, nullable=False),
)
"""The ordinal of the last event that a generation has taken in of a partition."""

LOGS = sa.Table(
    "projection_logs",
    CONTROL,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)
"""The last event that was taken in of each partition: by its digest the log is known again."""


class FileDamaged(DatabaseUnreachable):
    """The file is no database, or a damaged one."""


class RebuildUnderWay(QueryRefused):
    """Another process rebuilds projections in this database."""

    code: ClassVar[str] = "rebuild-under-way"


class Database:
    """Connections to one database. Raises SettingsInvalid for what is no URL of one."""

    def __init__(self, url: str | URL) -> None:
        try:
            self.url = _with_driver(make_url(url))
            self.engine: Engine = sa.create_engine(self.url, **_arguments(self.url))
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise SettingsInvalid(f"PULSA_DATABASE, --database: {error}") from error
        if self.is_sqlite:
            event.listen(self.engine, "do_connect", _make_private)
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """The URL, its password hidden."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment, and writes nothing."""
        with self._reported(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is all or nothing."""
        with self._reported(), self.engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def prepare(self) -> None:
        """Makes the tables that say where each projection stands. Raises SettingsInvalid for a file of another kind."""
        with self.writing() as connection:
            if self.is_sqlite and connection.exec_driver_sql("PRAGMA application_id").scalar():
                raise SettingsInvalid(
                    f"PULSA_DATABASE, --database: {self.name} is a log, or another program's file"
                )
            self.lock(connection)
            CONTROL.create_all(connection)

    def must_know_positions(self) -> None:
        """Raises DatabaseDamaged where it says which projections are live, and no longer where they stand."""
        with self.reading() as connection:
            found = sa.inspect(connection).get_table_names()
        if GENERATIONS.name in found and POSITIONS.name not in found:
            raise DatabaseDamaged(
                f"{self.name}: the table {POSITIONS.name} is gone: `pulsa projections rebuild` makes everything anew"
            )

    def lock(self, connection: Connection) -> None:
        """Waits until no other transaction makes or drops tables."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))

    def lock_readers_out(self, connection: Connection) -> None:
        """Waits a little until nobody reads what was live before. Raises DatabaseUnreachable where somebody does."""
        if not self.is_sqlite:
            connection.exec_driver_sql("SET LOCAL lock_timeout='2s'")
            connection.exec_driver_sql(f"LOCK TABLE {GENERATIONS.name} IN ACCESS EXCLUSIVE MODE")

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Nobody else rebuilds meanwhile; the system ends it with the process. Raises RebuildUnderWay."""
        if self.is_sqlite:
            with ExitStack() as held:
                path = Path(f"{self.url.database}.rebuild.lock")
                try:
                    fcntl.flock(held.enter_context(path.open("a")), fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise RebuildUnderWay(f"{self.name}: is being rebuilt by another process") from None
                except OSError as error:
                    raise DatabaseUnreachable(f"{path}: {error.strerror}") from error
                yield
            return
        with self._reported(), self.engine.connect() as connection:
            connection.detach()  # the lock is the session's, which is to end with this
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_REBUILD_LOCK))):
                raise RebuildUnderWay(f"{self.name}: is being rebuilt by another process")
            connection.commit()
            try:
                yield
            finally:
                with suppress(DBAPIError):  # a session that is gone holds nothing
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_REBUILD_LOCK)))

    def hold(self, connection: Connection) -> None:
        """Keeps the tables that are live now for as long as a reader's transaction lasts; its first statement.

        It sees the moment after this one: a lock takes no snapshot, and a query would.
        """
        if not self.is_sqlite:
            connection.exec_driver_sql(f"LOCK TABLE {GENERATIONS.name} IN ACCESS SHARE MODE")

    def is_prepared(self) -> bool:
        """Whether anything has been projected into it. A file that is not there is not made."""
        if self.is_sqlite and self.url.database is not None and not Path(self.url.database).exists():
            return False
        with self._reported(), self.engine.connect() as connection:
            return sa.inspect(connection).has_table(GENERATIONS.name)

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turns what keeps a database from working into the ledger's own errors."""
        try:
            yield
        except DBAPIError as error:
            kind = _error_of(error)
            if kind is None:
                raise
            raise kind(f"{self.name}: {str(error.orig).strip()}") from error


def _error_of(error: DBAPIError) -> type[LedgerError] | None:
    cause = error.orig
    sign = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""
    if sign in _FULL:
        return DatabaseFull
    if sign in _MISSING or str(cause).startswith(_MISSING_IN_SQLITE):
        return DatabaseDamaged
    if sign.startswith(_DAMAGED):
        return FileDamaged
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated:
        return DatabaseUnreachable
    return None


def inserting(connection: Connection, table: sa.Table) -> Any:  # noqa: ANN401 - each dialect has its own
    """An insert that can say what becomes of a row that is there already."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # each is slow to import

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def url_of(file: Path) -> URL:
    """The URL of a file, whatever its name: in a URL's text `?`, `#` and `%` mean something."""
    return URL.create("sqlite", database=str(file))


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url


def _arguments(url: URL) -> dict[str, Any]:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return {"connect_args": {"timeout": _PATIENCE, "check_same_thread": False}}
    if backend == "postgresql":
        return {"pool_pre_ping": True, "connect_args": {"connect_timeout": _CONNECT_SECONDS}}
    raise SettingsInvalid(f"PULSA_DATABASE, --database: {backend} is neither postgresql nor sqlite")


def _make_private(_dialect: object, _record: object, arguments: Sequence[Any], _named: object) -> None:
    """Makes a file that is not there yet, for its owner alone: so will be what SQLite keeps beside it."""
    name = str(arguments[0])
    if name and name != ":memory:" and not name.startswith("file:"):
        with suppress(OSError):  # SQLite will say what is wrong
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so
    _write_ahead(connection)
    cursor = connection.cursor()
    for pragma in (
        "synchronous=NORMAL",
        "wal_autocheckpoint=16000",
        "cache_size=-131072",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


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


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
