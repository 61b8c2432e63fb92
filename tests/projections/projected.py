"""Projections of a log in a database: SQLite in a file, or a schema of its own in a real PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ledger.store.reading import SqliteReader
from projections.asking.log_itself import LogItself
from projections.asking.questions import Questions
from projections.engine.database import GENERATIONS, Database
from projections.engine.kept_up import KeptByQuestions, KeptByRunners
from projections.engine.meanwhile import SILENT, Meanwhile
from projections.engine.runner import Runner
from projections.engine.sql import select
from projections.registry import PROJECTIONS
from tests.projections.oracle import Oracle

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
        connection.run(f"CREATE SCHEMA {schema}")
    opened = Database(f"{url}?options=-csearch_path%3D{schema}")
    try:
        yield opened
    finally:
        opened.close()
        with admin.writing() as connection:
            connection.run(f"DROP SCHEMA {schema} CASCADE")
        admin.close()


def projected(opened: Database, log: Path, *, size: int = 2000) -> Questions:
    """The questions, once everything is taken in."""
    Runner(opened, [SqliteReader(log)], PROJECTIONS, size=size).catch_up()
    return of_database(opened, log)


def of_database(opened: Database, *logs: Path) -> Questions:
    """The questions to what is in a database by now; single events are those of the logs."""
    log = (lambda: log_itself(logs)) if logs else None
    return Questions(lambda: KeptByRunners(opened), lambda: NOW, log=log)


def folded(log: Path) -> Oracle:
    """The answers that there must be."""
    return Oracle([log], lambda: NOW)


def log_itself(
    logs: Sequence[Path], now: Callable[[], int] = lambda: NOW, of: Callable[[str], int] = lambda _: 0
) -> LogItself:
    """What only the log has; each file is a partition."""
    return LogItself([SqliteReader(log, partition) for partition, log in enumerate(logs)], of, now)


@contextmanager
def asked(
    *logs: Path,
    now: int = NOW,
    of: Callable[[str], int] = lambda _: 0,
    meanwhile: Meanwhile = SILENT,
) -> Iterator[Questions]:
    """The questions to a log where no database is set: the projections lie in a file beside it."""
    log = log_itself(logs, lambda: now, of)
    file = logs[0].with_name(f"{logs[0].name}.views.db")
    with closing(KeptByQuestions(file, log.readers, PROJECTIONS, meanwhile)) as kept:
        yield Questions(lambda: kept, lambda: now, log=lambda: log, at_hand=True)


def contents(opened: Database) -> dict[str, list[Any]]:
    """Every row of every live table, by the table's name without its generation."""
    found = {}
    with opened.reading() as connection:
        live = {row[0]: row[1] for row in connection.execute(select(*GENERATIONS.c))}
        for name, kind in PROJECTIONS.items():
            for table in kind(live[name]).metadata.sorted_tables:
                rows = connection.execute(select(*table.c)).all()
                found[table.name.rpartition("_")[0]] = sorted(tuple(row) for row in rows)
    return found
