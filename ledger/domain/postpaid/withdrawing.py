"""Late fines taken back: a settlement dated back may show that nothing was overdue when one was charged."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.money import IDR, Posting, revenue, transfer
from ledger.domain.postpaid.account import CYCLE, Fine, PostpaidAccount
from ledger.domain.postpaid.crediting import CreditNote, credited
from ledger.domain.postpaid.events_of_bills import LateFineWithdrawn, NoteLine
from ledger.domain.postpaid.terms import PostpaidTerms

REASON = "paid-in-time"
"""The reason of credit notes that take a fine back."""


def withdrawn(account: PostpaidAccount, terms: PostpaidTerms) -> Iterator[Draft]:
    """Fines that were reckoned on nothing; one that a bill carries is taken back by a credit note."""
    for id_ in list(account.withdrawable):
        fine = account.fine(id_)
        if fine is None:
            continue
        own = {
            "fine": fine.id,
            "bill": fine.id.rpartition("/")[0],
            "amount": fine.amount,
            "carried_by": fine.carried_by,
        }
        clause = None if terms.late_fine is None else terms.late_fine.clause
        yield Draft(LateFineWithdrawn, clause, unbilled_again(account, fine), own, fine.id)
        yield from off_its_bill(account, fine, REASON, None, terms)


def unbilled_again(account: PostpaidAccount, fine: Fine) -> list[Posting]:
    """The postings of a fine that is taken back before a bill carries it."""
    if fine.carried_by is not None:
        return []
    return transfer(IDR, account.name("unbilled"), revenue("fines"), fine.amount)


def off_its_bill(
    account: PostpaidAccount, fine: Fine, reason: str, approved_by: str | None, terms: PostpaidTerms
) -> Iterator[Draft]:
    """The credit note that takes a fine back from the bill that carries it."""
    bill = None if fine.carried_by is None else account.bill(fine.carried_by)
    if bill is None:
        return
    left = min(fine.amount, bill.fines_left, bill.total - bill.noted_total - bill.written_off)
    if left <= 0:
        return
    lines: list[NoteLine] = [{"kind": "fines", "amount": left, "text": fine.id}]
    note = CreditNote(f"{fine.id}/{reason}", bill, lines, reason, approved_by)
    yield credited(account, note, terms)


def taken_back(account: PostpaidAccount, fine: Fine | None) -> None:
    """A fine that no bill carries yet will not be carried."""
    if fine is None or fine.carried_by is not None or fine.id not in account.unbilled_fines:
        return
    account.unbilled_fines.remove(fine.id)
    account.charge("fines", -fine.amount, CYCLE)


def _late_fine_withdrawn(account: PostpaidAccount, event: LateFineWithdrawn, _: PostpaidTerms) -> None:
    account.withdrawable = [id_ for id_ in account.withdrawable if id_ != event.fine]
    taken_back(account, account.change_fine(event.fine, withdrawn=True))


CHANGES: ChangesByEvent = {LateFineWithdrawn: _late_fine_withdrawn}
