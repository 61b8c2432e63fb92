"""What events say of the bills, payments and deposit of an account: a row for each thing said, over both time axes.

A fact stands in the event itself, and needs no other to be understood: so rows do not depend on the size of batches,
and what falls due unrecorded is taken in like what is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from ledger.domain.events import Event
from ledger.domain.terms_book import TermsBook
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Expression, Integer
from projections.engine.sql_tables import Table

AT_ONCE = 500
"""Accounts that one statement asks for."""


class Fact(NamedTuple):
    """What is said of a subject (a bill, a payment, a deposit): so many sen of something, until when, by what."""

    subject: str
    what: str
    amount: int = 0
    until: int | None = None
    other: str | None = None
    terms: str | None = None


class Known(NamedTuple):
    """A fact of an account, since when it holds, and the type of the event that says it."""

    account: str
    fact: Fact
    since: int
    by: str


Says = Mapping[type[Event], Callable[[Any, TermsBook], Iterator[Fact]]]
"""What each type of events says."""


class Facts(Projection):
    """A table of facts, as `SAYS` reads them from events."""

    SAYS: ClassVar[Says]

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant = BigInteger
        self.facts = Table(
            f"{self.name}_facts_{generation}",
            self.metadata,
            Column("account", TEXT, primary_key=True),
            Column("subject", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("place", Integer, primary_key=True),
            Column("effective_at", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            Column("type", TEXT, nullable=False),
            *(Column("what", TEXT, nullable=False), Column("amount", instant, nullable=False)),
            *(Column("until", instant), Column("other", TEXT), Column("terms", TEXT)),
            sqlite_with_rowid=False,
        )

    def _table(self, name: str, *columns: Column, of: str = "account") -> Table:
        """A table beside it that has a row for some events: whose it is (`of`), which event, and when, come first."""
        instant = BigInteger
        return Table(
            f"{self.name}_{name}_{self.generation}",
            self.metadata,
            Column(of, TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("effective_at", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            *columns,
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what events say."""
        rows = changes.rows(self.facts)
        for found in batch.events:
            event = found.event
            for place, fact in enumerate(self.said_by(event, batch.book)):
                _, what, *others = fact
                rows.append(
                    (
                        *(event.account, fact.subject, batch.partition, found.ordinal, place),
                        *(event.effective_at, event.recorded_at, event.TOPIC, what, *others),
                    )
                )

    @classmethod
    def said_by(cls, event: Event, book: TermsBook) -> Iterable[Fact]:
        """What an event says; nothing where it says nothing of this kind."""
        says = cls.SAYS.get(type(event))
        return () if says is None else says(event, book)

    def seen(self, as_of: int, known_at: int) -> tuple[Expression, ...]:
        """The conditions of what was so and known."""
        facts = self.facts.c
        return facts.effective_at <= as_of, facts.recorded_at <= known_at

    def of(
        self, connection: Transaction, accounts: Sequence[str] | None, as_of: int, known_at: int
    ) -> Iterator[Known]:
        """The facts of some accounts, or of all (None), in the order of recording within each."""
        if accounts is None:
            yield from self._found(connection, *self.seen(as_of, known_at))
            return
        for first in range(0, len(accounts), AT_ONCE):
            some = self.facts.c.account.in_(accounts[first : first + AT_ONCE])
            yield from self._found(connection, some, *self.seen(as_of, known_at))

    def _found(self, connection: Transaction, *conditions: Expression) -> Iterator[Known]:
        facts = self.facts.c
        said = (facts[name] for name in Fact._fields)
        found = (
            select(facts.account, facts.effective_at, facts.type, *said)
            .where(*conditions)
            .order_by(facts.account, facts.partition, facts.ordinal, facts.place)
        )
        for account, since, topic, *fact in connection.execute(found):
            yield Known(account, Fact(*fact), since, topic)


def known_of(
    then: Snapshot, kind: type[Facts], accounts: Sequence[str] | None, due: Iterable[Event]
) -> dict[str, list[Known]]:
    """The facts of some accounts, or of all (None), by account; what fell `due` unrecorded stands behind."""
    found: dict[str, list[Known]] = {account: [] for account in accounts or ()}
    for known in then.of(kind).of(then.connection, accounts, then.as_of, then.known_at):
        found.setdefault(known.account, []).append(known)
    for event in due:
        if accounts is not None and event.account not in found:
            continue
        for fact in kind.said_by(event, then.book):
            known = Known(event.account, fact, event.effective_at, event.TOPIC)
            found.setdefault(event.account, []).append(known)
    return found
