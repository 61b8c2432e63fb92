"""The contract period's end, and another plan from a boundary on (SE23-07, XE25-09)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Draft
from ledger.domain.line.account import Changes
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.events import ContractPeriodEnded
from ledger.domain.postpaid.terms import PostpaidTerms


def plan_changes_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The contract period ends; then the plan that was asked for holds."""
    if account.runs and account.contract_until == at:
        yield Draft(ContractPeriodEnded, terms.clauses.renewal, [], {"plan": account.plan})


def _contract_period_ended(account: PostpaidAccount, _: ContractPeriodEnded, __: PostpaidTerms) -> None:
    account.contract_until = None


CHANGES: Changes = {ContractPeriodEnded: _contract_period_ended}
