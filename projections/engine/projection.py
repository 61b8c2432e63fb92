"""What a projection is: tables of one generation, and a fold of events into rows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, subject_of
from ledger.domain.partition.events import TermsPublished
from ledger.domain.terms_book import Document, TermsBook
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.reader import Columns, Placed
from projections.engine.sql_tables import MetaData, Table

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import


class FoldBatch(NamedTuple):
    """Events of one partition, in order, and the transaction that they are folded in."""

    partition: int
    events: Sequence[Placed]
    connection: Transaction
    book: TermsBook


Rows = tuple[Table, "pa.Table"]
"""A table, and rows of it as Arrow columns."""


class Projection:
    """Tables of one generation. `version` counts the changes of their layout or meaning: others need a rebuild."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    former: ClassVar[frozenset[str]] = frozenset({"entries"})
    """What tables were called that earlier releases made, and this one does not."""
    one_by_one: ClassVar[frozenset[str]]
    """The types of events that a fold in bulk needs one by one."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.metadata = MetaData()

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Turns events into rows. It never fails for an event of a known type."""
        raise NotImplementedError

    # --- in bulk: columns for what there is most of, one by one for the rest; together they are all of `fold` ---------

    def fold_rest(self, batch: FoldBatch, changes: Changes) -> None:
        """What columns do not give, from events of the types that are needed one by one."""
        self.fold(batch, changes)

    def fold_columns(self, partition: int, columns: Columns, book: TermsBook) -> Iterator[Rows]:
        """Rows as columns of their tables, best in the order of keys; of a key that is merged, one row only."""
        yield from ()

    def forget(self) -> None:
        """Drops what is remembered between batches: the database has gone on without it."""


ProjectionsByName = Mapping[str, type[Projection]]
"""Projections by name, in the order in which they fold: what runs them knows no single one."""


def number_concerned(event: Event) -> str | None:
    """The number that an event belongs to; None for the log's own."""
    account = event.account
    return subject_of(account) if is_of_line(account) else None


def publish(events: Iterable[Placed], book: TermsBook) -> None:
    """Puts the terms that are published among events into a book."""
    for found in events:
        event = found.event
        if isinstance(event, TermsPublished):
            book.publish(Document(event.terms_id, event.content, event.digest))
