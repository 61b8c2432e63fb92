"""What falls due on a postpaid account, in the order that the language gives what happens at one instant."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.postpaid.account import SETTLED, PostpaidAccount
from ledger.domain.postpaid.billing import bill_at, next_bill
from ledger.domain.postpaid.breath import after_money, may_follow
from ledger.domain.postpaid.changing_plan import next_change, plan_changes_at
from ledger.domain.postpaid.debiting import debits_at, mandate_at, next_debit
from ledger.domain.postpaid.dunning import next_step, steps_at
from ledger.domain.postpaid.overdue import fines_at, next_fine, next_overdue, overdue_at
from ledger.domain.postpaid.probation import next_probation_end, probation_end_at
from ledger.domain.postpaid.refunding import forfeited_at, next_forfeiture
from ledger.domain.postpaid.settling import next_settling, settled_at
from ledger.domain.postpaid.terms import PostpaidTerms


def next_instant(account: PostpaidAccount, terms: PostpaidTerms) -> int:
    """The next instant at which time alone changes the account; NEVER where nothing will."""
    if account.state == SETTLED:
        return NEVER
    runs = account.runs
    due = account.next_bill_at if runs else next_bill(account, terms)
    if runs:
        if account.contract_until is not None or account.asked_plan is not None:
            due = min(due, next_change(account))
        if account.probation_until is not None:
            due = min(due, next_probation_end(account))
    if account.coming_mandate is not None or account.mandate is not None:
        due = min(due, next_debit(account))
    if account.bills:
        due = min(due, next_overdue(account), next_step(account))
        due = next_fine(account, terms, due)
    if not runs:
        due = min(due, next_settling(account, terms), next_forfeiture(account))
    under_way = account.under_way
    if under_way is not None and under_way < due and not _is_over(account, under_way):
        return under_way if any(in_order(account, under_way, terms)) else due
    return due


def _is_over(account: PostpaidAccount, under_way: int) -> bool:
    """Whether nothing more can happen at an instant, as far as that is seen at once.

    What is due later says that no bill, end, step or change is due then; this asks what it leaves out.
    """
    return (
        account.runs
        and account.seen_until == under_way
        and account.mandate is None
        and account.coming_mandate is None
        and under_way not in account.due_ends
        and not may_follow(account)
    )


def _is_due(account: PostpaidAccount, at: int) -> bool:
    """Whether anything of a bill may happen: it is debited, falls due, is due already, or has a step."""
    has_mandate = account.mandate is not None
    for bill in account.bills.values():
        if bill.due_until <= at or (bill.steps and bill.steps[0].at <= at):
            return True
        if has_mandate and bill.debit_at == at:
            return True
    return False


def in_order(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """What happens at an instant, each applied before the next is asked for.

    What an account has nothing for is not asked: a run of bills comes by here three times a bill.
    """
    if account.coming_mandate is not None:
        yield from mandate_at(account, at, terms)
    if account.probation_until is not None:
        yield from probation_end_at(account, at, terms)
    yield from bill_at(account, at, terms)
    if may_follow(account):
        yield from after_money(account, at, terms)
    if account.contract_until == at or account.asked_plan is not None:
        yield from plan_changes_at(account, at, terms)
    if _is_due(account, at):
        yield from debits_at(account, at, terms)
        yield from overdue_at(account, at, terms)
        yield from fines_at(account, at, terms)
        yield from steps_at(account, at, terms)
    if may_follow(account):
        yield from after_money(account, at, terms)
    if not account.runs:
        yield from forfeited_at(account, at, terms)
        yield from settled_at(account, at, terms)
