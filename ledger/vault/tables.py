"""The vault's tables, in SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from ledger.domain.bounds import LONGEST_ID
from ledger.errors import VaultUnreachable

UNREACHABLE = (SQLAlchemyError, OSError, ValueError, ImportError)
"""What a URL that is none, a driver that is not there, or a database that does not answer raises."""
_METADATA = MetaData()
_ID = String(LONGEST_ID)
_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")

VAULT = Table(
    "vault",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("master", String(64), nullable=False),
    Column("probe", LargeBinary, nullable=False),
)
"""One row: the format, which master key wraps, and something wrapped by it."""
PERSONS = Table(
    "persons",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("master", String(64), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Each person's key, wrapped."""
OWN_KEYS = Table(
    "own_keys",
    _METADATA,
    Column("name", _ID, primary_key=True),
    Column("master", String(64), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)
"""Keys that are no person's, wrapped, by what they are for."""
WRITINGS = Table(
    "writings",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("command_id", _ID, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("written_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What was written for which command, by the digest of its values."""
VALUES = Table(
    "field_values",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("field", _ID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("command_id", _ID, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The values, encrypted, a version for each time that a field was written."""
ERASED = Table(
    "erased",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
)
"""Whose key was destroyed: nothing is taken for them again."""
READINGS = Table(
    "readings",
    _METADATA,
    Column("n", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("reader", _ID, nullable=False),
    Column("customer", _ID, nullable=False, index=True),
    Column("fields", String(LONGEST_ID * 20), nullable=False),
    Column("reason", _ID, nullable=False),
)
"""Who has read of whom, which fields, and why."""

COPIES = Table(
    "copies",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),
    Column("kind", _ID, nullable=False),
    Column("of", _ID, nullable=False),
    Column("version", Integer),
    Column("place", LargeBinary),
    Column("became", String(16)),
)
"""Copies that were made of persons, and where they were put, encrypted, while they are to be looked for there."""
CARRIED = Table(
    "carried_out",
    _METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", BigInteger, nullable=False),
)
"""Through which event of each partition of the log the erasures are carried out here; empty: of no log yet."""
OF_LOG = Table(
    "of_log",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
)
"""One row at most: the digest of the first event of the log whose persons are here."""
BACKUPS = Table(
    "backups",
    _METADATA,
    Column("n", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("month", String(7), nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""Which backups were made: when, under which month's key, and the digest of the file."""
ALL = (VAULT, OWN_KEYS, PERSONS, WRITINGS, VALUES, ERASED, READINGS, COPIES, CARRIED, OF_LOG, BACKUPS)
"""Every table, in the order that a backup holds them in."""


def engine_of(url: str) -> Engine:
    """An engine for a vault's database, whose tables are made where they are not there. Raises VaultUnreachable."""
    with _reported():
        file = file_of(url)
        if file is not None:
            _make_private(file)
        engine = _connecting(url)
        try:
            try:
                _METADATA.create_all(engine)
            except (IntegrityError, ProgrammingError):  # somebody else makes them
                _METADATA.create_all(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def insert_many(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows, each with all columns in the order of the table, as the driver takes them: in half the time."""
    statement = insert(table).compile(dialect=connection.dialect)
    names = [column.name for column in table.columns]
    values: Any = rows if statement.positional else [dict(zip(names, row, strict=True)) for row in rows]
    connection.exec_driver_sql(str(statement), values)


class Transactions(Protocol):
    """Where transactions begin, each all or nothing: an engine, or one transaction that others lie in."""

    def begin(self) -> AbstractContextManager[Connection]:
        """A transaction."""


class _Within:
    """Transactions within a connection's own, which keeps none of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self._connection.begin_nested():
            yield self._connection


@contextmanager
def taken_back(url: str) -> Iterator[Transactions]:
    """Transactions of a vault's database, all taken back in the end, the making of its tables too.

    A file that is not there is not made. Raises VaultUnreachable.
    """
    with _reported():
        file = file_of(url)
        engine = _connecting(url if file is None or file.exists() else "sqlite://")
    try:
        with ExitStack() as until_the_end:
            with _reported():
                connection = until_the_end.enter_context(engine.connect())
                whole = connection.begin()
                until_the_end.callback(whole.rollback)
                _METADATA.create_all(connection)
            yield _Within(connection)
    finally:
        engine.dispose()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        raise unreachable(error) from error


def unreachable(error: Exception) -> VaultUnreachable:
    """What the database's driver says of it, in one line."""
    said = getattr(error, "orig", None) or error
    return VaultUnreachable(f"the vault's database: {str(said).partition(chr(10))[0]}")


def file_of(url: str) -> Path | None:
    """The file of a vault in SQLite; None where it is in another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database.removeprefix("file:"))


def engine_at(url: str) -> Engine:
    """An engine for a URL; a server is waited for within bounds. Raises what is in UNREACHABLE."""
    named = make_url(url)
    if named.get_backend_name() != "postgresql":
        return create_engine(named)
    from ledger.postgres_bounds import bounded_engine  # a vault in a file needs no driver of it

    return bounded_engine(named)


def _connecting(url: str) -> Engine:
    engine = engine_at(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _forget_what_is_deleted)
        event.listen(engine, "begin", _begin_to_write)
    return engine


def _make_private(path: Path) -> None:
    path.touch(mode=0o600, exist_ok=True)


def _forget_what_is_deleted(connection: sqlite3.Connection, _: Any) -> None:  # noqa: ANN401 - a pool's record
    """What is deleted is overwritten with zeros, in the file as in its journal."""
    connection.isolation_level = None
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=30000")


def _begin_to_write(connection: Any) -> None:  # noqa: ANN401 - of SQLAlchemy
    connection.exec_driver_sql("BEGIN IMMEDIATE")
