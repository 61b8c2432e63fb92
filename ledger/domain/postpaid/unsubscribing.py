"""The customer ends the contract: in person, long after roaming, with nothing left to pay (SE23-20, SE23-21)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import day_number, format_day
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.blocking import ground_of
from ledger.domain.line.commands import Terminate
from ledger.domain.line.events import Terminated
from ledger.domain.line.line import Line
from ledger.domain.line.product import CONSENT_WITHDRAWN, ended_for_holder
from ledger.domain.money import format_amount
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.breath import after_money
from ledger.domain.postpaid.commands import RequestUnsubscribe
from ledger.domain.postpaid.events import UnsubscribeRequested
from ledger.domain.postpaid.leaving import Closing, before_end, closing_amount
from ledger.domain.postpaid.refunding import window_end
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import GalleryRequired, Outstanding, RoamingActive, TooSoon

UNSUBSCRIBED = "unsubscribed"
"""The ground of an end that the customer asked for."""


def request_unsubscribe(line: Line, account: PostpaidAccount, command: RequestUnsubscribe) -> None:
    """Penalty, final bill, what is held set against it, and the end, all at once."""
    terms, at = line.book.of(PostpaidTerms, account.terms), line.cause.at
    if command.channel not in terms.unsubscribe.channels:
        raise GalleryRequired(", ".join(terms.unsubscribe.channels))
    if account.roaming and terms.roaming.leave_days:
        raise RoamingActive
    if at < account.leave_at:
        raise TooSoon(f"from {format_day(day_number(terms.zone.day(account.leave_at)))} on")
    closing = closing_amount(account, at, terms)
    if closing.amount > 0:
        raise Outstanding(told(closing))
    line.emit(
        UnsubscribeRequested,
        clause=terms.unsubscribe.clause,
        channel=command.channel,
        refund_until=window_end(terms, at),
    )
    line.emit_each(before_end(account, at, terms, by_customer=True))
    line.emit_each(after_money(account, at, terms))
    line.emit(
        Terminated,
        clause=terms.unsubscribe.clause,
        ground=UNSUBSCRIBED,
        reference=None,
        since=None,
        basis=None,
    )
    line.emit_each(after_money(account, at, terms))


def ended_for_withdrawal(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The same without the gallery, whatever is owed: the customer has withdrawn consent to processing (PM-05)."""
    refund = {"channel": CONSENT_WITHDRAWN, "refund_until": window_end(terms, at)}
    yield Draft(UnsubscribeRequested, terms.unsubscribe.clause, [], refund)
    yield from before_end(account, at, terms, by_customer=True)
    yield from after_money(account, at, terms)
    yield ended_for_holder(terms.unsubscribe.clause)
    yield from after_money(account, at, terms)


def terminate(line: Line, account: PostpaidAccount, command: Terminate) -> None:
    """The operator's end, on a ground of the terms, whatever is owed."""
    terms, at = line.book.of(PostpaidTerms, account.terms), line.cause.at
    ground = ground_of(line, command)
    line.emit_each(before_end(account, at, terms))
    line.emit_each(after_money(account, at, terms))
    line.emit(
        Terminated,
        clause=ground.clause or terms.clauses.termination,
        ground=command.ground,
        reference=command.reference,
        since=command.since,
        basis=command.basis,
    )


def told(closing: Closing) -> str:
    """The closing amount for a person, each part that is not nothing by name."""
    parts = [
        f"{name.replace('_', ' ')} {format_amount(amount)}"
        for name, amount in closing._asdict().items()
        if amount
    ]
    return f"{format_amount(closing.amount)}: {', '.join(parts)}"


def _unsubscribe_requested(account: PostpaidAccount, event: UnsubscribeRequested, _: PostpaidTerms) -> None:
    account.refund_until = event.refund_until


CHANGES: ChangesByEvent = {UnsubscribeRequested: _unsubscribe_requested}
