"""The deposit: received, set against what is owed, refunded or forfeited (SE23-15 to SE23-18, XE25-05)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.money import IDR, Posting
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.advances import allocated
from ledger.domain.postpaid.events_of_payments import DepositApplied
from ledger.domain.postpaid.terms import PostpaidTerms

ASKED, ENDED = "asked", "ended"
"""Why a deposit is set against what is owed."""


def applied_after_end(account: PostpaidAccount, terms: PostpaidTerms) -> Iterator[Draft]:
    """After the end open bills take the deposit at once, under all documents (SE23-23, XE25-08)."""
    amount = min(account.deposit, account.billed)
    if amount > 0:
        yield set_against(account, amount, ENDED, None, terms)


def set_against(
    account: PostpaidAccount, amount: int, cause: str, decided_by: str | None, terms: PostpaidTerms
) -> Draft:
    """Of the deposit so much meets bills, the oldest first, and beyond them it is advance."""
    allocations, advance = allocated(account.open_bills(), amount)
    moved = {
        account.name("deposit"): amount,
        account.name("billed"): advance - amount,
        account.name("advance"): -advance,
    }
    postings: list[Posting] = [
        {"account": name, "unit": IDR, "amount": part} for name, part in moved.items() if part
    ]
    own = {
        "amount": amount,
        "allocations": allocations,
        "advance": advance,
        "cause": cause,
        "decided_by": decided_by,
        "source": f"deposit/{account.version + 1}",
    }
    clause = terms.clauses.settlement_of_debts if cause == ENDED else terms.deposit.clause
    return Draft(DepositApplied, clause, postings, own)


# --- what it changes ------------------------------------------------------------------------------------------------


def _deposit_applied(account: PostpaidAccount, event: DepositApplied, _: PostpaidTerms) -> None:
    for part in event.allocations:
        bill = account.bill(part["bill"])
        if bill is not None:
            bill.deposited += part["amount"]
            account.reduce(bill, part["amount"])
    account.keep_advance(event.source, event.effective_at, event.advance)


CHANGES: ChangesByEvent = {DepositApplied: _deposit_applied}
