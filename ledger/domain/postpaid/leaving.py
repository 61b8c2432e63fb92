"""The end of a contract: the final bill, what is held is set against it, and all bills are due (SE23-20 to SE23-26)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import day_number
from ledger.domain.events import Draft
from ledger.domain.line.account import TERMINATED, Changes
from ledger.domain.line.events import Terminated
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.advances import applied
from ledger.domain.postpaid.billing import FINAL, commitment_at_end, end_of_day, issued
from ledger.domain.postpaid.depositing import applied_after_end
from ledger.domain.postpaid.terms import PostpaidTerms


def before_end(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The final bill, and what advance and deposit meet."""
    yield issued(account, at, terms, FINAL, commitment_at_end(account, at, terms))
    yield from applied(account, terms)
    yield from applied_after_end(account, terms)


def ended(  # noqa: PLR0913 - what the end says
    account: PostpaidAccount,
    at: int,
    terms: PostpaidTerms,
    clause: str | None,
    *,
    ground: str,
    reference: str | None = None,
    since: int | None = None,
) -> Iterator[Draft]:
    """The end, with all that comes before it."""
    yield from before_end(account, at, terms)
    yield Draft(Terminated, clause, [], {"ground": ground, "reference": reference, "since": since})


def _terminated(account: PostpaidAccount, event: Terminated, terms: PostpaidTerms) -> None:
    at = event.effective_at
    account.close(TERMINATED, at)
    end, day = end_of_day(terms, at), day_number(terms.zone.day(at))
    for bill in (*account.bills.values(), *account.closed_bills.values()):
        if bill.due_until > at:
            bill.due_until, bill.due_on = end, day
    account.due_ends = sorted({min(due, end) if due > at else due for due in account.due_ends})
    account.asked_plan = account.coming_mandate = account.contract_until = account.probation_until = None


CHANGES: Changes = {Terminated: _terminated}
