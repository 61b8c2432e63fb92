"""Blocks that stand, by ground; those that need an order's reference (an authority's) apart."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.line.events import Blocked, Unblocked
from ledger.domain.terms import AccountTerms
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Boolean, Column, Integer
from projections.engine.sql_tables import Table


class BlockOnGround(NamedTuple):
    """A block that stands: since when, on what ground, by whose order (`reference`), and under which terms."""

    account: str
    block: str
    scope: str
    ground: str
    reference: str | None
    ordered: bool
    since: Instant
    terms: str | None
    clause: str | None


class Blocks(Projection):
    """Blocks as they were set, and as they were lifted."""

    name = "blocks"
    version = 2
    one_by_one = frozenset(kind.TOPIC for kind in (Blocked, Unblocked))

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.placed = self._table(
            "set",
            Column("scope", TEXT, nullable=False),
            Column("ground", TEXT, nullable=False),
            Column("reference", TEXT),
            Column("ordered", Boolean, nullable=False),
            Column("terms", TEXT),
            Column("clause", TEXT),
        )
        self.lifted = self._table("lifted")

    def _table(self, name: str, *columns: Column) -> Table:
        return Table(
            f"blocks_{name}_{self.generation}",
            self.metadata,
            Column("account", TEXT, primary_key=True),
            Column("block", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", BigInteger, nullable=False),
            Column("effective_at", BigInteger, nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            *columns,
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what sets and lifts blocks."""
        for found in batch.events:
            event = found.event
            if not isinstance(event, Blocked | Unblocked):
                continue
            key = (event.account, event.block, batch.partition, found.ordinal)
            row = (*key, event.effective_at, event.recorded_at)
            if isinstance(event, Unblocked):
                changes.rows(self.lifted).append(row)
                continue
            terms = None if event.terms is None else batch.book.of(AccountTerms, event.terms)
            ground = None if terms is None else terms.ground(event.ground)
            ordered = ground is not None and ground.requires == "reference"
            own = (event.scope, event.ground, event.reference, ordered, event.terms, event.clause)
            changes.rows(self.placed).append(row + own)

    def standing(
        self, connection: Transaction, as_of: int, known_at: int, *, ground: str | None = None
    ) -> list[BlockOnGround]:
        """The blocks that stood, by ground and account; where it is named, only those on one ground."""
        placed, lifted = self.placed.c, self.lifted.c
        gone = (
            select(lifted.block)
            .where(
                lifted.account == placed.account,
                lifted.block == placed.block,
                lifted.effective_at <= as_of,
                lifted.recorded_at <= known_at,
            )
            .exists()
        )
        columns = [
            placed.effective_at.label("since") if name == "since" else placed[name]
            for name in BlockOnGround._fields
        ]
        found = (
            select(*columns)
            .where(placed.effective_at <= as_of, placed.recorded_at <= known_at, ~gone)
            .order_by(placed.ground, placed.account, placed.ordinal)
        )
        if ground is not None:
            found = found.where(placed.ground == ground)
        return [BlockOnGround(*row) for row in connection.execute(found)]


def blocks(then: Snapshot, ground: str | None) -> Listed[BlockOnGround]:
    """The blocks that stand, by ground and account; where it is named, only those on one ground."""
    moment, position = then.whole()
    rows = then.of(Blocks).standing(then.connection, then.as_of, then.known_at, ground=ground)
    return Listed(BlockOnGround, rows, *moment, position)
