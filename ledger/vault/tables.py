"""The vault's tables, in SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ledger.domain.bounds import LONGEST_ID
from ledger.errors import VaultUnreachable

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
)
"""Each person's key, wrapped."""
WRITINGS = Table(
    "writings",
    _METADATA,
    Column("customer", _ID, primary_key=True),
    Column("command_id", _ID, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("written_at", BigInteger, nullable=False),
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
    Index("field_values_by_command", "customer", "command_id"),
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


def engine_of(url: str) -> Engine:
    """An engine for a vault's database, whose tables are made where they are not there. Raises VaultUnreachable."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            _make_private(Path(parsed.database))
        engine = create_engine(url)
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _forget_what_is_deleted)
            event.listen(engine, "begin", _begin_to_write)
        _METADATA.create_all(engine)
    except (ArgumentError, SQLAlchemyError, OSError) as error:
        raise VaultUnreachable(f"the vault's database: {_plainly(error)}") from error
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


def _plainly(error: Exception) -> str:
    return str(error).partition("\n")[0]
