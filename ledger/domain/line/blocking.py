"""Blocks: each of its own id and scope, on a ground of the terms, and lifted only by itself (SP23-22, SP23-24)."""

from __future__ import annotations

from ledger.domain.line.account import Account, must_leave_room
from ledger.domain.line.commands import ESTABLISHED, Block, BlockForDebt, LiftDebtBlock, Terminate, Unblock
from ledger.domain.line.events import Blocked, Unblocked
from ledger.domain.line.line import Line
from ledger.domain.refusals import (
    BlockExists,
    GroundNotInTerms,
    InTheFuture,
    NotEligible,
    ReferenceRequired,
    TooManyOpen,
    UnknownBlock,
)
from ledger.domain.terms import Ground

OF_DEBTS = "ground-11/"
"""How the ids of blocks begin that follow from a bill of another number of the holder."""
_RETURN = "/return-"
"""What their ids have besides on a number that came back to him while he still owes: a block's id is used once."""


def block(line: Line, account: Account, command: Block) -> None:
    """Sets a block, whose id was never used before."""
    if line.claimed(account.id, "block", command.block):
        raise BlockExists(command.block)
    _must_leave_room(line, account)
    ground = ground_of(line, command)
    line.emit(
        Blocked,
        clause=ground.clause,
        block=command.block,
        scope=command.scope,
        ground=command.ground,
        reference=command.reference,
        since=command.since,
        basis=command.basis,
    )


def block_for_debt(line: Line, account: Account, command: BlockForDebt) -> None:
    """Blocks an account for a bill of another one of its holder; what cannot stand comes to nothing (SE23-19).

    The ground is one of the terms of the account in debt, so it is not asked for in these.
    """
    stands = account.closed_at is None and account.holder == command.customer
    if not stands or line.claimed(account.id, "block", command.block):
        return
    if any(block_of_debt(one) == block_of_debt(command.block) for one in account.blocks):
        return
    try:
        _must_leave_room(line, account)
    except TooManyOpen:
        return
    line.emit(
        Blocked,
        of=account,
        block=command.block,
        scope=command.scope,
        ground=command.ground,
        reference=None,
        since=None,
        basis=ESTABLISHED,
    )


def _must_leave_room(line: Line, account: Account) -> None:
    lately = account.lifted_lately(line.cause.at, line.rules(account.terms))
    must_leave_room(account.blocks, lately=lately, so="are, or were when use may still come of")


def lift_debt_block(line: Line, account: Account, command: LiftDebtBlock) -> None:
    """Lifts such a block, where it still stands, also that of a number which had come back."""
    if account.closed_at is None:
        for name in [one for one in account.blocks if block_of_debt(one) == command.block]:
            line.emit(Unblocked, of=account, block=name)


def block_of_debt(block: str) -> str:
    """The block of a debt by which the other numbers are blocked, of that or of one on a number that came back."""
    return block.partition(_RETURN)[0]


def block_on_return(block: str, nth: int) -> str:
    """The block of a debt on a number that came back to its holder for the nth time since that block was told of."""
    return f"{block}{_RETURN}{nth}" if nth else block


def lift_debts_of_former_holder(line: Line, account: Account) -> None:
    """Whoever holds the number from now on answers for no debt of whoever held it before."""
    for name in [one for one in account.blocks if one.startswith(OF_DEBTS)]:
        line.emit(Unblocked, of=account, block=name)


def unblock(line: Line, account: Account, command: Unblock) -> None:
    """Lifts that block, and no other."""
    if command.block not in account.blocks:
        raise UnknownBlock(command.block)
    line.emit(Unblocked, clause=line.terms.clauses.unblock, block=command.block)


def ground_of(line: Line, command: Block | Terminate) -> Ground:
    """The ground of the terms that the command names, with what it asks for (SP23-24)."""
    ground = line.terms.ground(command.ground)
    if ground is None:
        raise GroundNotInTerms(command.ground)
    if ground.requires == "reference" and not command.reference:
        raise ReferenceRequired("reference")
    if ground.requires == "since":
        if command.since is None:
            raise ReferenceRequired("since")
        if command.since > line.cause.at:
            raise InTheFuture("since")
        if line.terms.zone.plus_months(command.since, ground.months) > line.cause.at:
            detail = f"it has to last {ground.months} months"
            raise NotEligible(detail)
    return ground
