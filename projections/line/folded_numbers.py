"""A number folded event by event, with what changes by each: its accounts' states, its own, and when it falls due."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.events import Event, make
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.line.line import Line
from ledger.domain.terms_book import TermsBook

TIMELESS = frozenset(kind.TOPIC for kind in EVENT_TYPES.values() if kind.TIMELESS)
"""Events that move money and count use, and change nothing else: of these no more than the sums is needed."""


class Transition(NamedTuple):
    """An account entered a state, or a number did (then `subject` is the number)."""

    subject: str
    before: str | None
    after: str


class Due(NamedTuple):
    """As known from `since` on (until the next one), the number falls due at `due_at`."""

    since: int
    due_at: int


class Tracked:
    """A line, and what it was like before the event taken last."""

    __slots__ = ("due", "line")

    def __init__(self, msisdn: str, book: TermsBook) -> None:
        self.line = Line(msisdn, book)
        self.due = Due(-NEVER, NEVER)

    def take(self, event: Event) -> tuple[list[Transition], list[tuple[Due, int]]]:
        """Takes an event; its transitions, and the dues to write with the instant that each is known until."""
        line = self.line
        had_account, of_number = line.account is not None, line.number_state
        before = line.at_hand(event.account)
        state = None if before is None else before.state
        line.take(event)
        changed: list[Transition] = []
        account = line.at_hand(event.account)
        if account is not None and account.state != state:
            changed.append(Transition(account.id, state, account.state))
        if line.account is not None and (not had_account or line.number_state != of_number):
            changed.append(Transition(line.msisdn, of_number if had_account else None, line.number_state))
        return changed, self._dues(event.recorded_at)

    def _dues(self, recorded_at: int) -> list[tuple[Due, int]]:
        due_at, due = self.line.due_at, self.due
        if due_at == due.due_at:
            return []
        self.due = Due(recorded_at, due_at)
        written = [(self.due, NEVER)]
        if due.since not in {recorded_at, -NEVER}:
            written.insert(0, (due, recorded_at))
        return written


_BODY: Any = msgspec.msgpack.Encoder()


def body_of(event: Event) -> bytes:
    """An event's own fields and header, to make it again from."""
    return _BODY.encode(event.__dict__)  # type: ignore[no-any-return]


def event_of(topic: str, body: bytes) -> Event:
    """The event again."""
    return make(EVENT_TYPES[topic], msgspec.msgpack.decode(body))
