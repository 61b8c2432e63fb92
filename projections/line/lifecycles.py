"""The states of every account over time, what caused each, and who is due to change, and when.

Of each number it keeps the events that its states follow from, so that the domain's own rules can fold them again
for any moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.domain.calendar import NEVER
from ledger.domain.events import Event
from ledger.domain.ids import streams_of
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.terms_book import TermsBook
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.prepared import Prepared
from projections.engine.projection import FoldBatch, Projection, number_concerned
from projections.engine.sql import select
from projections.engine.sql_expressions import (
    TEXT,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Parameter,
    bindparam,
)
from projections.engine.sql_tables import Index, Table
from projections.engine.sums import BitemporalSums
from projections.line.folded_numbers import TIMELESS, Tracked, body_of, event_of

_REMEMBERED = 20_000
"""Numbers whose folded state is kept between batches."""
_AT_ONCE = 500
"""Numbers that one statement asks for."""


class StateSpan(NamedTuple):
    """An account (or number) entered a state: when, known since when, by which event and under which terms."""

    subject: str
    partition: int
    ordinal: int
    state: str
    effective_at: int
    recorded_at: int
    cause: str
    clause: str | None
    terms: str | None
    terms_digest: str | None


class Lifecycles(Projection):
    """States, what falls due, and the events to fold again."""

    name = "lifecycles"
    version = 4
    one_by_one = frozenset(EVENT_TYPES.keys() - TIMELESS)

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        number, text, instant = Integer, TEXT, BigInteger
        self.events = Table(
            f"lifecycles_events_{generation}",
            self.metadata,
            Column("msisdn", text, primary_key=True),
            Column("partition", number, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("effective_at", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            Column("type", text, nullable=False),
            Column("body", LargeBinary, nullable=False),
            sqlite_with_rowid=False,
        )
        self.states = Table(
            f"lifecycles_states_{generation}",
            self.metadata,
            Column("subject", text, primary_key=True),
            Column("partition", number, primary_key=True),
            Column("ordinal", instant, primary_key=True),
            Column("state", text, nullable=False),
            Column("effective_at", instant, nullable=False),
            Column("recorded_at", instant, nullable=False),
            Column("cause", text, nullable=False),
            Column("clause", text),
            Column("terms", text),
            Column("terms_digest", text),
            sqlite_with_rowid=False,
        )
        self.dues = Table(
            f"lifecycles_dues_{generation}",
            self.metadata,
            Column("msisdn", text, primary_key=True),
            Column("partition", number, primary_key=True),
            Column("since", instant, primary_key=True),
            Column("until", instant, nullable=False),
            Column("due_at", instant, nullable=False),
            Index(f"lifecycles_dues_{generation}_until", "until", "due_at"),
            info={"merge": {"until": "put", "due_at": "put"}},
        )
        self.counts = BitemporalSums(
            self.metadata, "lifecycles_counts", generation, keys=("kind", "state"), counts=("count",)
        )
        self._lines: dict[str, Tracked] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Statements that are made once, for they are asked most."""
        events, states, dues = self.events.c, self.states.c, self.dues.c
        t, k = (bindparam(name) for name in ("t", "k"))
        number = bindparam("number")
        several: Parameter = bindparam("numbers", expanding=True)
        self._events = Prepared(
            select(events.msisdn, events.partition, events.ordinal, events.type, events.body)
            .where(events.msisdn.in_(several), events.effective_at <= t, events.recorded_at <= k)
            .order_by(events.msisdn, events.ordinal)
        )
        self._last = Prepared(
            select(events.partition, events.ordinal)
            .where(events.msisdn == number, events.effective_at <= t, events.recorded_at <= k)
            .order_by(events.partition.desc(), events.ordinal.desc())
            .limit(1)
        )
        self._accounts = Prepared(
            select(states.subject)
            .distinct()
            .where(states.subject >= bindparam("low"), states.subject < bindparam("high"))
            .where(states.effective_at <= t, states.recorded_at <= k)
        )
        self._due = Prepared(
            select(dues.due_at)
            .where(dues.msisdn == number, dues.until > k, dues.since <= k, dues.due_at <= t)
            .limit(1)
        )

    def forget(self) -> None:
        """Drops the folded numbers."""
        self._lines.clear()

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in the events that states follow from."""
        found = [
            (number, recorded.ordinal, recorded.event)
            for recorded in batch.events
            if recorded.event.TOPIC not in TIMELESS
            and recorded.event.TOPIC in EVENT_TYPES
            and (number := number_concerned(recorded.event)) is not None
        ]
        self._remember({number for number, _, _ in found}, batch)
        rows = changes.rows(self.events)
        for number, ordinal, event in found:
            rows.append(
                (
                    number,
                    batch.partition,
                    ordinal,
                    event.effective_at,
                    event.recorded_at,
                    event.TOPIC,
                    body_of(event),
                )
            )
            self._take(self._lines[number], (batch.partition, ordinal), event, batch.book, changes)

    def _take(
        self, tracked: Tracked, position: tuple[int, int], event: Event, book: TermsBook, changes: Changes
    ) -> None:
        partition, ordinal = position
        transitions, dues = tracked.take(event)
        number = tracked.line.msisdn
        instants = (event.effective_at, event.recorded_at)
        for subject, before, after in transitions:
            digest = None if event.terms is None else book.digest(event.terms)
            changes.rows(self.states).append(
                (
                    subject,
                    partition,
                    ordinal,
                    after,
                    *instants,
                    event.TOPIC,
                    event.clause,
                    event.terms,
                    digest,
                )
            )
            kind = "numbers" if subject == number else "accounts"
            self.counts.add(changes, (kind, after), partition, ordinal, *instants, 1)
            if before is not None:
                self.counts.add(changes, (kind, before), partition, ordinal, *instants, -1)
        for due, until in dues:
            changes.cells(self.dues)[number, partition, due.since] = (until, due.due_at)

    def _remember(self, numbers: set[str], batch: FoldBatch) -> None:
        """Folds the numbers that are not in memory."""
        if len(self._lines) > _REMEMBERED:
            self._lines.clear()
        missing = sorted(numbers - self._lines.keys())
        for number in missing:
            self._lines[number] = Tracked(number, batch.book)
        for first in range(0, len(missing), _AT_ONCE):
            chunk = missing[first : first + _AT_ONCE]
            for number, _, _, event in self.events_of(batch.connection, chunk):
                self._lines[number].take(event)

    # --- asking -------------------------------------------------------------------------------------------------------

    def events_of(
        self, connection: Transaction, numbers: Sequence[str], as_of: int = NEVER, known_at: int = NEVER
    ) -> Iterator[tuple[str, int, int, Event]]:
        """The events of numbers that their states follow from, each with number, partition and ordinal, in order."""
        found = self._events(connection, numbers=list(numbers), t=as_of, k=known_at)
        for msisdn, partition, ordinal, topic, body in found:
            yield msisdn, partition, ordinal, event_of(topic, body)

    def last_of(
        self, connection: Transaction, msisdn: str, as_of: int, known_at: int
    ) -> tuple[int, int] | None:
        """The partition of a number, and the ordinal of the last of its events that were known; None without one."""
        rows = self._last(connection, number=msisdn, t=as_of, k=known_at)
        return (rows[0][0], rows[0][1]) if rows else None

    def numbers(self, connection: Transaction, after: str, limit: int) -> list[str]:
        """Numbers that have events, ascending."""
        events = self.events.c
        found = (
            select(events.msisdn).where(events.msisdn > after).group_by(events.msisdn).order_by(events.msisdn)
        )
        return list(connection.execute(found.limit(limit)).scalars())

    def due(self, connection: Transaction, as_of: int, known_at: int) -> list[str]:
        """Numbers for which something falls due by `as_of` that was not recorded at `known_at`.

        Whatever was recorded of a number after `as_of` had it advanced past `as_of` first: so no more needs to be
        looked at than when it fell due next, as known then.
        """
        dues = self.dues.c
        found = select(dues.msisdn).where(dues.until > known_at, dues.since <= known_at, dues.due_at <= as_of)
        return sorted(connection.execute(found).scalars())

    def coming(self, connection: Transaction, as_of: int, known_at: int, until: int) -> list[str]:
        """Numbers that, as known at `known_at`, fall due by `until`; some of them already by `as_of`."""
        dues, known = self.dues.c, min(as_of, known_at)
        found = select(dues.msisdn).where(dues.until > known, dues.since <= known, dues.due_at <= until)
        return sorted(connection.execute(found).scalars())

    def is_due(self, connection: Transaction, msisdn: str, as_of: int, known_at: int) -> bool:
        """Whether something falls due for that number."""
        return bool(self._due(connection, number=msisdn, t=as_of, k=known_at))

    def accounts_of(self, connection: Transaction, msisdn: str, as_of: int, known_at: int) -> list[str]:
        """The accounts of a number that had begun, generation by generation."""
        low, high = streams_of(msisdn)
        values = {"low": low, "high": high, "t": as_of, "k": known_at}
        found = (row[0] for row in self._accounts(connection, **values))
        return sorted(found, key=lambda account: (len(account), account))

    def states_of(self, connection: Transaction, subject: str, as_of: int, known_at: int) -> list[StateSpan]:
        """The states that an account (or a number) had entered, in order."""
        states = self.states.c
        found = (
            select(*(states[name] for name in StateSpan._fields))
            .where(states.subject == subject, states.effective_at <= as_of, states.recorded_at <= known_at)
            .order_by(states.ordinal)
        )
        return [StateSpan(*row) for row in connection.execute(found)]

    def counted(self, connection: Transaction, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        """How many accounts and numbers are in each state, by (`accounts` or `numbers`, state)."""
        rows = self.counts.at(connection, as_of, known_at, by=("kind", "state"))
        return {(kind, state): int(count) for kind, state, count, _ in rows if count}
