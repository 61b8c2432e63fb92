"""Folding in bulk: chunks of the log as Arrow columns become columns of rows, and are written in the order of keys.

While one chunk is written the next one is folded and put as the database wants it, and the one after is read and
decoded, on other cores. These chunks are all that is ever held in memory, however long the log is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache, partial
from itertools import count
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from ledger.domain.partition.events import TermsPublished
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged
from projections.engine import changes
from projections.engine.changes import Changes, copying, on_conflict
from projections.engine.database_transactions import Transaction
from projections.engine.local_days import day_numbers
from projections.engine.projection import FoldBatch, Projection
from projections.engine.reader import Bulk, Columns, Placed
from projections.engine.runner import publish
from projections.engine.sql_tables import Table

_AT_ONCE = 500
"""Rows of one statement: SQLite takes them in twice as fast as one by one."""
_SLICE = 20 * _AT_ONCE
"""Rows that are made Python's own values at a time."""

_MOST_PLACES = 2**62
"""Places that a number tells apart."""

_T = TypeVar("_T")


RowsWrite = Callable[[Transaction], object]
"""Writes rows that are as the database wants them."""


class FoldedChunk(NamedTuple):
    """Events up to an ordinal, folded: what to write; and the events that are needed one by one."""

    last: int
    writes: list[RowsWrite]
    rest: Sequence[Placed]


class OrdinalRange(NamedTuple):
    """The ordinals of the first and the last event to fold, and how many at once."""

    start: int
    end: int
    size: int


def chunks(
    log: Bulk, projections: Sequence[Projection], ordinals: OrdinalRange, dialect: str, before: TermsBook
) -> Generator[FoldedChunk]:
    """Some of the log's events, folded for a database; the next ones are folded, and those after read, meanwhile.

    `before` has the terms that were published before them.
    """
    book = TermsBook()  # its own: others read `before` while this goes ahead
    for document in before.documents():
        book.publish(document)
    types = {TermsPublished.TOPIC}.union(*(made.one_by_one for made in projections))
    with (
        closing(_ahead((columns, columns.events(types)) for columns in _whole(log, ordinals))) as read,
        closing(_ahead(_folded(read, projections, log.partition, dialect, book))) as following,
    ):
        yield from following


def _folded(
    read: Iterable[tuple[Columns, Sequence[Placed]]],
    projections: Sequence[Projection],
    partition: int,
    dialect: str,
    book: TermsBook,
) -> Iterator[FoldedChunk]:
    for columns, rest in read:
        publish(rest, book)
        made = [
            write
            for projection in projections
            for table, rows in projection.fold_columns(partition, columns, book)
            for write in writes(dialect, table, rows)
        ]
        yield FoldedChunk(columns.last, made, rest)


def take_in(
    connection: Transaction,
    projections: Sequence[Projection],
    partition: int,
    chunk: FoldedChunk,
    book: TermsBook,
) -> None:
    """Writes a chunk. The terms that are published in it are in the book."""
    changed = Changes()
    for write in chunk.writes:
        write(connection)
    for made in projections:
        own = [found for found in chunk.rest if found.event.TOPIC in made.one_by_one]
        made.fold_rest(FoldBatch(partition, own, connection, book), changed)
    changed.write(connection)


def _whole(log: Bulk, span: OrdinalRange) -> Iterator[Columns]:
    """The columns of all events of a range, as far as the log goes. Raises LogDamaged where one is missing."""
    following = span.start
    for columns in log.columns(*span):
        ordinals = columns.common.column("ordinal")
        ends = tuple(found.as_py() for found in pc.min_max(ordinals).values())
        count = columns.last + 1 - following  # in whichever order
        if (
            ends != (following, columns.last)
            or not len(ordinals) == pc.count_distinct(ordinals).as_py() == count
        ):
            there = set(ordinals.to_pylist())
            every = range(following, columns.last + 1)
            missing = next((ordinal for ordinal in every if ordinal not in there), following)
            raise LogDamaged(f"the event at {log.partition}:{missing} is missing, or another is there twice")
        following = columns.last + 1
        yield columns
    if following <= min(span.end, log.head):
        raise LogDamaged(f"the event at {log.partition}:{following} is missing")


def _ahead(items: Iterator[_T]) -> Generator[_T]:
    """The same items, each of them made while the one before is used."""
    with ThreadPoolExecutor(1, "columns") as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


# --- columns --------------------------------------------------------------------------------------------------------


def days(instants: Any) -> Any:  # noqa: ANN401 - Arrow columns
    """The days of instants, also of those before 1970."""
    return pc.cast(pc.cast(pc.cast(instants, pa.timestamp("us")), pa.date32(), safe=False), pa.int32())


def table_of(columns: Mapping[str, Any]) -> pa.Table:
    """A table of columns; a number stands in every row."""
    rows = next(len(column) for column in columns.values() if not isinstance(column, int))
    return pa.table(
        {
            name: pa.repeat(pa.scalar(column, pa.int64()), rows) if isinstance(column, int) else column
            for name, column in columns.items()
        }
    )


