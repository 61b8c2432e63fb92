"""The states of a number's accounts over time: each from when to when, and what caused it."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.kinds import is_account, subject_of
from projections.asking.as_of import Moment, View
from projections.prepaid.folded_numbers import Tracked


class Span(NamedTuple):
    """A state from `since` to `until` (None: it lasts); `recorded` is False for one that fell due unrecorded."""

    account: str
    state: str
    since: int
    until: int | None
    cause: str
    clause: str | None
    terms: str | None
    recorded: bool


def timeline(view: View, subject: str, moment: Moment) -> list[Span]:
    """The states of every account of a number, or of the one named, in order; none where it is not known."""
    msisdn, one_account = subject_of(subject), is_account(subject)
    as_of, known_at, _ = moment
    lifecycles, connection = view.lifecycles, view.connection
    starts: list[Span] = []
    tracked = Tracked(msisdn, view.book)
    for _, _, _, event in lifecycles.events_of(connection, [msisdn], as_of, known_at):
        tracked.take(event)
    for account in lifecycles.accounts_of(connection, msisdn, as_of, known_at):
        starts += [
            Span(account, s.state, s.effective_at, None, s.cause, s.clause, s.terms, recorded=True)
            for s in lifecycles.states_of(connection, account, as_of, known_at)
        ]
    if lifecycles.is_due(connection, msisdn, as_of, known_at):
        for folded in view.fold([msisdn], moment):
            for event in folded.due:
                for changed in tracked.take(event)[0]:
                    if changed.subject != msisdn:
                        own = (
                            changed.after,
                            event.effective_at,
                            None,
                            event.TOPIC,
                            event.clause,
                            event.terms,
                        )
                        starts.append(Span(changed.subject, *own, recorded=False))
    return [
        one._replace(until=later.since) if later is not None and later.account == one.account else one
        for one, later in zip(starts, [*starts, None][1:], strict=True)
        if not one_account or one.account == subject
    ]
