"""Bills that fall due: overdue if anything is open, and a late fine on every overdue bill (SE23-08, SE23-10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.money import IDR, revenue, transfer
from ledger.domain.postpaid.account import Bill, Fine, PostpaidAccount, in_their_order
from ledger.domain.postpaid.billing_cycle import rounded
from ledger.domain.postpaid.events_of_bills import BillOverdue, LateFineCharged, OverdueCleared
from ledger.domain.postpaid.terms import PostpaidTerms


def next_overdue(account: PostpaidAccount) -> int:
    """The next due end of a bill with something open; one that is past is told of by what opened the bill again."""
    first = account.seen_until + (account.under_way is None)
    due = NEVER
    for bill in account.bills.values():
        if first <= bill.due_until < due and not bill.overdue:
            due = bill.due_until
    return due


def next_fine(account: PostpaidAccount, terms: PostpaidTerms, before: int = NEVER) -> int:
    """The next due end, of any bill, at which a bill that is open gets a fine; `before` where none is before it."""
    if terms.late_fine is None or not account.bills:
        return before
    due, times = before, terms.late_fine.times
    for at in account.due_ends:
        if account.seen_until < at < due and any(
            _gets_one(bill, at, times) for bill in account.bills.values()
        ):
            due = at
    return due


def overdue_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """Bills that are overdue from now on, the oldest first."""
    due = [bill for bill in account.bills.values() if bill.due_until == at and not bill.overdue]
    for bill in in_their_order(due):
        yield overdue(account, bill, terms)


def cleared(account: PostpaidAccount) -> Iterator[Draft]:
    """Bills of which the customer was told that they are overdue, and that are closed (SE23-19)."""
    for bill, customer in list(account.told.items()):
        if bill not in account.bills:
            yield Draft(OverdueCleared, None, [], {"bill": bill, "customer": customer}, bill)


def overdue(account: PostpaidAccount, bill: Bill, terms: PostpaidTerms) -> Draft:
    """A bill is overdue: that of whoever held the number when it was issued, also where it has passed on since."""
    customer = next((who for until, who in account.held_before if bill.issued_at <= until), account.holder)
    own: dict[str, Any] = {
        "bill": bill.id,
        "customer": customer or "",
        "total": bill.total,
        "open": bill.open,
        "due_until": bill.due_until,
        "others_blocked_at": None,
        "others_scope": None,
        "others_ground": None,
    }
    rule = terms.block_other_numbers
    if rule is not None and customer:
        own["others_blocked_at"] = terms.zone.plus_days(bill.due_until, rule.after_days)
        own["others_scope"], own["others_ground"] = rule.scope, rule.ground
    return Draft(BillOverdue, terms.due.clause, [], own, bill.id)


def fines_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """A fine on each overdue bill, the oldest first, at an instant at which any bill falls due."""
    rule = terms.late_fine
    if rule is None or at not in account.due_ends:
        return
    for bill in list(_fined(account, at, terms)):
        base = bill.open - bill.fines_left
        share = terms.fine_share
        part = rounded(base * share.numerator, share.denominator, terms.unit)
        amount = max(part, rule.minimum)
        own = {
            "fine": f"{bill.id}/F{len(bill.fines) + 1}",
            "bill": bill.id,
            "nth": len(bill.fines) + 1,
            "base": base,
            "percent": rule.percent,
            "amount": amount,
        }
        postings = transfer(IDR, revenue("fines"), account.name("unbilled"), amount)
        yield Draft(LateFineCharged, rule.clause, postings, own, bill.id)


def _fined(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Bill]:
    times = 0 if terms.late_fine is None else terms.late_fine.times
    late = [bill for bill in account.bills.values() if bill.due_until <= at]
    for bill in in_their_order(late):
        if _gets_one(bill, at, times):
            yield bill


def _gets_one(bill: Bill, at: int, times: int) -> bool:
    if bill.due_until > at or bill.open <= bill.fines_left:
        return False
    if not bill.fines:
        return times > 0
    return bill.fines_counted < times and all(fine.at != at for fine in bill.fines)


# --- what it changes ------------------------------------------------------------------------------------------------


def _bill_overdue(account: PostpaidAccount, event: BillOverdue, _: PostpaidTerms) -> None:
    bill = account.bill(event.bill)
    if bill is not None:
        bill.overdue = True
        account.keep(bill)
    if event.others_blocked_at is not None:
        account.told[event.bill] = event.customer
    account.due_ends = [at for at in account.due_ends if at >= event.effective_at]


def _late_fine_charged(account: PostpaidAccount, event: LateFineCharged, _: PostpaidTerms) -> None:
    account.charge("fines", event.amount)
    account.unbilled_fines.append(event.fine)
    bill = account.bill(event.bill)
    if bill is not None:
        bill.fines.append(Fine(event.fine, event.effective_at, event.amount, event.base))
        account.keep(bill)


def _overdue_cleared(account: PostpaidAccount, event: OverdueCleared, _: PostpaidTerms) -> None:
    account.told.pop(event.bill, None)


CHANGES: ChangesByEvent = {
    BillOverdue: _bill_overdue,
    OverdueCleared: _overdue_cleared,
    LateFineCharged: _late_fine_charged,
}
