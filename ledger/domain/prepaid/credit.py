"""Credit: what keeps it from being spent, a purchase at a stated price, and a person's correction."""

from __future__ import annotations

from ledger.domain.approval import must_be_another
from ledger.domain.calendar import format_instant
from ledger.domain.line.line import Line
from ledger.domain.money import ADJUSTMENTS, CHARGES, LARGEST_BALANCE, PULSA, format_amount, transfer
from ledger.domain.prepaid.account import GRACE, WAITING, PrepaidAccount
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit
from ledger.domain.prepaid.events import CreditAdjusted, CreditCharged
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.refusals import (
    AboveMaximum,
    InGrace,
    InsufficientCredit,
    InTheFuture,
    InWaiting,
    TooLate,
    UseBlocked,
)


def must_be_free_to_spend(account: PrepaidAccount, service: str | None = None) -> None:
    """What refuses chargeable outgoing use refuses every other spending too (SP23-14, SP23-17, SP23-22)."""
    if account.state == GRACE:
        raise InGrace
    if account.state == WAITING:
        raise InWaiting
    for block in account.blocks.values():
        if block.scope in {"outgoing", "all"} or block.scope == service:
            raise UseBlocked(block.block)


def must_have(account: PrepaidAccount, amount: int) -> None:
    """Raises InsufficientCredit where less than `amount` sen is available."""
    if amount > account.available:
        detail = f"{format_amount(account.available)} available, {format_amount(amount)} asked"
        raise InsufficientCredit(detail)


def must_stay_countable(account: PrepaidAccount, amount: int) -> None:
    """Raises AboveMaximum where `amount` sen more would be more than an account may hold."""
    if account.credit + amount > LARGEST_BALANCE:
        raise AboveMaximum


def charge_credit(line: Line, account: PrepaidAccount, command: ChargeCredit) -> None:
    """A purchase, all or nothing."""
    must_be_free_to_spend(account)
    must_have(account, command.amount)
    line.emit(
        CreditCharged,
        clause=line.book.of(PrepaidTerms, account.terms).clauses.charge,
        postings=transfer(PULSA, account.credit_name, CHARGES, command.amount),
        amount=command.amount,
        item=command.item,
    )


def adjust_credit(line: Line, account: PrepaidAccount, command: AdjustCredit) -> None:
    """A correction, signed, approved by another person; never below zero."""
    at = line.cause.at
    effective_at = at if command.effective_at is None else command.effective_at
    must_be_another(command.approved_by, command.actor)
    if effective_at > at:
        raise InTheFuture("effective_at")
    if effective_at < account.opened_at:
        raise TooLate(f"the account began at {format_instant(account.opened_at)}")
    must_have(account, -command.amount)
    must_stay_countable(account, command.amount)
    line.emit(
        CreditAdjusted,
        effective_at=effective_at,
        postings=transfer(PULSA, ADJUSTMENTS, account.credit_name, command.amount),
        amount=command.amount,
        reason=command.reason,
        approved_by=command.approved_by,
    )
