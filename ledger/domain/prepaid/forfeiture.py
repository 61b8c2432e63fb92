"""Forfeiture: the credit left is lost to the operator.

When it is, the terms say. SP23-20: at the top-up that restores service; XP25-16: when waiting begins. A waiting period
keeps the rule that was in force at its start. Under all terms it is lost at deactivation and termination.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Draft
from ledger.domain.line.line import Line
from ledger.domain.money import BREAKAGE, PULSA, transfer
from ledger.domain.prepaid.account import WAITING, PrepaidAccount
from ledger.domain.prepaid.events import CreditForfeited
from ledger.domain.prepaid.terms import PrepaidTerms


def forfeited(account: PrepaidAccount, cause: str, clause: str | None) -> Iterator[Draft]:
    """All credit left is lost; nothing happens where none is left."""
    amount = account.available
    if amount > 0:
        postings = transfer(PULSA, account.credit_name, BREAKAGE, amount)
        yield Draft(CreditForfeited, clause, postings, {"amount": amount, "cause": cause})


def lost_by_top_up(account: PrepaidAccount) -> int:
    """What the next top-up would forfeit, in sen: what is left in waiting, where the rule is that of SP23-20."""
    return account.available if account.state == WAITING and account.forfeits_under is not None else 0


def forfeit_when_restored(line: Line, account: PrepaidAccount) -> None:
    """SP23-20: before the top-up that ends the waiting period, under the terms by whose rule that period began."""
    under = account.forfeits_under
    if under is not None:
        clause = line.book.of(PrepaidTerms, under).forfeiture.clause
        line.emit_each(forfeited(account, "restored", clause), terms=under)
