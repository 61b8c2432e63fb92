"""Ending an account on a ground of the terms (SP23-22, SP23-24)."""

from __future__ import annotations

from ledger.domain.line.account import Account
from ledger.domain.line.blocking import ground_of
from ledger.domain.line.commands import Terminate
from ledger.domain.line.events import Terminated
from ledger.domain.line.line import Line
from ledger.domain.line.product import PRODUCTS


def terminate(line: Line, account: Account, command: Terminate) -> None:
    """What the product does before its accounts end, and then the end."""
    ground = ground_of(line, command)
    clause = ground.clause or line.terms.clauses.termination
    line.emit_each(PRODUCTS[account.PRODUCT].before_end(account, line.cause.at, line.book, clause))
    line.emit(
        Terminated,
        clause=clause,
        ground=command.ground,
        reference=command.reference,
        since=command.since,
        basis=command.basis,
    )
