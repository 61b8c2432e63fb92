"""Rows as Arrow columns, written in bulk: as CSV to PostgreSQL, in statements of many rows to SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import count
from typing import Any

import pyarrow as pa
from pyarrow import csv

from projections.engine import changes
from projections.engine.changes import copying, on_conflict
from projections.engine.database_transactions import Transaction
from projections.engine.sql_tables import Table

_AT_ONCE = 500
"""Rows of one statement: SQLite takes them in twice as fast as one by one."""
_SLICE = 20 * _AT_ONCE
"""Rows that are made Python's own values at a time."""

RowsWrite = Callable[[Transaction], object]
"""Writes rows that are as the database wants them."""


def writes(dialect: str, table: Table, rows: pa.Table) -> Iterator[RowsWrite]:
    """What writes rows with all the columns of a table, in any order."""
    rows = rows.select(table.columns.keys())
    if dialect == "postgresql":
        text = pa.BufferOutputStream()
        spelled = pa.table({name: _spelled(rows.column(name)) for name in rows.column_names})
        csv.write_csv(spelled, text, csv.WriteOptions(include_header=False))
        yield partial(_copy, table=table, text=text.getvalue())
        return
    for batch in rows.to_batches(_SLICE):
        columns = [_values(column) for column in batch.columns]
        whole = len(batch) - len(batch) % _AT_ONCE
        for first in range(0, whole, _AT_ONCE):
            yield _insert(table, [column[first : first + _AT_ONCE] for column in columns])
        rest = list(zip(*(column[whole:] for column in columns), strict=True))
        yield partial(changes.write, table=table, rows=rest)


def _spelled(column: pa.ChunkedArray) -> Any:  # noqa: ANN401 - an Arrow column
    """A column as PostgreSQL reads it from CSV."""
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_binary(column.type):
        return pa.array(["\\x" + found.hex() for found in column.to_pylist()])
    return column


def _copy(connection: Transaction, table: Table, text: pa.Buffer) -> None:
    with copying(connection, table, "csv") as copy:
        copy.write(memoryview(text))


def _carried_out(connection: Transaction, *, text: str, parameters: list[Any]) -> None:
    connection.run(text, parameters)


def _insert(table: Table, columns: list[list[Any]]) -> RowsWrite:
    """Takes in as many rows as one statement does.

    What is the same in all of them is bound once: binding takes longer than all the rest.
    """
    same = tuple(column[0] == column[-1] and column.count(column[0]) == _AT_ONCE for column in columns)
    varying = [column for column, once in zip(columns, same, strict=True) if not once]
    values: list[Any] = [None] * (len(varying) * _AT_ONCE)
    for index, column in enumerate(varying):
        values[index :: len(varying)] = column
    constant = [column[0] for column, once in zip(columns, same, strict=True) if once]
    return partial(_carried_out, text=_statement(table, same), parameters=constant + values)


@lru_cache(64)
def _statement(table: Table, same: tuple[bool, ...]) -> str:
    """Takes rows in, given what is the same in all of them, and then the rest row by row."""
    constant, given = count(1), count(1 + sum(same))
    numbers = [next(constant) if once else None for once in same]
    places = (",".join(f"?{number or next(given)}" for number in numbers) for _ in range(_AT_ONCE))
    values = ",".join(f"({row})" for row in places)
    return f"INSERT INTO {table.name} VALUES {values}{on_conflict(table, 'sqlite')}"  # noqa: S608 - our own names


def _values(column: pa.Array) -> list[Any]:
    """A column as Python's own values; numbers and words without nulls much faster than by Arrow's own way."""
    kind = column.type
    if pa.types.is_string(kind):
        column = column.dictionary_encode()
        kind = column.type
    if pa.types.is_dictionary(kind) and not column.null_count:
        return list(map(column.dictionary.to_pylist().__getitem__, _values(column.indices)))
    if kind not in {pa.int64(), pa.int32()} or column.null_count:
        return column.to_pylist()  # type: ignore[no-any-return]
    numbers = memoryview(column.buffers()[1]).cast("B").cast("q" if kind == pa.int64() else "i")
    return numbers[column.offset : column.offset + len(column)].tolist()