def postings(events: pa.Table, book: TermsBook) -> dict[str, Any]:
    """The columns of every posting: `ordinal`, instants, `day`, `account`, `unit`, `amount`; an event's in their order.

    Its day is that of the zone of its terms.
    """
    events = events.filter(pc.greater(pc.list_value_length(events.column("postings")), 0)).combine_chunks()
    events = events.append_column("day", day_numbers(events, book))
    lists = events.column("postings").combine_chunks()
    owners, lines = pc.list_parent_indices(lists), pc.list_flatten(lists)
    columns = {
        name: events.column(name).take(owners) for name in ("ordinal", "effective_at", "recorded_at", "day")
    }
    own = {field.name: lines.field(field.name) for field in lines.type}
    return {**columns, **own}


def in_words(texts: Any) -> Any:  # noqa: ANN401 - Arrow columns
    """Texts as numbers of words, in the words' order."""
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    found = texts.dictionary_encode()
    order = pc.sort_indices(found.dictionary)
    numbers = pc.sort_indices(order).cast(pa.int32()).take(found.indices)
    return pa.DictionaryArray.from_arrays(numbers, found.dictionary.take(order))


def reworded(rows: pa.Table, name: str, word: Callable[[str], str | None]) -> pa.Table:
    """The rows with other words in a column; without those that have none."""
    column = rows.column(name).combine_chunks()
    words = pa.array([word(found) for found in column.dictionary.to_pylist()], pa.string())
    rows = rows.set_column(rows.column_names.index(name), name, in_words(words.take(column.indices)))
    return rows.filter(pc.is_valid(rows.column(name)))


def split(amounts: Any, large: int) -> tuple[Any, Any]:  # noqa: ANN401 - Arrow columns
    """Whole `large`s of amounts, and the rest of them; both have the amount's sign."""
    whole = pc.divide(amounts, large)
    return whole, pc.subtract(amounts, pc.multiply(whole, large))


def blocks(ordinals: Any, bits: int) -> Any:  # noqa: ANN401 - Arrow columns
    """The blocks of ordinals from 1 on."""
    return pc.shift_right(pc.subtract(ordinals, 1), bits)


def _places(rows: pa.Table, names: Sequence[str]) -> Any:  # noqa: ANN401 - an Arrow array
    """Numbers in the order of columns that hold numbers, or words."""
    key: Any = pa.scalar(0, pa.int64())
    span = 1  # places so far
    for name in names:
        numbers = _numbers(rows.column(name)).cast(pa.int64())
        least, most = (found.as_py() or 0 for found in pc.min_max(numbers).values())
        if span * (most - least + 1) > _MOST_PLACES:  # days far apart
            key, span = pc.rank(key, tiebreaker="dense").cast(pa.int64()), len(rows) + 1
        span *= most - least + 1
        key = pc.add_checked(pc.multiply_checked(key, most - least + 1), pc.subtract(numbers, least))
    return key


def packed(rows: pa.Table, table: Table, numbers: Sequence[str]) -> pa.Table:
    """One row for each key of a table, and in its last column those numbers of its rows; there are some."""
    keys = table.key
    rows = _in_order(rows)
    places = _places(rows, keys)
    order = pc.sort_indices(places)  # which leaves equal ones as they are
    places = places.take(order)
    changes = pc.add(pc.indices_nonzero(pc.not_equal(places[1:], places[:-1])), 1).cast(pa.int32())
    first = pa.concat_arrays([pa.array([0], pa.int32()), changes])
    ends = pa.concat_arrays([first, pa.array([len(rows)], pa.int32())])
    (batch,) = pa.table({name: _numbers(rows.column(name)).take(order) for name in numbers}).to_batches()
    entries = pa.py_buffer(memoryview(batch.to_tensor(row_major=True)))
    offsets = pc.multiply_checked(ends, pa.scalar(8 * len(numbers), pa.int32()))
    *_, name = table.columns.keys()
    column = pa.BinaryArray.from_buffers(pa.binary(), len(first), [None, offsets.buffers()[1], entries])
    return rows.select(keys).take(order.take(first)).append_column(name, column)


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows in the order of ordinals, in which they are as a rule."""
    ordinals = _numbers(rows.column("ordinal"))
    if pc.all(pc.less_equal(ordinals[:-1], ordinals[1:]), min_count=0).as_py():
        return rows
    return rows.take(pc.sort_indices(ordinals))


def merged(rows: pa.Table, table: Table) -> pa.Table:
    """One row for each key of a table whose other columns are added up, or hold the largest."""
    keys = table.key
    merges: dict[str, str] = table.info["merge"]
    plain = pa.table({name: _numbers(rows.column(name)) for name in (*keys, *merges)})
    how = {"add": "sum", "max": "max"}
    asked = [(name, how[merge]) for name, merge in merges.items()]
    found = plain.group_by(keys, use_threads=False).aggregate(asked)
    columns = {name: found.column(name) for name in keys}
    columns |= {name: found.column(f"{name}_{how}") for name, how in asked}
    for name in keys:
        words = rows.column(name)
        if pa.types.is_dictionary(words.type):
            dictionary = words.combine_chunks().dictionary
            columns[name] = pa.DictionaryArray.from_arrays(columns[name].combine_chunks(), dictionary)
    found = pa.table(columns)
    return found.take(pc.sort_indices(_places(found, keys)))


def _numbers(column: Any) -> Any:  # noqa: ANN401 - Arrow columns
    """A column, or the numbers of its words."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.indices if pa.types.is_dictionary(column.type) else column


# --- rows -----------------------------------------------------------------------------------------------------------


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
