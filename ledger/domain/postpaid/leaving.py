"""The end of a contract: the final bill, what is held is set against it, and all bills are due (SE23-20 to SE23-26)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from ledger.domain.events import Draft
from ledger.domain.line.account import TERMINATED, ChangesByEvent
from ledger.domain.line.commands import ESTABLISHED
from ledger.domain.line.events import Terminated
from ledger.domain.money import IDR, revenue, transfer
from ledger.domain.postpaid.account import PROBATION, PostpaidAccount
from ledger.domain.postpaid.advances import applied
from ledger.domain.postpaid.billing import (
    FINAL,
    commitment_at_end,
    counted,
    issued,
    tax_on,
)
from ledger.domain.postpaid.billing_cycle import rounded
from ledger.domain.postpaid.depositing import applied_after_end
from ledger.domain.postpaid.events import PenaltyCharged
from ledger.domain.postpaid.refunding import window_end
from ledger.domain.postpaid.terms import PostpaidTerms


class Closing(NamedTuple):
    """The closing amount part by part, in sen: what the final bill would leave open if the customer left now."""

    billed: int
    unbilled: int
    commitment: int
    hard_copy: int
    penalty: int
    tax: int
    advance: int

    @property
    def amount(self) -> int:
        """What has to be at most zero."""
        return sum(self[:-1]) - self.advance


def closing_amount(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Closing:
    """What the final bill would leave open (SE23-20); the deposit does not count."""
    shortfall = max(0, commitment_at_end(account, at, terms) - counted(account))
    paper, penalty = account.hard_copy_fee or 0, penalty_of(account, at, terms)[0]
    new = {"commitment": shortfall, "fees": paper, "penalties": penalty}
    taxable = sum(amount for kind, amount in new.items() if kind in terms.tax.taxable)
    taxable += sum(
        amount for key, amount in account.charges.items() if key.partition("/")[2] in terms.tax.taxable
    )
    tax = 0 if terms.tax.prices == "include" else tax_on(taxable, at, terms)[1]
    return Closing(account.billed, account.unbilled, shortfall, paper, penalty, tax, account.advance)


def penalty_of(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> tuple[int, int]:
    """What the customer's leaving costs in sen, and the months left, those begun included (SE23-26)."""
    plan = terms.plan(account.plan)
    ends = account.contract_until
    if account.state == PROBATION or plan is None or plan.penalty is None or ends is None or at >= ends:
        return 0, 0
    run = 0
    while terms.zone.plus_months(account.contract_ran_from, run + 1) <= at:
        run += 1
    left = max(0, account.contract_months - run)
    if plan.penalty.rule == "fixed":
        return plan.penalty.amount if left else 0, left
    share = Fraction(plan.penalty.share)
    return rounded(left * plan.commitment * share.numerator, share.denominator, terms.unit), left


def before_end(
    account: PostpaidAccount, at: int, terms: PostpaidTerms, *, by_customer: bool = False
) -> Iterator[Draft]:
    """The penalty, the final bill, and what advance and deposit meet."""
    if by_customer or terms.unsubscribe.penalty_on == "any":
        amount, left = penalty_of(account, at, terms)
        if amount:
            postings = transfer(IDR, revenue("penalties"), account.name("unbilled"), amount)
            own = {"amount": amount, "plan": account.plan, "months_left": left}
            yield Draft(PenaltyCharged, terms.clauses.penalty, postings, own)
    yield issued(account, at, terms, FINAL, commitment_at_end(account, at, terms))
    yield from applied(account, terms)
    yield from applied_after_end(account, terms)


def ended(
    account: PostpaidAccount, at: int, terms: PostpaidTerms, clause: str | None, *, ground: str
) -> Iterator[Draft]:
    """The end that time brings about, with all that comes before it."""
    yield from before_end(account, at, terms)
    yield Draft(
        Terminated, clause, [], {"ground": ground, "reference": None, "since": None, "basis": ESTABLISHED}
    )


# --- what it changes ------------------------------------------------------------------------------------------------


def _penalty_charged(account: PostpaidAccount, event: PenaltyCharged, _: PostpaidTerms) -> None:
    account.charge("penalties", event.amount)


def _terminated(account: PostpaidAccount, event: Terminated, terms: PostpaidTerms) -> None:
    account.close(TERMINATED, event.effective_at)
    if account.refund_until is None:
        account.refund_until = window_end(terms, event.effective_at)
    account.asked_plan = account.coming_mandate = account.contract_until = account.probation_until = None


CHANGES: ChangesByEvent = {PenaltyCharged: _penalty_charged, Terminated: _terminated}
