"""What is held goes back, or is forfeited: the deposit left, and advance (SE23-16 to SE23-18, XE25-06)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.money import BANK_COSTS, CASH, DEPOSITS_FORFEITED, IDR, Posting, format_amount, transfer
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.commands import (
    ConfirmRefundRequirements,
    LiftLegalHold,
    PayDepositRefund,
    RefundAdvance,
    RequestDepositRefund,
    SetLegalHold,
)
from ledger.domain.postpaid.events_of_payments import (
    AdvanceRefunded,
    DepositForfeited,
    DepositRefunded,
    DepositRefundReady,
    DepositRefundRequested,
    LegalHoldLifted,
    LegalHoldSet,
    LotPart,
    RefundRequirementsMet,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import (
    AboveMaximum,
    NotEligible,
    RefundExists,
    RefundNotReady,
    TooSoon,
    UnknownDeposit,
    UnknownRequest,
    WindowClosed,
)


def window_end(terms: PostpaidTerms, at: int) -> int:
    """The end of the window for the deposit: 00:00 after the same date so many months later (29 February: the 28th)."""
    zone = terms.zone
    last = zone.day(zone.plus_months(zone.midnight(zone.day(at)), terms.deposit.refund_months))
    return zone.midnight(last + timedelta(days=1))


def request_deposit_refund(line: Line, account: PostpaidAccount, command: RequestDepositRefund) -> None:
    """Keeps the deposit left for good; open bills do not refuse it."""
    if account.runs or account.refund_until is None:
        raise TooSoon("once the contract has ended")
    if line.cause.at >= account.refund_until:
        raise WindowClosed
    if account.refund_payee is not None:
        raise RefundExists
    if not account.deposit:
        raise UnknownDeposit
    terms = line.book.of(PostpaidTerms, account.terms)
    line.emit(
        DepositRefundRequested,
        of=account,
        clause=terms.deposit.clause,
        payee=command.payee,
        reference=command.reference,
        window_until=account.refund_until,
    )
    line.emit_each(refund_ready(account, line.cause.at, terms), of=account)


def confirm_refund_requirements(
    line: Line, account: PostpaidAccount, command: ConfirmRefundRequirements
) -> None:
    """What else the refund needs is there."""
    if account.refund_payee is None:
        raise UnknownRequest("no refund was asked for")
    if account.requirements_met:
        raise NotEligible("they were met before")
    terms = line.book.of(PostpaidTerms, account.terms)
    line.emit(RefundRequirementsMet, of=account, clause=terms.deposit.clause, decided_by=command.decided_by)
    line.emit_each(refund_ready(account, line.cause.at, terms), of=account)


def refund_ready(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """Nothing waits any more, neither request nor requirements nor an open bill: the working days begin."""
    waits = account.refund_payee is None or not account.requirements_met or account.billed
    if not waits and account.deposit and not account.refund_ready:
        yield Draft(DepositRefundReady, terms.deposit.clause, [], {"ready_since": at})


def pay_deposit_refund(line: Line, account: PostpaidAccount, command: PayDepositRefund) -> None:
    """All of the deposit that is left was paid out, less what the bank took."""
    if not account.deposit:
        raise UnknownDeposit
    if not account.refund_ready or account.refund_payee is None or account.billed:
        raise RefundNotReady
    _must_cover(account.deposit, command.bank_cost)
    line.emit(
        DepositRefunded,
        of=account,
        clause=line.book.of(PostpaidTerms, account.terms).deposit.clause,
        postings=_paid_out(account.name("deposit"), account.deposit, command.bank_cost),
        amount=account.deposit,
        bank_cost=command.bank_cost,
        payee=account.refund_payee,
        reference=command.reference,
    )


def refund_advance(line: Line, account: PostpaidAccount, command: RefundAdvance) -> None:
    """All that is left of advance was paid out, less what the bank took."""
    if not account.advance:
        raise NotEligible("nothing is held in advance")
    _must_cover(account.advance, command.bank_cost)
    lots: list[LotPart] = [{"source": lot.source, "amount": lot.left} for lot in account.lots]
    line.emit(
        AdvanceRefunded,
        of=account,
        clause=line.book.of(PostpaidTerms, account.terms).payments.clause,
        postings=_paid_out(account.name("advance"), account.advance, command.bank_cost),
        amount=account.advance,
        bank_cost=command.bank_cost,
        reference=command.reference,
        lots=lots,
    )


def _must_cover(amount: int, bank_cost: int) -> None:
    if bank_cost > amount:
        raise AboveMaximum(f"{format_amount(amount)} is left")


def _paid_out(name: str, amount: int, bank_cost: int) -> list[Posting]:
    moved = {name: amount, CASH: bank_cost - amount, BANK_COSTS: -bank_cost}
    return [{"account": place, "unit": IDR, "amount": sen} for place, sen in moved.items() if sen]


def set_legal_hold(line: Line, account: PostpaidAccount, command: SetLegalHold) -> None:
    """The deposit is not forfeited meanwhile."""
    if account.legal_hold:
        raise NotEligible("one stands already")
    clause = line.book.of(PostpaidTerms, account.terms).deposit.clause
    line.emit(LegalHoldSet, of=account, clause=clause, reference=command.reference)


def lift_legal_hold(line: Line, account: PostpaidAccount, command: LiftLegalHold) -> None:
    """The deposit may be forfeited again, at once where its window is over."""
    if not account.legal_hold:
        raise NotEligible("none stands")
    clause = line.book.of(PostpaidTerms, account.terms).deposit.clause
    line.emit(LegalHoldLifted, of=account, clause=clause, reference=command.reference)


# --- by time --------------------------------------------------------------------------------------------------------


def next_forfeiture(account: PostpaidAccount) -> int:
    """When the deposit left is forfeited; NEVER while none is left, it was asked for, or a legal hold stands."""
    kept = not account.deposit or account.refund_payee is not None or account.legal_hold
    if kept or account.runs or account.refund_until is None:
        return NEVER
    return max(account.refund_until, account.hold_lifted_at)


def forfeited_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The deposit left is the operator's (SE23-17)."""
    if next_forfeiture(account) == at:
        postings = transfer(IDR, DEPOSITS_FORFEITED, account.name("deposit"), account.deposit)
        yield Draft(DepositForfeited, terms.deposit.clause, postings, {"amount": account.deposit})


