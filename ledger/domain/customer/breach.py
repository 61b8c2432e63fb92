"""A breach of personal data as a subject: recorded, told to authority and persons by a limit, or overdue.

It names no person. Whose data they were the scope says: a query that gives the same persons again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_breaches import NotifyBreach, RecordBreach
from ledger.domain.customer.events_of_breaches import BreachNotified, BreachRecorded, NoticeOverdue
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.customer.refusals_of_persons import NoPurpose, UnknownBreach
from ledger.domain.events import Event
from ledger.domain.refusals import InTheFuture, NotEligible, Repeated
from ledger.domain.subject import NOTHING, Cause, State, Streams, Subject, fell_due, make_event
from ledger.domain.terms_book import TermsBook

PREFIX_OF_BREACHES = "breach/"
"""How the ids of breaches begin."""
NOTIFIED = ("authority", "persons")
"""Who has to be told of a breach."""


class BreachState(msgspec.Struct):
    """What a breach's events add up to."""

    id: str
    version: int = 0
    recorded_at: int = -NEVER
    terms: str = ""
    """The privacy policy; empty: nothing is recorded."""
    limit_at: int = NEVER
    told: list[str] = []
    """Who was told."""
    overdue: bool = False

    def apply(self, event: Event) -> None:
        """Takes an event in."""
        self.version = event.version
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if isinstance(event, BreachRecorded):
            self.terms, self.limit_at = event.terms or "", event.limit_at
        elif isinstance(event, BreachNotified):
            self.told.append(event.to)
        elif isinstance(event, NoticeOverdue):
            self.overdue = True

    @property
    def untold(self) -> list[str]:
        """Who was not told yet."""
        return [one for one in NOTIFIED if one not in self.told]

    @property
    def due_at(self) -> int:
        """When the limit passes, where somebody was not told."""
        return self.limit_at if self.untold and not self.overdue else NEVER


class Breach(Subject):
    """A breach of personal data."""

    __slots__ = ("_events", "_state", "book")

    def __init__(self, state: BreachState, book: TermsBook) -> None:
        self._state, self.book = state, book
        self._events: list[Event] = []
        self.cause = NOTHING
        self.recorded_at = state.recorded_at

    @property
    def id(self) -> str:
        """`breach/<id>`."""
        return self._state.id

    @property
    def due_at(self) -> int:
        """When the limit passes, where somebody was not told."""
        return self._state.due_at

    @property
    def state(self) -> BreachState:
        """What its events add up to."""
        return self._state

    def advance(self, until: int) -> None:
        """The limit may have passed."""
        at = self.due_at
        if at <= until:
            cause = fell_due(self.id, NoticeOverdue, at, self.cause.at)
            own = {"to": self._state.untold}
            self._record(cause, NoticeOverdue, own, effective_at=at, terms=self._state.terms)

    def take(self, event: Event) -> None:
        """Applies an event that the log holds."""
        self._state.apply(event)
        self.recorded_at = self._state.recorded_at

    def emit(
        self,
        event_type: type[Event],
        *,
        terms: str,
        clause: str | None = None,
        **own: Any,  # noqa: ANN401 - the type's own fields
    ) -> None:
        """Records an event for the command at hand."""
        self._record(self.cause, event_type, own, terms=terms, clause=clause)

    def _record(
        self,
        cause: Cause,
        event_type: type[Event],
        own: dict[str, Any],
        **header: Any,  # noqa: ANN401 - as `make_event` takes it
    ) -> None:
        event = make_event(event_type, self.id, self._state.version + 1, cause, own, **header)
        self._events.append(event)
        self.take(event)

    def collect(self) -> list[Event]:
        """What was emitted since last asked, in order."""
        events, self._events = self._events, []
        return events

    def copy(self) -> Breach:
        """The breach as it stands."""
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self._state), type=BreachState)
        return Breach(state, self.book)

    def states(self) -> list[State]:
        """What snapshots are kept of."""
        return [self._state]

    def state_of(self, stream: str) -> State | None:
        """What its stream adds up to."""
        return self._state if stream == self.id else None


def breach_in(streams: Streams, id_: str, book: TermsBook) -> Breach:
    """A breach as the log has it; it need not have been seen before."""
    state = streams.state(id_, lambda first: BreachState(first.account), BreachState.apply)
    return Breach(state or BreachState(id_), book)


def decide_of_breaches(breach: Breach, command: Command) -> None:
    """What is said of it. Raises a Refusal."""
    if isinstance(command, RecordBreach):
        _record(breach, command)
    elif isinstance(command, NotifyBreach):
        _notify(breach, command)


def _record(breach: Breach, command: RecordBreach) -> None:
    if breach.state.terms:
        raise Repeated
    rules = breach.book[command.terms]
    if not isinstance(rules, PrivacyTerms):
        raise NotEligible(f"not under terms that are {rules.product}")
    if command.discovered_at > breach.cause.at:
        raise InTheFuture("discovered_at")
    if not command.fields:
        raise NotEligible("no field is named")
    if lost := [one for one in command.fields if one not in rules.class_of]:
        raise NoPurpose(lost[0])
    breach.emit(
        BreachRecorded,
        terms=rules.id,
        clause=rules.breach.clause,
        discovered_at=command.discovered_at,
        scope=command.scope,
        fields=command.fields,
        persons=command.persons,
        limit_at=command.discovered_at + rules.breach_limit,
    )


def _notify(breach: Breach, command: NotifyBreach) -> None:
    state = breach.state
    if not state.terms:
        raise UnknownBreach
    if command.to in state.told:
        raise Repeated
    clause = breach.book.of(PrivacyTerms, state.terms).breach.clause
    breach.emit(BreachNotified, terms=state.terms, clause=clause, to=command.to, reference=command.reference)
