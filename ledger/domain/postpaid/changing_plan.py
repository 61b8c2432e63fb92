"""Another plan from a boundary on, the contract period's end, and another limit (SE23-07, XE25-09)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.approval import must_be_another
from ledger.domain.calendar import NEVER, day_number, format_day
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import ACTIVE, PROBATION, PostpaidAccount
from ledger.domain.postpaid.billing_cycle import contract_end
from ledger.domain.postpaid.commands import ChangePackage, SetCreditLimit, UpdateService
from ledger.domain.postpaid.events import (
    ContractPeriodEnded,
    CreditLimitSet,
    PackageChanged,
    PackageChangeRequested,
)
from ledger.domain.postpaid.rules_of_contracts import Plan
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import InContract, NotActive, NotEligible, UnknownPlan

CUSTOMER, OPERATOR = "customer", "operator"
"""Who asks for another plan."""


def change_package(line: Line, account: PostpaidAccount, command: ChangePackage) -> None:
    """The customer asks for another plan: after the contract period, from the next boundary on; the last one wins."""
    terms = line.book.of(PostpaidTerms, account.terms)
    plan = _plan(account, terms, command.plan)
    if command.channel not in terms.package_change.channels:
        raise NotEligible(f"by {', '.join(terms.package_change.channels)} only")
    if account.contract_until is not None and line.cause.at < account.contract_until:
        last = terms.zone.day(account.contract_until)
        raise InContract(f"until {format_day(day_number(last))}")
    line.emit(
        PackageChangeRequested,
        clause=terms.package_change.clause,
        plan=plan.id,
        by=CUSTOMER,
        channel=command.channel,
        reason=None,
        approved_by=None,
        takes_effect_at=_takes_effect(line, account, plan),
    )


def update_service(line: Line, account: PostpaidAccount, command: UpdateService) -> None:
    """The operator moves the contract, to no plan of higher commitment; what is owed, held and agreed stays."""
    must_be_another(command.approved_by, command.actor)
    terms = line.book.of(PostpaidTerms, account.terms)
    if not terms.service_update.by_operator:
        raise NotEligible("the terms do not let the operator move contracts")
    plan, now = _plan(account, terms, command.plan), terms.plan(account.plan)
    if now is not None and plan.commitment > now.commitment:
        raise NotEligible("its commitment is higher")
    line.emit(
        PackageChangeRequested,
        clause=terms.service_update.clause,
        plan=plan.id,
        by=OPERATOR,
        channel=None,
        reason=command.reason,
        approved_by=command.approved_by,
        takes_effect_at=_takes_effect(line, account, plan),
    )


def _plan(account: PostpaidAccount, terms: PostpaidTerms, id_: str) -> Plan:
    plan = terms.plan(id_)
    if plan is None:
        raise UnknownPlan(id_)
    if id_ == account.plan and account.asked_plan is None:
        raise NotEligible("it is the plan already")
    return plan


def _takes_effect(line: Line, account: PostpaidAccount, plan: Plan) -> int:
    """From the next boundary on; the plan that holds is asked for to take back what was asked before: at once."""
    return line.cause.at if plan.id == account.plan else account.next_bill_at


def set_credit_limit(line: Line, account: PostpaidAccount, command: SetCreditLimit) -> None:
    """Another limit; in probation what was paid up front is all that may be used."""
    must_be_another(command.approved_by, command.actor)
    if account.state == PROBATION:
        raise NotActive("in probation")
    line.emit(CreditLimitSet, credit_limit=command.amount, approved_by=command.approved_by)


# --- by time --------------------------------------------------------------------------------------------------------


def next_change(account: PostpaidAccount) -> int:
    """The end of the contract period, or the boundary from which on another plan holds."""
    if not account.runs:
        return NEVER
    until = NEVER if account.contract_until is None else account.contract_until
    return until if account.asked_plan is None else min(until, account.asked_from)


def plan_changes_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The contract period ends; then the plan that was asked for holds."""
    if account.runs and account.contract_until == at:
        yield Draft(ContractPeriodEnded, terms.clauses.renewal, [], {"plan": account.plan})
    plan = None if account.asked_plan is None else terms.plan(account.asked_plan)
    if not account.runs or plan is None or account.asked_from != at:
        return
    by_customer = account.asked_by == CUSTOMER
    limit = account.plan_limit if account.state == PROBATION else account.limit
    own = {
        "from_plan": account.plan,
        "to_plan": plan.id,
        "by": account.asked_by,
        "commitment": plan.commitment,
        "contract_months": plan.contract_months if by_customer else account.contract_months,
        "credit_limit": plan.credit_limit if by_customer else limit,
        "contract_until": contract_end(terms.zone, at, plan.contract_months)
        if by_customer
        else account.contract_until,
    }
    rule = terms.package_change if by_customer else terms.service_update
    yield Draft(PackageChanged, rule.clause, [], own)


# --- what it changes ------------------------------------------------------------------------------------------------


def _requested(account: PostpaidAccount, event: PackageChangeRequested, _: PostpaidTerms) -> None:
    if event.takes_effect_at <= event.effective_at:
        account.asked_plan, account.asked_from = None, NEVER
        return
    account.asked_plan, account.asked_by = event.plan, event.by
    account.asked_from = event.takes_effect_at


def _changed(account: PostpaidAccount, event: PackageChanged, terms: PostpaidTerms) -> None:
    account.plan = event.to_plan
    account.plans_since.append((event.effective_at, event.to_plan))
    del account.plans_since[:-MOST_PLANS]
    if event.by == CUSTOMER:
        account.contract_ran_from = terms.zone.midnight(terms.zone.day(event.effective_at))
        account.plan_limit = event.credit_limit
        if account.state == ACTIVE:
            account.limit = event.credit_limit
    account.contract_months = event.contract_months
    account.contract_until = event.contract_until
    account.asked_plan, account.asked_from = None, NEVER


def _period_ended(account: PostpaidAccount, _: ContractPeriodEnded, __: PostpaidTerms) -> None:
    account.contract_until = None


def _limit_set(account: PostpaidAccount, event: CreditLimitSet, _: PostpaidTerms) -> None:
    account.limit = event.credit_limit


MOST_PLANS = 8
"""Plans that are remembered: late use asks for that of its time, and one holds for a cycle at least."""
CHANGES: ChangesByEvent = {
    PackageChangeRequested: _requested,
    PackageChanged: _changed,
    ContractPeriodEnded: _period_ended,
    CreditLimitSet: _limit_set,
}
