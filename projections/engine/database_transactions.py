"""A transaction of a database, whichever it is: statements go in, rows come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ledger.errors import DatabaseDamaged, DatabaseFull, DatabaseUnreachable, LedgerError
from projections.engine.sql import SqlStatement
from projections.engine.sql_text import Dialect

_FULL = frozenset({"53100", "SQLITE_FULL"})
_MISSING = frozenset({"42P01", "42703"})
_MISSING_IN_SQLITE = ("no such table", "no such column")
_NOT_LET = frozenset({"25006", "3F000", "42501"})
"""A server that only reads (a standby), has no such schema, or refuses the right."""
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class FileDamaged(DatabaseUnreachable):
    """The file is no database, or a damaged one."""


class Found:
    """The rows that a statement finds, and how many it has changed; the rows are read as they are asked for."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], rowcount: int) -> None:
        self._rows, self.rowcount = rows, rowcount

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def all(self) -> list[tuple[Any, ...]]:
        """Every row."""
        return list(self._rows)

    def first(self) -> Any:  # noqa: ANN401 - whatever columns hold
        """The first row; None where there is none."""
        return next(self._rows, None)

    def scalar(self) -> Any:  # noqa: ANN401 - whatever columns hold
        """The first value of the first row; None where there is none."""
        row = self.first()
        return None if row is None else row[0]

    def scalars(self) -> Iterator[Any]:
        """The first value of each row."""
        return (row[0] for row in self._rows)


class Transaction(Protocol):
    """A transaction that is open."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL is spoken."""

    def execute(self, statement: SqlStatement, *, at_once: int | None = None) -> Found:
        """Carries a statement out; `at_once` rows are held at a time, where all need not be."""

    def run(self, text: str, parameters: Sequence[Any] = ()) -> Found:
        """Carries out what is written as this database has it."""

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carries it out for each row of parameters."""

    def fetched(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Every row, by the shortest way there is to the driver."""

    def table_names(self) -> set[str]:
        """The tables that there are."""


class Backend(Protocol):
    """A database: a file, or a server."""

    @property
    def name(self) -> str:
        """Its URL, its password hidden."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""

    def transaction(self, *, writes: bool) -> AbstractContextManager[Transaction]:
        """A transaction: all or nothing, or one that sees one moment and writes nothing."""

    def rebuilding(self) -> AbstractContextManager[bool]:
        """Whether nobody else rebuilds; then nobody does meanwhile."""

    def close(self) -> None:
        """Closes every connection."""


def error_of(sign: str, text: str, *, operational: bool) -> type[LedgerError] | None:
    """The ledger's own error for one of a driver, by its SQLSTATE or SQLite's name for it; None where it has none."""
    if sign in _FULL:
        return DatabaseFull
    if sign in _MISSING or text.startswith(_MISSING_IN_SQLITE):
        return DatabaseDamaged
    if sign.startswith(_DAMAGED):
        return FileDamaged
    return DatabaseUnreachable if operational or sign in _NOT_LET else None
