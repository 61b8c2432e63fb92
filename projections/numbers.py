"""Each number: its state, and its generations."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain import events as e
from ledger.domain.number import ASSIGNED, AVAILABLE, QUARANTINED
from projections.changes import Changes
from projections.projection import Batch, Projection


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


class Numbers(Projection):
    """Every change of a number's own state."""

    name = "numbers"

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant = sa.BigInteger
        self.states = sa.Table(
            f"numbers_states_{generation}",
            self.metadata,
            sa.Column("msisdn", sa.Text, primary_key=True),
            sa.Column("partition", sa.Integer, primary_key=True),
            sa.Column("ordinal", instant, primary_key=True),
            sa.Column("generation", sa.Integer, nullable=False),
            sa.Column("state", sa.Text, nullable=False),
            sa.Column("holder", sa.Text),
            sa.Column("available_at", instant),
            sa.Column("effective_at", instant, nullable=False),
            sa.Column("recorded_at", instant, nullable=False),
            sqlite_with_rowid=False,
        )

    def fold(self, batch: Batch, changes: Changes) -> None:
        """Takes in what begins an account, and what frees a number."""
        for found in batch.events:
            event = found.event
            available_at: int | None = None
            if isinstance(event, e.StarterPackIssued):
                state, holder = ASSIGNED, None
            elif isinstance(event, e.NumberReclaimed):
                state, holder = ASSIGNED, event.customer
            elif isinstance(event, e.NumberQuarantined):
                state, holder, available_at = QUARANTINED, event.customer, event.available_at
            elif isinstance(event, e.NumberAvailable):
                state, holder = AVAILABLE, event.customer
            else:
                continue
            row = (
                event.msisdn,
                batch.partition,
                found.ordinal,
                event.generation,
                state,
                holder,
                available_at,
            )
            changes.rows(self.states).append((*row, event.effective_at, event.recorded_at))

    def of(self, connection: Connection, msisdn: str, as_of: int, known_at: int) -> list[NumberState]:
        """The states that a number had entered, in order; its generations are theirs."""
        states = self.states.c
        found = (
            sa.select(*(states[name] for name in NumberState._fields))
            .where(states.msisdn == msisdn, states.effective_at <= as_of, states.recorded_at <= known_at)
            .order_by(states.ordinal)
        )
        return [NumberState(*row) for row in connection.execute(found)]
