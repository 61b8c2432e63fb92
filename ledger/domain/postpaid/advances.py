"""Advance: what was paid beyond the bills, kept in lots; later bills take it, the oldest lot first (SE23-13)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.bounds import MOST_ASSIGNED, MOST_PAYMENTS
from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent, must_leave_room
from ledger.domain.money import IDR, transfer
from ledger.domain.postpaid.account import Bill, PostpaidAccount
from ledger.domain.postpaid.events_of_bills import AdvanceApplied, LotUse
from ledger.domain.postpaid.events_of_payments import Allocation
from ledger.domain.postpaid.terms import PostpaidTerms

MOST_USES = 1_000
"""The most uses of lots in one event: each names where it came from, and a broker takes a record of a million bytes."""


def allocated(bills: list[Bill], amount: int, since: int = NEVER) -> tuple[list[Allocation], int]:
    """What so many sen pay of bills, in their order, and what is left.

    Dated back, `since` an instant, they meet nothing that was opened again after it: else less than nothing would be
    open as of between.
    """
    allocations: list[Allocation] = []
    for bill in bills:
        part = min(amount, bill.open_since(since))
        if part:
            allocations.append({"bill": bill.id, "amount": part})
            amount -= part
    return allocations, amount


def most_payments(*, of_own: bool) -> int:
    """The most payments, and lots: more of what the operator's people bring about (notes, deposits, money assigned)."""
    return MOST_PAYMENTS + (MOST_ASSIGNED if of_own else 0)


def must_keep_advance(account: PostpaidAccount, *, of_own: bool = True) -> None:
    """Raises TooManyOpen where advance lies in as many lots as it may: one event names all of them when it is paid out.

    So many there may be, however long their names are, that a broker takes that event.
    """
    must_leave_room(
        (), lately=account.lots, so="parts of advance are kept", most=most_payments(of_own=of_own)
    )


def applied(account: PostpaidAccount, terms: PostpaidTerms) -> Iterator[Draft]:
    """Advance meets what is open; nothing happens where there is none of either."""
    if not account.bills:
        return
    open_ = {bill.id: bill.open for bill in account.open_bills()}
    uses: list[LotUse] = []
    for lot in account.lots:
        left = lot.left
        while left and open_:
            bill, left_open = next(iter(open_.items()))
            part = min(left, left_open)
            uses.append({"source": lot.source, "bill": bill, "amount": part})
            left -= part
            if part < left_open:
                open_[bill] -= part
            else:
                del open_[bill]
        if not open_:
            break
    for first in range(0, len(uses), MOST_USES):
        some = uses[first : first + MOST_USES]
        amount = sum(use["amount"] for use in some)
        postings = transfer(IDR, account.name("billed"), account.name("advance"), amount)
        yield Draft(AdvanceApplied, terms.clauses.allocation, postings, {"amount": amount, "applied": some})


def _advance_applied(account: PostpaidAccount, event: AdvanceApplied, _: PostpaidTerms) -> None:
    used: dict[str, int] = {}
    for use in event.applied:
        amount, source = use["amount"], use["source"]
        used[source] = used.get(source, 0) + amount
        bill = account.bill(use["bill"])
        if bill is not None:
            bill.allocated += amount
            account.reduce(bill, amount)
        payment = account.payment_of(use["source"])
        if payment is not None:
            payment.paid[use["bill"]] = payment.paid.get(use["bill"], 0) + amount
    for lot in account.lots:
        if lot.source in used:
            part = min(used[lot.source], lot.left)
            lot.left -= part
            used[lot.source] -= part
    account.lots = [lot for lot in account.lots if lot.left]


CHANGES: ChangesByEvent = {AdvanceApplied: _advance_applied}
