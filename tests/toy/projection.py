"""Promises that were broken, and who heard of it."""

from __future__ import annotations

from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Column
from projections.engine.sql_tables import Table
from tests.toy.events import BrokenHeardOf, PromiseBroken


class BrokenPromises(Projection):
    """A row for each that was broken, and for each that heard of one."""

    name = "promises"
    one_by_one = frozenset(kind.TOPIC for kind in (PromiseBroken, BrokenHeardOf))

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.heard = Table(
            f"promises_heard_{generation}",
            self.metadata,
            Column("of", TEXT, primary_key=True),
            Column("by", TEXT, primary_key=True),
            Column("effective_at", BigInteger, nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes both in; who broke it heard of it first."""
        for found in batch.events:
            event = found.event
            if isinstance(event, PromiseBroken | BrokenHeardOf):
                of = event.of if isinstance(event, BrokenHeardOf) else event.account
                changes.rows(self.heard).append((of, event.account, event.effective_at, event.recorded_at))

    def by_whom(self, connection: Transaction, of: str, known_at: int) -> list[str]:
        """Who had heard that a promise was broken, by an instant."""
        heard = self.heard.c
        found = select(heard.by).where(heard.of == of, heard.recorded_at <= known_at).order_by(heard.by)
        return [row[0] for row in connection.execute(found)]
