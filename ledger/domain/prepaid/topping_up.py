"""Topping up: credit is sold, and its denomination moves the end of the active period; and a top-up taken back."""

from __future__ import annotations

from ledger.domain.approval import must_be_another
from ledger.domain.line.account import must_leave_room
from ledger.domain.line.line import Line
from ledger.domain.money import CASH, CREDIT_ISSUED, CREDIT_SALES, IDR, PULSA, format_amount, transfer
from ledger.domain.prepaid.account import ACTIVE, WAITING, PrepaidAccount
from ledger.domain.prepaid.commands import ReverseTopUp, TopUp
from ledger.domain.prepaid.credit import must_stay_countable
from ledger.domain.prepaid.events import CreditToppedUp, ServiceRestored, TopUpReversed
from ledger.domain.prepaid.forfeiture import forfeit_when_restored
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.prepaid.validity import end_after
from ledger.domain.refusals import AlreadyReversed, BelowMinimum, TooLate, UnknownTopUp


def top_up(line: Line, account: PrepaidAccount, command: TopUp) -> None:
    """Sells credit. In waiting it restores service, and what was left is lost first if the terms say so (SP23-20)."""
    terms, at = line.book.of(PrepaidTerms, account.terms), line.cause.at
    days = terms.days_of(command.credit)
    if terms.top_up.denominations and days is None:
        smallest = format_amount(terms.top_up.denominations[0].credit)
        raise BelowMinimum(f"the smallest denomination is {smallest}")
    waiting = account.state == WAITING
    if waiting and command.credit < terms.waiting.minimum:
        raise BelowMinimum(f"in the waiting period at least {format_amount(terms.waiting.minimum)}")
    must_stay_countable(account, command.credit)
    must_leave_room((), lately=account.reversible(at, terms), so="top-ups may still be reversed")
    cap_days = terms.cap_days(at)
    active_until = new_end(account, terms, at, days, cap_days)
    if waiting:
        forfeit_when_restored(line, account)
    line.emit(
        CreditToppedUp,
        clause=terms.top_up.clause,
        postings=transfer(PULSA, CREDIT_ISSUED, account.credit_name, command.credit)
        + transfer(IDR, CREDIT_SALES, CASH, command.price),
        credit=command.credit,
        price=command.price,
        channel=command.channel,
        days=days,
        extension=None if days is None else terms.top_up.extension,
        cap_days=cap_days,
        active_until=active_until,
    )
    if waiting:
        line.emit(ServiceRestored, clause=terms.clauses.restoration, active_until=active_until)


def new_end(
    account: PrepaidAccount, terms: PrepaidTerms, at: int, days: int | None, cap_days: int | None
) -> int | None:
    """The end of validity after a grant of days: past by now in grace and waiting, where no period runs."""
    return end_after(
        terms.zone,
        end=account.active_until,
        granted_at=at,
        days=days,
        rule=terms.top_up.extension,
        cap_days=cap_days,
    )


def reverse_top_up(line: Line, account: PrepaidAccount, command: ReverseTopUp) -> None:
    """Takes back what is still there of a top-up, once; the active period ends as if it had never been."""
    terms, at = line.book.of(PrepaidTerms, account.terms), line.cause.at
    must_be_another(command.approved_by, command.actor)
    grant = next(
        (g for g in account.grants if g.command_id == command.reverses and g.recoverable is not None), None
    )
    if grant is None:
        if line.claimed(account.id, "top-up", command.reverses):
            raise TooLate(f"within {terms.reversal_days} days")
        raise UnknownTopUp(command.reverses)
    if grant.at < account.reversed_from(at, terms):
        raise TooLate(f"within {terms.reversal_days} days")
    if grant.reversed:
        raise AlreadyReversed
    credit = grant.credit
    taken = min(grant.recoverable or 0, account.available)
    active_until = account.active_until
    if account.state == ACTIVE:
        end = account.end_without(command.reverses)
        active_until = None if end is None else max(end, at)
    line.emit(
        TopUpReversed,
        clause=terms.top_up.clause,
        postings=transfer(PULSA, account.credit_name, CREDIT_ISSUED, taken),
        reverses=command.reverses,
        reason=command.reason,
        approved_by=command.approved_by,
        taken=taken,
        not_taken=credit - taken,
        active_until=active_until,
    )
