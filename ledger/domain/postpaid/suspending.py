"""Money that no account takes lies in suspense on its number, until it is assigned to an account or goes back.

What is assigned leaves the number and arrives at the account by a policy, in whatever partition; what the account does
not take lies in suspense again. So money is never lost, and never guessed at.
"""

from __future__ import annotations

from ledger.domain.approval import must_be_another
from ledger.domain.ids import ACCOUNT, suspense_of
from ledger.domain.line.account import must_leave_room
from ledger.domain.line.deciding import addressed
from ledger.domain.line.events import SuspenseAssigned, SuspenseReceived, SuspenseRefused, SuspenseReturned
from ledger.domain.line.line import Line
from ledger.domain.line.number import Suspense
from ledger.domain.money import BANK_COSTS, CASH, IDR, Posting, format_amount, transfer
from ledger.domain.postpaid.account import PostpaidAccount, must_stay_countable
from ledger.domain.postpaid.commands import (
    AccountCommand,
    AssignSuspense,
    ReceivePayment,
    ReopenSuspense,
    ReturnSuspense,
    TakeSuspense,
)
from ledger.domain.postpaid.contents import content_of, must_be_new, must_be_new_on_number
from ledger.domain.postpaid.paying import (
    must_not_be_in_the_future,
    must_take_another,
    receive_payment,
    take_assigned,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import (
    AboveMaximum,
    AccountSettledAlready,
    NotEligible,
    ReferenceConflict,
    Refusal,
    TooManyOpen,
    UnknownAccount,
    UnknownSuspense,
)


def receive_or_suspend(line: Line, command: ReceivePayment) -> None:
    """A payment to the account that takes it; where none does, it lies in suspense."""
    try:
        account = _taker(line, command)
    except Refusal as refused:
        _suspend(line, command, refused.code)
        return
    try:
        receive_payment(line, account, command)
    except TooManyOpen as full:
        _suspend(line, command, full.code)


def _taker(line: Line, command: AccountCommand) -> PostpaidAccount:
    """The account that a payment is for. Raises UnknownAccount, NotEligible or AccountSettledAlready without one."""
    if line.account is None:
        raise UnknownAccount(command.msisdn)
    account = line.account if command.stream is None else addressed(line, command.stream)
    if not isinstance(account, PostpaidAccount):
        raise NotEligible(f"the account is {account.PRODUCT}")
    if account.is_settled:
        raise AccountSettledAlready
    return account


def _suspend(line: Line, command: ReceivePayment, reason: str) -> None:
    """It is cash, and effective when it is recorded: no terms say how far it may be dated back."""
    content = content_of(command.reference, command.amount, command.method, command.payer)
    account = command.stream or (None if line.account is None else line.account.id)
    must_be_new_on_number(line, account, command.reference, content)
    if account is not None:  # which may have taken it before it was settled
        must_be_new(line, account, "payment", command.reference, content)
    received_at = line.cause.at if command.received_at is None else command.received_at
    must_not_be_in_the_future(line, "received_at", received_at)
    must_leave_room(line.number.suspense)
    line.record(
        line.cause,
        SuspenseReceived,
        line.number,
        None,
        None,
        transfer(IDR, suspense_of(line.msisdn, command.reference), CASH, command.amount),
        None,
        {
            "reference": command.reference,
            "amount": command.amount,
            "method": command.method,
            "payer": command.payer,
            "received_at": received_at,
            "meant_for": command.account,
            "reason": reason,
            "content": content,
        },
    )


def assign_suspense(line: Line, command: AssignSuspense) -> None:
    """It is on its way to the account that it was meant for, of this number or another."""
    must_be_another(command.approved_by, command.actor)
    held = _held(line, command.reference)
    if not ACCOUNT.fullmatch(command.account):
        raise UnknownAccount(command.account)
    name = suspense_of(line.msisdn, command.reference)
    postings = transfer(IDR, f"{command.account}/in-transit", name, held.amount)
    own = {
        **_told(command.reference, held),
        "assignment": f"{line.msisdn}/{command.command_id}",
        "to_account": command.account,
        "approved_by": command.approved_by,
    }
    line.record(line.cause, SuspenseAssigned, line.number, None, None, postings, None, own)


def return_suspense(line: Line, command: ReturnSuspense) -> None:
    """All of it was paid back, less what the bank took."""
    must_be_another(command.approved_by, command.actor)
    held = _held(line, command.reference)
    if command.bank_cost > held.amount:
        raise AboveMaximum(f"{format_amount(held.amount)} lies there")
    name = suspense_of(line.msisdn, command.reference)
    moved = {name: held.amount, CASH: command.bank_cost - held.amount, BANK_COSTS: -command.bank_cost}
    postings: list[Posting] = [
        {"account": place, "unit": IDR, "amount": sen} for place, sen in moved.items() if sen
    ]
    own = {
        "reference": command.reference,
        "amount": held.amount,
        "bank_cost": command.bank_cost,
        "payer": held.payer,
        "approved_by": command.approved_by,
    }
    line.record(line.cause, SuspenseReturned, line.number, None, None, postings, None, own)


def take_suspense(line: Line, command: TakeSuspense) -> None:
    """The account takes it as a settled payment under its reference, unless that was used there before."""
    account = _taker(line, command)
    if line.claimed(account.id, "payment", command.reference):
        raise ReferenceConflict(command.reference)
    must_stay_countable(account, command.amount)
    rules = line.book.of(PostpaidTerms, account.terms)
    must_take_another(account, line.cause.at, rules, of_own=True)
    take_assigned(line, account, command)


def reopen_suspense(line: Line, command: ReopenSuspense) -> None:
    """It lies in suspense again, however much lies there: money is never refused twice."""
    name = suspense_of(line.msisdn, command.reference)
    own = {
        "reference": command.reference,
        "amount": command.amount,
        "method": command.method,
        "payer": command.payer,
        "received_at": command.received_at,
        "content": command.content,
        "assignment": command.assignment,
        "to_account": command.to_account,
        "refusal": command.refusal,
    }
    postings = transfer(IDR, name, f"{command.to_account}/in-transit", command.amount)
    line.record(line.cause, SuspenseRefused, line.number, None, None, postings, None, own)


def _held(line: Line, reference: str) -> Suspense:
    held = line.number.suspense.get(reference)
    if held is None:
        raise UnknownSuspense(reference)
    return held


def _told(reference: str, held: Suspense) -> dict[str, object]:
    return {
        "reference": reference,
        "amount": held.amount,
        "method": held.method,
        "payer": held.payer,
        "received_at": held.received_at,
        "content": held.content,
    }
