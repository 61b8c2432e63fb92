"""The states of a number's accounts over time: each from when to when, and what caused it."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.calendar import Instant
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.line.asked_number import AskedNumber, accounts
from projections.line.folded_numbers import Tracked
from projections.line.lifecycles import Lifecycles


class Span(NamedTuple):
    """A state from `since` to `until` (None: it lasts); `recorded` is False for one that fell due unrecorded."""

    account: str
    state: str
    since: Instant
    until: Instant | None
    cause: str
    clause: str | None
    terms: str | None
    recorded: bool


def timeline(then: Snapshot, asked: AskedNumber) -> Listed[Span]:
    """The states of every account of a number, or of the one named, in order. Raises UnknownThen."""
    accounts(then, asked)
    moment, position = then.of_number(asked.msisdn)
    lifecycles, connection, known = then.of(Lifecycles), then.connection, (then.as_of, then.known_at)
    starts: list[Span] = []
    tracked = Tracked(asked.msisdn, then.book)
    for _, _, _, event in lifecycles.events_of(connection, [asked.msisdn], *known):
        tracked.take(event)
    for account in then.accounts_of(asked.msisdn):
        starts += [
            Span(account, s.state, s.effective_at, None, s.cause, s.clause, s.terms, recorded=True)
            for s in lifecycles.states_of(connection, account, *known)
        ]
    for event in then.unrecorded(asked.msisdn):
        for changed in tracked.take(event)[0]:
            if changed.subject != asked.msisdn:
                own = (changed.after, event.effective_at, None, event.TOPIC, event.clause, event.terms)
                starts.append(Span(changed.subject, *own, recorded=False))
    spans = [
        one._replace(until=later.since) if later is not None and later.account == one.account else one
        for one, later in zip(starts, [*starts, None][1:], strict=True)
        if asked.account in (None, one.account)
    ]
    return Listed(Span, spans, *moment, position)
