"""What is so of a whole partition: when it began, what is closed, which terms it has published, which types it holds.

An answer needs it to say whether it is final, on which position it rests, and under which terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger.domain.calendar import DAY
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.partition.events import ClosedThrough, LogCreated, TermsPublished
from ledger.domain.terms_book import Document, TermsBook
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.local_days import days
from projections.engine.prepared import Prepared
from projections.engine.projection import FoldBatch, Projection, Rows
from projections.engine.reader import Columns
from projections.engine.sql import select, union_all
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Integer, func
from projections.engine.sql_tables import Table


class PartitionFact(NamedTuple):
    """A partition's beginning and clock, and the instant that it is closed through (None: it never was)."""

    partition: int
    created_at: int
    clock: str
    closed_through: int | None


class PartitionFacts(Projection):
    """The partitions, and their terms."""

    name = "facts"
    version = 2
    one_by_one = frozenset(kind.TOPIC for kind in (LogCreated, ClosedThrough, TermsPublished))

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        number, text, instant = Integer, TEXT, BigInteger
        self.created = Table(
            f"facts_created_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("ordinal", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            Column("clock", text, nullable=False),
        )
        self.closed = Table(
            f"facts_closed_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("through", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
        )
        self.terms = Table(
            f"facts_terms_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("terms", text, primary_key=True),
            Column("ordinal", instant, nullable=False),
            Column("digest", text, nullable=False),
            Column("content", text, nullable=False),
        )
        self.types = Table(
            f"facts_types_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("type", text, primary_key=True),
            Column("events", instant, nullable=False),
            Column("last", instant, nullable=False),
            info={"merge": {"events": "add", "last": "max"}},
        )
        self.recorded = Table(
            f"facts_recorded_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("recorded_at", instant, primary_key=True),
            Column("last", instant, nullable=False),
            info={"merge": {"last": "max"}},
            sqlite_with_rowid=False,
        )
        self.days = Table(
            f"facts_days_{generation}",
            self.metadata,
            Column("partition", number, primary_key=True),
            Column("recorded_day", number, primary_key=True),
            Column("last", instant, nullable=False),
            info={"merge": {"last": "max"}},
        )

        created, closed = self.created.c, self.closed.c
        through = select(closed.through).where(closed.partition == created.partition)
        last = through.order_by(closed.ordinal.desc()).limit(1).scalar_subquery()
        self._partitions = Prepared(select(created.partition, created.recorded_at, created.clock, last))

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in every event's instant and type."""
        partition = batch.partition
        recorded, days, types = (changes.cells(table) for table in (self.recorded, self.days, self.types))
        for ordinal, event in ((found.ordinal, found.event) for found in batch.events):
            at = event.recorded_at
            recorded[partition, at] = (ordinal,)
            days[partition, at // DAY] = (ordinal,)
            key = (partition, event.TOPIC)
            types[key] = (types.get(key, (0,))[0] + 1, ordinal)
        self.fold_rest(batch, changes)

    def fold_rest(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what the log says of itself."""
        partition = batch.partition
        for ordinal, event in ((found.ordinal, found.event) for found in batch.events):
            at = event.recorded_at
            if isinstance(event, LogCreated):
                changes.rows(self.created).append((partition, ordinal, at, event.clock))
            elif isinstance(event, ClosedThrough):
                changes.rows(self.closed).append((partition, ordinal, event.through, at))
            elif isinstance(event, TermsPublished):
                row = (partition, event.terms_id, ordinal, event.digest, event.content)
                changes.rows(self.terms).append(row)

    def fold_columns(self, partition: int, columns: Columns, book: TermsBook) -> Iterator[Rows]:
        """Every event's instant and type."""
        from projections.engine import columnar  # slow to import

        events = columns.common
        found = columnar.table_of(
            {
                "partition": partition,
                "type": columnar.in_words(events.column("type")),
                "recorded_at": events.column("recorded_at"),
                "recorded_day": days(events.column("recorded_at")),
                "events": 1,
                "last": events.column("ordinal"),
            }
        )
        for table in (self.recorded, self.days, self.types):
            yield table, columnar.merged(found, table)

    # --- asking -------------------------------------------------------------------------------------------------------

    def partitions(self, connection: Transaction) -> dict[int, PartitionFact]:
        """What is so of each partition that has begun."""
        return {row[0]: PartitionFact(*row) for row in self._partitions(connection)}

    def recorded_by(self, connection: Transaction, known_at: int) -> dict[int, int]:
        """For each partition the ordinal of the last event recorded at or before an instant, where there is one."""
        days, recorded = self.days.c, self.recorded.c
        day = known_at // DAY
        parts = union_all(
            select(days.partition, days.last).where(days.recorded_day < day),
            select(recorded.partition, recorded.last).where(
                recorded.recorded_at >= day * DAY, recorded.recorded_at <= known_at
            ),
        ).subquery()
        found = connection.execute(
            select(parts.c.partition, func.max(parts.c.last)).group_by(parts.c.partition)
        )
        return {row[0]: row[1] for row in found}

    def publish(self, connection: Transaction, book: TermsBook) -> None:
        """Puts the terms that the log has published into a book, where it does not have them yet."""
        columns = self.terms.c
        found = connection.execute(select(columns.terms, columns.digest).distinct())
        new = [name for name, digest in found if not book.has_published(name, digest)]
        if new:
            wanted = select(columns.terms, columns.content, columns.digest).where(columns.terms.in_(new))
            for row in connection.execute(wanted.order_by(columns.partition)):
                book.publish(Document(*row))

    def unknown_types(self, connection: Transaction) -> dict[str, int]:
        """How many events there are of each type that this release does not know."""
        types = self.types.c
        found = connection.execute(select(types.type, func.sum(types.events)).group_by(types.type))
        return {name: int(count) for name, count in found if name not in EVENT_TYPES}
