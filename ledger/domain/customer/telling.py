"""What a customer is told of his accounts: they come and go, end, fall into debt, and answer to an erasure."""

from __future__ import annotations

from ledger.domain.commands import Command
from ledger.domain.customer.commands import (
    NoteAccount,
    NoteAccountEnded,
    NoteAccountLeft,
    NoteDebt,
    NoteDebtCleared,
    NoteErasureAnswer,
)
from ledger.domain.customer.customer import MOST_ACCOUNTS, Customer, CustomerState, Debt
from ledger.domain.customer.events import (
    AccountEnded,
    AccountLeft,
    AccountNoted,
    DebtBlock,
    DebtCleared,
    DebtNoted,
)
from ledger.domain.customer.events_of_persons import ErasureAnswerNoted
from ledger.domain.customer.forgetting import consider
from ledger.domain.customer.person import Person
from ledger.domain.line.blocking import OF_DEBTS, block_on_return


def decide_what_is_told(customer: Customer, command: Command) -> None:
    """What is told of him; what changes nothing, or is told of who was erased, comes to nothing.

    But for this: an account that is given to who withdrew consent to processing ends as his others, erased or not.
    """
    state = customer.state
    if state.person is not None and state.person.erased:
        _hear_after_erasure(customer, state.person, command)
        return
    if isinstance(command, NoteAccount):
        known = state.version or command.begins
        if known and command.of not in state.accounts and len(state.accounts) < MOST_ACCOUNTS:
            standing = [
                _block_again(debt, command.of)
                for debt in state.debts.values()
                if debt.stands and debt.of != command.of
            ]
            ends_at = None if state.person is None else state.person.accounts_end_at
            customer.emit(AccountNoted, of=command.of, blocks=standing, ends_at=ends_at)
            consider(customer)
    elif isinstance(command, NoteDebt):
        if command.bill not in state.debts:
            nth = state.times.get(command.bill, 0) + 1
            block = f"{OF_DEBTS}{command.bill}" if nth == 1 else f"{OF_DEBTS}{command.bill}/{nth}"
            customer.emit(
                DebtNoted,
                bill=command.bill,
                of=command.of,
                blocks_at=max(command.blocks_at, customer.cause.at),
                block=block,
                scope=command.scope,
                ground=command.ground,
            )
            _consider_what_is_left_behind(customer, command.of)
    elif isinstance(command, NoteDebtCleared):
        debt = state.debts.get(command.bill)
        if debt is not None:
            customer.emit(
                DebtCleared,
                bill=command.bill,
                block=debt.block["block"],
                accounts=list(dict.fromkeys(debt.blocked)),
            )
            _consider_what_is_left_behind(customer, debt.of)
    elif isinstance(command, NoteAccountEnded | NoteAccountLeft | NoteErasureAnswer):
        _hear_of_end(customer, command)


def _hear_after_erasure(customer: Customer, person: Person, command: Command) -> None:
    """An account comes too late: it is not his, and is told when it ends where consent was withdrawn."""
    if isinstance(command, NoteAccount) and person.accounts_end_at is not None:
        customer.emit(AccountNoted, of=command.of, blocks=[], ends_at=person.accounts_end_at)


def _consider_what_is_left_behind(customer: Customer, account: str) -> None:
    """A debt on an account that is another's by now is the person's own; an account of the person's tells it itself."""
    if account not in customer.state.accounts:
        consider(customer)


def _block_again(debt: Debt, account: str) -> DebtBlock:
    """The block of a debt that stands, of its own id on an account that was told of it already and has come back."""
    nth = debt.blocked.count(account)
    return {**debt.block, "block": block_on_return(debt.block["block"], nth)}


def _hear_of_end(customer: Customer, command: NoteAccountEnded | NoteAccountLeft | NoteErasureAnswer) -> None:
    """An account has ended, is his no more, or says what it has against an erasure; the erasure goes on from there."""
    state = customer.state
    if isinstance(command, NoteErasureAnswer):
        if not _is_news(state, command):
            return
        customer.emit(ErasureAnswerNoted, of=command.of, nth=command.nth, objections=command.objections)
    elif command.of not in state.accounts:
        return
    elif isinstance(command, NoteAccountLeft):
        customer.emit(AccountLeft, of=command.of)
    elif command.of not in state.ended:
        at = min(command.ended_at, customer.cause.at)
        customer.emit(AccountEnded, effective_at=at, of=command.of, ended_at=command.ended_at)
    consider(customer)


def _is_news(state: CustomerState, command: NoteErasureAnswer) -> bool:
    """Whether an answer is to what was asked last, or says otherwise than the last one."""
    erasure = None if state.person is None else state.person.erasure
    if erasure is None:
        return False
    if command.of in erasure.waiting:
        return command.nth == erasure.nth
    return command.objections != erasure.objections.get(command.of, [])
