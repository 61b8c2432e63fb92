"""What a projection is: tables of one generation, and a fold of events into rows of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain.events import Event
from ledger.domain.terms import TermsBook
from projections.changes import Changes
from projections.reader import Recorded


class Batch(NamedTuple):
    """Events of one partition, in order, and the transaction that they are folded in."""

    partition: int
    events: Sequence[Recorded]
    connection: Connection
    book: TermsBook


class Projection:
    """Tables of one generation. `version` counts the changes of their layout or meaning: others need a rebuild."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.metadata = sa.MetaData()

    def fold(self, batch: Batch, changes: Changes) -> None:
        """Turns events into rows. It never fails for an event of a known type."""
        raise NotImplementedError

    def finish(self, connection: Connection, book: TermsBook) -> None:
        """After a rebuild's last event: makes what is better made at once than event by event."""

    def forget(self) -> None:
        """Drops what is remembered between batches: the database has gone on without it."""


def number_of(event: Event) -> str | None:
    """The number that an event belongs to; None for the log's own."""
    account = event.account
    return account.partition("#")[0] if account[0].isdigit() else None
