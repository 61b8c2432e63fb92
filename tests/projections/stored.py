"""Projections of a log in a database: SQLite in a file, or a schema of its own in a real PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.store.reading import SqliteReader
from projections.asking.direct import DirectQueries
from projections.asking.stored import StoredQueries
from projections.engine.database import GENERATIONS, Database
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS

NOW = 2_366_841_600_000_000
"""2045-01-01: later than anything that the histories record."""


@contextmanager
def database(url: str | Path) -> Iterator[Database]:
    """A database for one test: a file, or a schema that is dropped afterwards."""
    if isinstance(url, Path):
        opened = Database(f"sqlite:///{url}")
        try:
            yield opened
        finally:
            opened.close()
        return
    schema = f"t{secrets.token_hex(6)}"
    admin = Database(url)
    with admin.writing() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    opened = Database(f"{url}?options=-csearch_path%3D{schema}")
    try:
        yield opened
    finally:
        opened.close()
        with admin.writing() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
        admin.close()


def projected(opened: Database, log: Path, *, size: int = 2000) -> StoredQueries:
    """The questions, once everything is taken in."""
    Runner(opened, [SqliteReader(log)], PROJECTIONS, size=size).catch_up()
    return StoredQueries(opened, lambda: NOW, log=lambda: direct(log))


def direct(log: Path) -> DirectQueries:
    return DirectQueries(SqliteReader(log), lambda: NOW)


def contents(opened: Database) -> dict[str, list[Any]]:
    """Every row of every live table, by the table's name without its generation."""
    found = {}
    with opened.reading() as connection:
        live = {row[0]: row[1] for row in connection.execute(sa.select(GENERATIONS))}
        for name, kind in PROJECTIONS.items():
            for table in kind(live[name]).metadata.sorted_tables:
                rows = connection.execute(sa.select(table)).all()
                found[table.name.rpartition("_")[0]] = sorted(tuple(row) for row in rows)
    return found
