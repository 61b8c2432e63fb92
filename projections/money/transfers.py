"""Credit under way: what was sent, and what has arrived or come back. The two may lie in different partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from projections.engine.answers import Answer
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Integer
from projections.engine.sql_tables import Table


class Sent(NamedTuple):
    """A transfer that was sent: amount and fee in sen."""

    transfer: str
    account: str
    to_msisdn: str
    amount: int
    fee: int
    effective_at: int


class Transfers(Projection):
    """What was sent, and what ended it."""

    name = "transfers"
    version = 2
    one_by_one = frozenset(
        kind.TOPIC for kind in (CreditTransferSent, CreditTransferReceived, CreditTransferReturned)
    )

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        amount = BigInteger
        self.sent = self._table(
            "sent",
            Column("account", TEXT, nullable=False),
            Column("to_msisdn", TEXT, nullable=False),
            Column("amount", amount, nullable=False),
            Column("fee", amount, nullable=False),
        )
        self.ended = self._table("ended", Column("how", TEXT, nullable=False))

    def _table(self, name: str, *columns: Column) -> Table:
        return Table(
            f"transfers_{name}_{self.generation}",
            self.metadata,
            Column("transfer", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", BigInteger, primary_key=True),
            Column("effective_at", BigInteger, nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            *columns,
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in both ends of every transfer."""
        for found in batch.events:
            event = found.event
            if isinstance(event, CreditTransferSent):
                own = (event.account, event.to_msisdn, event.amount, event.fee)
                rows = changes.rows(self.sent)
            elif isinstance(event, CreditTransferReceived | CreditTransferReturned):
                own = (event.name,)  # type: ignore[assignment]
                rows = changes.rows(self.ended)
            else:
                continue
            key = (event.transfer, batch.partition, found.ordinal)
            rows.append((*key, event.effective_at, event.recorded_at, *own))

    def under_way(self, connection: Transaction, as_of: int, known_at: int) -> list[Sent]:
        """What was sent and had neither arrived nor come back, longest first."""
        sent, ended = self.sent.c, self.ended.c
        over = (
            select(ended.transfer)
            .where(
                ended.transfer == sent.transfer,
                ended.effective_at <= as_of,
                ended.recorded_at <= known_at,
            )
            .exists()
        )
        found = (
            select(*(sent[name] for name in Sent._fields))
            .where(sent.effective_at <= as_of, sent.recorded_at <= known_at, ~over)
            .order_by(sent.effective_at, sent.partition, sent.ordinal)
        )
        return [Sent(*row) for row in connection.execute(found)]


# --- the question ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InTransit(Answer):
    """Credit that was sent, and has neither arrived nor come back: `amount` in sen, since the instant `sent_at`."""

    transfer: str
    from_account: str
    to_msisdn: str
    amount: Sen
    fee: Sen
    sent_at: Instant
    as_of: Instant
    known_at: Instant
    final: bool
    position: str

    @property
    def age(self) -> int:
        """Microseconds that it has been on its way."""
        return self.as_of - self.sent_at

    def to_json(self) -> dict[str, Any]:
        """The answer; the age in seconds."""
        return {**Answer.to_json(self), "age_seconds": self.age // 1_000_000}


def transit(then: Snapshot) -> list[InTransit]:
    """Credit on its way, longest first."""
    moment, position = then.whole()
    found = then.of(Transfers).under_way(then.connection, then.as_of, then.known_at)
    return [InTransit(*sent, *moment, position=position) for sent in found]
