"""Deposits: what is held, and what became of the rest; until when it may be asked back, and by when it has to be paid.

No money hangs on the due day of a refund: it is reckoned here, in working days (SE23-18).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from ledger.domain.calendar import Day, Instant, day_of_number
from ledger.domain.line.events import Terminated
from ledger.domain.money import Sen
from ledger.domain.postpaid.events import UnsubscribeRequested
from ledger.domain.postpaid.events_of_payments import (
    DepositApplied,
    DepositForfeited,
    DepositReceived,
    DepositRefunded,
    DepositRefundReady,
    DepositRefundRequested,
    LegalHoldLifted,
    LegalHoldSet,
)
from ledger.domain.postpaid.refunding import window_end
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.line.asked_number import AskedNumber, accounts
from projections.postpaid.facts import Fact, Facts, Known, Says, known_of
from projections.postpaid.working_days import DayLeftOut, due_of_refund

RECEIVED, APPLIED, REFUNDED, BANK_COST = "received", "applied", "refunded", "bank-cost"
FORFEITED, REFUNDABLE, REQUESTED, READY = "forfeited", "refundable", "requested", "ready"
HOLD_SET, HOLD_LIFTED = "hold-set", "hold-lifted"


def _received(event: DepositReceived, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.deposit, RECEIVED, event.amount, None, event.payer)


def _applied(event: DepositApplied, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", APPLIED, event.amount)


def _unsubscribed(event: UnsubscribeRequested, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", REFUNDABLE, 0, event.refund_until)


def _ended(event: Terminated, book: TermsBook) -> Iterator[Fact]:
    terms = None if event.terms is None else book[event.terms]
    if isinstance(terms, PostpaidTerms):
        yield Fact("", REFUNDABLE, 0, window_end(terms, event.effective_at))


def _requested(event: DepositRefundRequested, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", REQUESTED, 0, event.window_until)


def _ready(event: DepositRefundReady, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", READY, 0, event.ready_since, None, event.terms)


def _refunded(event: DepositRefunded, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", REFUNDED, event.amount - event.bank_cost, None, event.payee)
    yield Fact("", BANK_COST, event.bank_cost)


def _forfeited(event: DepositForfeited, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", FORFEITED, event.amount)


def _hold_set(event: LegalHoldSet, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", HOLD_SET, 0, None, event.reference)


def _hold_lifted(event: LegalHoldLifted, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", HOLD_LIFTED, 0, None, event.reference)


class Deposits(Facts):
    """What became of deposits, and what a refund waits for."""

    name = "deposits"
    SAYS: ClassVar[Says] = {
        DepositReceived: _received,
        DepositApplied: _applied,
        UnsubscribeRequested: _unsubscribed,
        Terminated: _ended,
        DepositRefundRequested: _requested,
        DepositRefundReady: _ready,
        DepositRefunded: _refunded,
        DepositForfeited: _forfeited,
        LegalHoldSet: _hold_set,
        LegalHoldLifted: _hold_lifted,
    }
    one_by_one = frozenset(kind.TOPIC for kind in SAYS)


# --- the question ---------------------------------------------------------------------------------------------------


class DepositSummary(NamedTuple):
    """An account's deposit, in sen: received = applied + refunded + bank_cost + forfeited + held.

    `refundable_until` is when the window to ask for it ends, `due_on` the last working day to pay it back, and
    `breached` whether that went by unpaid; the days that are no working days until then are `left_out`.
    """

    account: str
    deposits: list[str]
    received: Sen
    applied: Sen
    refunded: Sen
    bank_cost: Sen
    forfeited: Sen
    held: Sen
    refundable_until: Instant | None
    requested_at: Instant | None
    ready_since: Instant | None
    due_on: Day | None
    left_out: list[DayLeftOut]
    breached: bool
    legal_hold: bool


def deposits(then: Snapshot, asked: AskedNumber | None) -> Listed[DepositSummary]:
    """The deposits of a number's accounts, or of the one named; or of every account. Raises UnknownThen."""
    if asked is None:
        moment, position = then.whole()
        found = known_of(then, Deposits, None, then.unrecorded())
    else:
        ids = accounts(then, asked)
        moment, position = then.of_number(asked.msisdn)
        found = known_of(then, Deposits, ids, then.unrecorded(asked.msisdn))
    rows = [row for account, known in sorted(found.items()) if (row := _summary(then, account, known))]
    return Listed(DepositSummary, rows, *moment, position)


def _summary(then: Snapshot, account: str, known: list[Known]) -> DepositSummary | None:
    """An account's deposit; None where none came in."""
    sums = dict.fromkeys((RECEIVED, APPLIED, REFUNDED, BANK_COST, FORFEITED), 0)
    first: dict[str, Known] = {}
    holds = 0
    for one in known:
        what = one.fact.what
        sums[what] = sums.get(what, 0) + one.fact.amount
        first.setdefault(what, one)
        holds += (what == HOLD_SET) - (what == HOLD_LIFTED)
    if RECEIVED not in first:
        return None
    due_on: int | None = None
    left_out: list[DayLeftOut] = []
    breached = False
    ready = first.get(READY)
    if ready is not None and ready.fact.until is not None and ready.fact.terms is not None:
        terms = then.book.of(PostpaidTerms, ready.fact.terms)
        zone = then.zone or terms.zone
        due_on, left_out = due_of_refund(ready.fact.until, terms, zone)
        paid = first.get(REFUNDED)
        breached = zone.last_instant(day_of_number(due_on)) < (then.as_of if paid is None else paid.since)
    return DepositSummary(
        account=account,
        deposits=[one.fact.subject for one in known if one.fact.what == RECEIVED],
        received=sums[RECEIVED],
        applied=sums[APPLIED],
        refunded=sums[REFUNDED],
        bank_cost=sums[BANK_COST],
        forfeited=sums[FORFEITED],
        held=sums[RECEIVED] - sum(sums[name] for name in (APPLIED, REFUNDED, BANK_COST, FORFEITED)),
        refundable_until=_until(first.get(REFUNDABLE)),
        requested_at=first[REQUESTED].since if REQUESTED in first else None,
        ready_since=_until(ready),
        due_on=due_on,
        left_out=left_out,
        breached=breached,
        legal_hold=holds > 0,
    )


def _until(known: Known | None) -> int | None:
    return None if known is None else known.fact.until
