"""Folding in bulk: chunks of the log as Arrow columns become columns of rows, and are written in the order of keys.

While one chunk is written the next one is folded and put as the database wants it, and the one after is read and
decoded, on other cores. These chunks are all that is ever held in memory, however long the log is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple, TypeVar

import pyarrow.compute as pc

from ledger.domain.partition.events import TermsPublished
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged
from projections.engine.bulk_rows import RowsWrite, writes
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection, publish
from projections.engine.reader import Bulk, Columns, Placed

_T = TypeVar("_T")


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
