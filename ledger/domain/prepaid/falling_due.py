"""What falls due on a prepaid account: its periods and its reservations end, each at its exact boundary instant.

At one instant: releases (by expiry, then id), forfeiture, transition.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.prepaid.account import ACTIVE, GRACE, INACTIVE, WAITING, PrepaidAccount
from ledger.domain.prepaid.events import Deactivated, GraceStarted, StarterPackExpired, WaitingStarted
from ledger.domain.prepaid.forfeiture import forfeited
from ledger.domain.prepaid.reservations import by_expiry, released
from ledger.domain.prepaid.terms import PrepaidTerms


def next_due(account: PrepaidAccount) -> int:
    """The next instant at which time alone changes the account; NEVER where nothing will."""
    state = account.state
    if state == ACTIVE:
        due = _or_never(account.active_until)
        for reservation in account.reservations.values():
            due = min(due, reservation.expires_at)
        return due
    if state == INACTIVE:
        return account.expires_at
    if state == GRACE:
        return _or_never(account.grace_until)
    if state == WAITING:
        return _or_never(account.waiting_until)
    return NEVER


def falls_due(account: PrepaidAccount, at: int, terms: PrepaidTerms) -> Iterator[Draft]:
    """What happens at the instant that is due."""
    if account.state == ACTIVE:
        ends = account.active_until is not None and account.active_until <= at
        for name, held in by_expiry(account):
            if held.expires_at <= at:
                yield released(account, name, "expired")
            elif ends:
                yield released(account, name, "grace")
        if ends:
            end = terms.zone.plus_days(at, terms.grace.days)
            yield Draft(GraceStarted, terms.grace.clause, [], {"grace_until": end})
    elif account.state == INACTIVE:
        clause = terms.starter_pack.expiry_clause or terms.starter_pack.clause
        yield Draft(StarterPackExpired, clause, [], {"printed_credit": account.printed_credit})
    elif account.state == GRACE:
        yield from _start_waiting(account, at, terms)
    else:
        clause = terms.clauses.deactivation
        yield from forfeited(account, "deactivated", clause)
        yield Draft(Deactivated, clause, [], {})


def _start_waiting(account: PrepaidAccount, at: int, terms: PrepaidTerms) -> Iterator[Draft]:
    """Waiting begins, and with it credit is lost where the terms say so (XP25-16); else a top-up loses it (SP23-20)."""
    rule = terms.forfeiture
    if rule.at == "waiting-start":
        yield from forfeited(account, "waiting-started", rule.clause)
    end = terms.zone.plus_days(at, terms.waiting.days)
    yield Draft(WaitingStarted, terms.waiting.clause, [], {"waiting_until": end, "forfeiture": rule.at})


def _or_never(instant: int | None) -> int:
    return NEVER if instant is None else instant
