"""What an account says to the erasure of its holder, and how it ends for one who withdraws consent (PM-05, PM-06).

Who agrees takes nothing more that could be an objection: a dispute over an ended account, its number reclaimed by whom
it is about. It stays so, unless it is called off. Who objects says so again whenever a command has changed why.
"""

from __future__ import annotations

from ledger.domain.line.account import Account
from ledger.domain.line.disputes import open_disputes
from ledger.domain.line.erasure_commands import AskForErasure, CallOffEnd, CallOffErasure, EndForHolder
from ledger.domain.line.erasure_events import EndAnnounced, EndCalledOff, ErasureAnswered, ErasureCalledOff
from ledger.domain.line.erasures import is_held_by
from ledger.domain.line.line import Line
from ledger.domain.line.product import PRODUCTS
from ledger.domain.refusals import Erased

LIVE, DISPUTED = "live-account", "open-dispute"


def objections_of(account: Account) -> list[str]:
    """What stands in the way of forgetting the account's holder, by codes."""
    found = [LIVE] if account.closed_at is None else []
    found += [DISPUTED] if open_disputes(account) else []
    return [*found, *PRODUCTS[account.PRODUCT].objections(account)]


def answer(line: Line, account: Account, command: AskForErasure) -> None:
    """It agrees, or says what it has against it; an account that is another's by now has nothing."""
    objections = objections_of(account) if is_held_by(account.holder, command.customer) else []
    line.emit(ErasureAnswered, of=account, customer=command.customer, nth=command.nth, objections=objections)


def call_off(line: Line, account: Account, command: CallOffErasure) -> None:
    """It is free again, where it had agreed."""
    asked = account.erasure
    if asked is not None and asked.agreed and asked.customer == command.customer:
        line.emit(ErasureCalledOff, of=account, customer=command.customer, nth=command.nth)


def end_for_holder(line: Line, account: Account, command: EndForHolder) -> None:
    """It ends as by the holder's own word, whatever is owed, where it has not ended and is still his.

    That is announced, and where it is to come the account ends by itself at that instant, whoever notices when.
    """
    if not is_held_by(account.holder, command.customer):
        return
    at, ends_at = line.cause.at, command.ends_at
    if ends_at is not None:
        line.emit(EndAnnounced, of=account, customer=command.customer, ends_at=max(ends_at, at))
    if account.closed_at is None and (ends_at is None or ends_at <= at):
        clause = line.rules(account.terms).clauses.termination
        line.emit_each(PRODUCTS[account.PRODUCT].end_for_holder(account, at, line.book, clause))


def call_off_end(line: Line, account: Account, command: CallOffEnd) -> None:
    """It goes on, where it was to end for that customer."""
    if account.ending is not None and account.ending.customer == command.customer:
        line.emit(EndCalledOff, of=account, customer=command.customer)


def must_not_be_erased(line: Line, account: Account) -> None:
    """Raises Erased where the account has agreed to the erasure of its holder, or would, processing having ended.

    So it is the same whether it was asked already: that hangs on who noticed when.
    """
    agreed = account.erasure is not None and account.erasure.agreed
    if agreed or (has_ended_for_holder(line, account) and not objections_of(account)):
        raise Erased


def must_be_reclaimable(line: Line, account: Account) -> None:
    """Raises Erased where the number goes back to nobody: its last holder is forgotten, or processed no more.

    Also where the account objected and time has taken away why: the holder may be gone in the same breath.
    """
    must_not_be_erased(line, account)
    asked = account.erasure
    objects_no_more = asked is not None and asked.objections and not objections_of(account)
    if objects_no_more or has_ended_for_holder(line, account):
        raise Erased


def has_ended_for_holder(line: Line, account: Account) -> bool:
    """Whether processing has ended for the account's holder, who withdrew consent to it."""
    return account.ending is not None and account.ending.at <= line.cause.at


def report(line: Line) -> None:
    """The accounts that were asked say again what they have against it, where that has changed.

    Not where something still falls due at this instant: that is the end of an account, after which it is asked again.
    """
    if line.due_at <= line.cause.at:
        return
    for account in line.accounts():
        asked = account.erasure
        if asked is None or asked.agreed:
            continue
        now = objections_of(account) if is_held_by(account.holder, asked.customer) else []
        if now != asked.objections:
            line.emit(ErasureAnswered, of=account, customer=asked.customer, nth=asked.nth, objections=now)
