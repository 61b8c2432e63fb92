"""Each number: its state, and its generations."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.events import Event
from ledger.domain.line.events import NumberAvailable, NumberQuarantined
from ledger.domain.line.number import ASSIGNED, AVAILABLE, QUARANTINED
from ledger.domain.postpaid.events import ContractOpened
from ledger.domain.prepaid.events import NumberReclaimed, StarterPackIssued
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Integer
from projections.engine.sql_tables import Table
from projections.line.asked_number import AskedNumber, accounts


class NumberState(NamedTuple):
    """A number entered a state with a generation; `holder` is who had it last, `available_at` ends a quarantine."""

    msisdn: str
    partition: int
    ordinal: int
    generation: int
    state: str
    holder: str | None
    available_at: int | None
    effective_at: int
    recorded_at: int


class Entered(NamedTuple):
    """What an event says of a number's own state."""

    msisdn: str
    generation: int
    state: str
    holder: str | None
    available_at: int | None


def entered_by(event: Event) -> Entered | None:
    """The state that a number enters by what begins an account, or frees the number; None by any other event."""
    if isinstance(event, StarterPackIssued):
        return Entered(event.msisdn, event.generation, ASSIGNED, None, None)
    if isinstance(event, NumberReclaimed | ContractOpened):
        return Entered(event.msisdn, event.generation, ASSIGNED, event.customer, None)
    if isinstance(event, NumberQuarantined):
        return Entered(event.msisdn, event.generation, QUARANTINED, event.customer, event.available_at)
    if isinstance(event, NumberAvailable):
        return Entered(event.msisdn, event.generation, AVAILABLE, event.customer, None)
    return None


class Numbers(Projection):
    """Every change of a number's own state."""

    name = "numbers"
    version = 3
    one_by_one = frozenset(
        kind.TOPIC
        for kind in (StarterPackIssued, NumberReclaimed, ContractOpened, NumberQuarantined, NumberAvailable)
    )

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant = BigInteger
        self.states = Table(
            f"numbers_states_{generation}",
            self.metadata,
            Column("msisdn", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("generation", Integer, nullable=False),
            Column("state", TEXT, nullable=False),
            Column("holder", TEXT),
            Column("available_at", instant),
            Column("effective_at", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what begins an account, and what frees a number."""
        for found in batch.events:
            event = found.event
            entered = entered_by(event)
            if entered is None:
                continue
            row = (entered.msisdn, batch.partition, found.ordinal, *entered[1:])
            changes.rows(self.states).append((*row, event.effective_at, event.recorded_at))

    def of(self, connection: Transaction, msisdn: str, as_of: int, known_at: int) -> list[NumberState]:
        """The states that a number had entered, in order; its generations are theirs."""
        states = self.states.c
        found = (
            select(*(states[name] for name in NumberState._fields))
            .where(states.msisdn == msisdn, states.effective_at <= as_of, states.recorded_at <= known_at)
            .order_by(states.ordinal)
        )
        return [NumberState(*row) for row in connection.execute(found)]


# --- the question ---------------------------------------------------------------------------------------------------


class Holding(NamedTuple):
    """A number's own state with a generation, from `since` to `until` (None: it lasts).

    `holder` is who had the number last, `available_at` ends a quarantine; `recorded` is False for what fell due
    unrecorded.
    """

    msisdn: str
    generation: int
    state: str
    since: Instant
    until: Instant | None
    holder: str | None
    available_at: Instant | None
    recorded: bool


def holdings(then: Snapshot, asked: AskedNumber) -> Listed[Holding]:
    """The states that a number has been in, in order. Raises UnknownThen."""
    accounts(then, asked)
    msisdn = asked.msisdn
    moment, position = then.of_number(msisdn)
    found = [
        Holding(msisdn, s.generation, s.state, s.effective_at, None, s.holder, s.available_at, recorded=True)
        for s in then.of(Numbers).of(then.connection, msisdn, then.as_of, then.known_at)
    ]
    for event in then.unrecorded(msisdn):
        entered = entered_by(event)
        if entered is not None:
            _, generation, state, holder, available_at = entered
            own = (event.effective_at, None, holder, available_at)
            found.append(Holding(msisdn, generation, state, *own, recorded=False))
    ends = [*(one.since for one in found[1:]), None]
    rows = [one._replace(until=end) for one, end in zip(found, ends, strict=True)]
    return Listed(Holding, rows, *moment, position)
