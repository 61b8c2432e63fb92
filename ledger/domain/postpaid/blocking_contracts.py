"""Blocks of contracts that people set, whose ids may not be like those of the ledger's own."""

from __future__ import annotations

from ledger.domain.line.blocking import OF_DEBTS, block
from ledger.domain.line.commands import Block
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.dunning import OF_DUNNING
from ledger.domain.postpaid.probation import OF_PROBATION
from ledger.domain.refusals import NotEligible


def block_contract(line: Line, account: PostpaidAccount, command: Block) -> None:
    """As any block."""
    if command.block.startswith((OF_DUNNING, OF_PROBATION, OF_DEBTS)):
        raise NotEligible("only the ledger itself gives ids like that")
    block(line, account, command)
