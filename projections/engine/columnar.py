"""Columns of events become columns of rows, as Arrow has them: words as numbers, keys added up or packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger.domain.terms_book import TermsBook
from projections.engine.local_days import day_numbers
from projections.engine.sql_tables import Table

_MOST_PLACES = 2**62
"""Places that a number tells apart."""


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