# --- what it changes ------------------------------------------------------------------------------------------------


def _refund_requested(account: PostpaidAccount, event: DepositRefundRequested, _: PostpaidTerms) -> None:
    account.refund_payee = event.payee


def _requirements_met(account: PostpaidAccount, _: RefundRequirementsMet, __: PostpaidTerms) -> None:
    account.requirements_met = True


def _ready(account: PostpaidAccount, event: DepositRefundReady, _: PostpaidTerms) -> None:
    account.refund_ready = True
    account.ready_since, account.ready_under = event.ready_since, event.terms or account.terms


def _advance_refunded(account: PostpaidAccount, event: AdvanceRefunded, _: PostpaidTerms) -> None:
    for part in event.lots:
        payment = account.payment_of(part["source"])
        if payment is not None:
            payment.refunded += part["amount"]
    account.lots = []


def _hold_set(account: PostpaidAccount, _: LegalHoldSet, __: PostpaidTerms) -> None:
    account.legal_hold = True


def _hold_lifted(account: PostpaidAccount, event: LegalHoldLifted, _: PostpaidTerms) -> None:
    account.legal_hold = False
    account.hold_lifted_at = event.recorded_at


CHANGES: ChangesByEvent = {
    DepositRefundRequested: _refund_requested,
    RefundRequirementsMet: _requirements_met,
    DepositRefundReady: _ready,
    AdvanceRefunded: _advance_refunded,
    LegalHoldSet: _hold_set,
    LegalHoldLifted: _hold_lifted,
}
