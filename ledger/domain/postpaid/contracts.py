"""Contracts: a number's next account, on a plan of the terms and with a billing day (SE23-06, SE23-22)."""

from __future__ import annotations

from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.line.number import AVAILABLE
from ledger.domain.postpaid.account import ACTIVE, PROBATION, PostpaidAccount, postpaid
from ledger.domain.postpaid.billing_cycle import contract_end, next_boundary
from ledger.domain.postpaid.commands import OpenContract
from ledger.domain.postpaid.events import ContractOpened
from ledger.domain.postpaid.paying import IN_CASH, receive, settle
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import (
    NotEligible,
    NumberNotAvailable,
    ReferenceConflict,
    ReferenceRequired,
    UnknownPlan,
)

VERIFIED = "verified"


def open_contract(line: Line, command: OpenContract) -> None:
    """Opens the next account of a number that is available; the up-front payment is cash, and kept as advance."""
    if line.number_state != AVAILABLE:
        raise NumberNotAvailable(line.number_state)
    terms, at = line.book.of(PostpaidTerms, command.terms), line.cause.at
    plan = terms.plan(command.plan)
    if plan is None:
        raise UnknownPlan(command.plan)
    if command.billing_day not in terms.billing.days:
        raise NotEligible("the terms have no such billing day")
    if command.upfront_payment and not command.reference:
        raise ReferenceRequired("reference")
    if command.reference and line.claimed(line.msisdn, "suspense", command.reference):
        raise ReferenceConflict(command.reference)
    zone = terms.zone
    until = contract_end(zone, at, plan.contract_months)
    line.open(
        ContractOpened,
        command.terms,
        terms.clauses.opening,
        customer=command.customer,
        plan=plan.id,
        commitment=plan.commitment,
        contract_months=plan.contract_months,
        credit_limit=plan.credit_limit,
        billing_day=command.billing_day,
        registration=command.registration,
        consents=command.consents or [],
        roaming=terms.roaming.by_default,
        next_bill_at=next_boundary(zone, command.billing_day, at),
        contract_until=until,
        probation_until=None
        if command.registration == VERIFIED
        else zone.end_of_days(at, terms.probation.days),
    )
    if command.upfront_payment and command.reference:
        account = postpaid(line.current)
        receive(
            line,
            account,
            terms,
            at,
            command.reference,
            command.upfront_payment,
            IN_CASH,
            command.customer,
        )
        settle(line, account, account.payments[command.reference], at)


# --- what it changes ------------------------------------------------------------------------------------------------


def _contract_opened(account: PostpaidAccount, event: ContractOpened, terms: PostpaidTerms) -> None:
    in_probation = event.probation_until is not None
    account.begin(event, PROBATION if in_probation else ACTIVE)
    account.holder = event.customer
    account.plan = event.plan
    account.plans_since.append((event.effective_at, event.plan))
    account.billing_day = event.billing_day
    account.contract_until = event.contract_until
    account.contract_ran_from = terms.zone.midnight(terms.zone.day(event.effective_at))
    account.contract_months = event.contract_months
    account.probation_until, account.probation_ends_in = event.probation_until, terms.probation.end
    account.plan_limit = event.credit_limit
    account.limit = 0 if in_probation else event.credit_limit
    account.consents = list(event.consents)
    account.roaming = event.roaming
    account.next_bill_at = event.next_bill_at
    account.billed_until = event.effective_at


CHANGES: ChangesByEvent = {ContractOpened: _contract_opened}
