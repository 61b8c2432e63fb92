"""Mandates to debit: set with notice, changed at their day; the bank is asked for what is open (SE23-11, SE23-31)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ledger.domain.calendar import NEVER, day_number, day_of_number, format_day
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.commands import RemoveAutoDebit, SetAutoDebit
from ledger.domain.postpaid.events import (
    AutoDebitChanged,
    AutoDebitRemoved,
    AutoDebitRequested,
    AutoDebitSet,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import NotEligible, TooLate, TooSoon


def set_auto_debit(line: Line, account: PostpaidAccount, command: SetAutoDebit) -> None:
    """A first mandate and the operator's own change need no notice; a past day is too late, today is at once."""
    terms, at = line.book.of(PostpaidTerms, account.terms), line.cause.at
    rule, today = terms.auto_debit, terms.zone.day(at)
    if command.effective_on < day_number(today):
        raise TooLate("the day has passed")
    has_one = account.mandate is not None or account.coming_mandate is not None
    first = day_number(today + timedelta(days=rule.notice_days))
    if command.initiated_by == "customer" and has_one and command.effective_on < first:
        raise TooSoon(f"from {format_day(first)} on")
    begins = terms.zone.midnight(day_of_number(command.effective_on))
    line.emit(
        AutoDebitSet,
        clause=rule.clause,
        mandate=command.mandate,
        takes_effect_at=max(begins, at),
        initiated_by=command.initiated_by,
    )


def remove_auto_debit(line: Line, account: PostpaidAccount, command: RemoveAutoDebit) -> None:
    """No mandate holds any more, nor comes."""
    mandate = account.coming_mandate or account.mandate
    if mandate is None:
        raise NotEligible("there is no mandate")
    clause = line.book.of(PostpaidTerms, account.terms).auto_debit.clause
    line.emit(AutoDebitRemoved, clause=clause, mandate=mandate)


# --- by time --------------------------------------------------------------------------------------------------------


def next_debit(account: PostpaidAccount) -> int:
    """When another mandate begins to hold, or the bank is asked for a bill that is open."""
    due = account.coming_from if account.coming_mandate is not None else NEVER
    if account.mandate is not None or due < NEVER:
        for bill in account.bills.values():
            if account.seen_until < bill.debit_at and (account.mandate is not None or due <= bill.debit_at):
                due = min(due, bill.debit_at)
    return due


def mandate_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The mandate that was set before holds from now on."""
    if account.coming_mandate is not None and account.coming_from == at:
        yield Draft(AutoDebitChanged, terms.auto_debit.clause, [], {"mandate": account.coming_mandate})


def debits_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The bank is asked to debit what is open."""
    if account.mandate is None:
        return
    for bill in account.open_bills():
        if bill.debit_at == at:
            own = {"bill": bill.id, "mandate": account.mandate, "amount": bill.open}
            yield Draft(AutoDebitRequested, terms.auto_debit.clause, [], own, bill.id)


# --- what it changes ------------------------------------------------------------------------------------------------


def _set(account: PostpaidAccount, event: AutoDebitSet, _: PostpaidTerms) -> None:
    if event.takes_effect_at <= event.recorded_at:
        account.mandate = event.mandate
        account.coming_mandate, account.coming_from = None, NEVER
    else:
        account.coming_mandate, account.coming_from = event.mandate, event.takes_effect_at


def _changed(account: PostpaidAccount, event: AutoDebitChanged, _: PostpaidTerms) -> None:
    account.mandate = event.mandate
    account.coming_mandate, account.coming_from = None, NEVER


def _removed(account: PostpaidAccount, _: AutoDebitRemoved, __: PostpaidTerms) -> None:
    account.mandate = account.coming_mandate = None
    account.coming_from = NEVER


def _asked(account: PostpaidAccount, event: AutoDebitRequested, _: PostpaidTerms) -> None:
    bill = account.bill(event.bill)
    if bill is not None:
        bill.debit_at = NEVER
        account.keep(bill)


CHANGES: ChangesByEvent = {
    AutoDebitSet: _set,
    AutoDebitChanged: _changed,
    AutoDebitRemoved: _removed,
    AutoDebitRequested: _asked,
}
