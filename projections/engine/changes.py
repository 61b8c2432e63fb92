"""The rows that a batch of events brings about, collected by table and written at once.

A table either only gains rows, or says in `info["merge"]` what becomes of a row that is there already: for each column
behind its key `add`, `max`, `append` or `put`. The first two do not depend on the order, nor on the size of batches;
bytes are appended in the log's order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from projections.engine.database_transactions import Transaction
from projections.engine.sql_tables import Table

if TYPE_CHECKING:
    import psycopg

    from projections.engine.postgres_server import PostgresTransaction

RowOfTable = tuple[Any, ...]

_MERGES = {
    "sqlite": {
        "add": "{t}.{c}+excluded.{c}",
        "max": "max({t}.{c},excluded.{c})",
        "append": "CAST({t}.{c}||excluded.{c} AS BLOB)",
        "put": "excluded.{c}",
    },
    "postgresql": {
        "add": "{t}.{c}+excluded.{c}",
        "max": "greatest({t}.{c},excluded.{c})",
        "append": "{t}.{c}||excluded.{c}",
        "put": "excluded.{c}",
    },
}


class Changes:
    """What is to be written in one transaction."""

    def __init__(self) -> None:
        self._new: dict[Table, list[RowOfTable]] = {}
        self._merged: dict[Table, dict[RowOfTable, RowOfTable]] = {}

    def rows(self, table: Table) -> list[RowOfTable]:
        """The rows that a table gains; append to it."""
        rows = self._new.get(table)
        if rows is None:
            rows = self._new[table] = []
        return rows

    def cells(self, table: Table) -> dict[RowOfTable, RowOfTable]:
        """The rows by key that are merged into a table; whoever puts one in merges it with what is there."""
        cells = self._merged.get(table)
        if cells is None:
            cells = self._merged[table] = {}
        return cells

    def write(self, connection: Transaction) -> None:
        """Writes everything."""
        for table, rows in self._new.items():
            write(connection, table, rows)
        for table, cells in self._merged.items():
            write(connection, table, [key + values for key, values in cells.items()])


def write(connection: Transaction, table: Table, rows: Sequence[RowOfTable]) -> None:
    """Writes rows with all the columns of a table, in their order."""
    if not rows:
        return
    dialect = connection.dialect
    if dialect == "postgresql":
        _copy(connection, table, rows)
        return
    places = ",".join("?" * len(table.columns))
    statement = f"INSERT INTO {table.name} VALUES ({places}){on_conflict(table, dialect)}"  # noqa: S608
    connection.run_each(statement, rows)


def _copy(connection: Transaction, table: Table, rows: Collection[RowOfTable]) -> None:
    with copying(connection, table) as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def copying(connection: Transaction, table: Table, form: str = "text") -> Iterator[psycopg.Copy]:
    """PostgreSQL's COPY, the fastest way in; where rows are merged, by way of a temporary table."""
    merged = on_conflict(table, "postgresql")
    target = f"new_{table.name}" if merged else table.name
    if merged:
        like = f"CREATE TEMPORARY TABLE IF NOT EXISTS {target} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        connection.run(like)
    with cast("PostgresTransaction", connection).copying(f"COPY {target} FROM STDIN (FORMAT {form})") as copy:
        yield copy
    if merged:
        keys = ",".join(table.key)
        connection.run(
            f"INSERT INTO {table.name} SELECT * FROM {target} ORDER BY {keys}{merged}"  # noqa: S608 - our own names
        )
        connection.run(f"TRUNCATE {target}")


@cache
def on_conflict(table: Table, dialect: str) -> str:
    """What an INSERT ends with, where rows are merged with those that are there."""
    merges: dict[str, str] | None = table.info.get("merge")
    if merges is None:
        return ""
    keys = ",".join(table.key)
    changed = ",".join(
        f"{column}=" + _MERGES[dialect][how].format(t=table.name, c=column) for column, how in merges.items()
    )
    return f" ON CONFLICT ({keys}) DO UPDATE SET {changed}"
