"""A breach of personal data as a subject: recorded, told to authority and persons by a limit, or overdue.

It names no person. Whose data they were the scope says: a query that gives the same persons again.
"""

from __future__ import annotations

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_breaches import NotifyBreach, RecordBreach
from ledger.domain.customer.events_of_breaches import BreachNotified, BreachRecorded, NoticeOverdue
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.customer.refusals_of_persons import NoPurpose, UnknownBreach
from ledger.domain.events import Event
from ledger.domain.one_stream import OneStream, state_in
from ledger.domain.refusals import InTheFuture, NotEligible, Repeated
from ledger.domain.subject import Streams
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


class Breach(OneStream[BreachState]):
    """A breach of personal data, `breach/<id>`."""

    __slots__ = ("book",)

    def __init__(self, state: BreachState, book: TermsBook) -> None:
        super().__init__(state)
        self.book = book

    @property
    def due_at(self) -> int:
        """When the limit passes, where somebody was not told."""
        return self._state.due_at

    def advance(self, until: int) -> None:
        """The limit may have passed."""
        if (at := self.due_at) <= until:
            self.emit(NoticeOverdue, due_at=at, terms=self._state.terms, to=self._state.untold)


def breach_in(streams: Streams, id_: str, book: TermsBook) -> Breach:
    """A breach as the log has it; it need not have been seen before."""
    return Breach(state_in(streams, id_, BreachState), book)


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
