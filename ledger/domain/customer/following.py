"""What follows from what happens to a customer: his other accounts are blocked for a debt, and unblocked again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.domain.commands import Command
from ledger.domain.customer.commands import NoteAccount, NoteAccountLeft, NoteDebt, NoteDebtCleared
from ledger.domain.customer.customer import PREFIX
from ledger.domain.customer.events import AccountNoted, DebtBlock, DebtCleared, OthersBlocked
from ledger.domain.kinds import ACCOUNT, POLICY, POLICY_IDS, Follows, Relations, is_plain, subject_of
from ledger.domain.line.commands import BlockForDebt, LiftDebtBlock
from ledger.domain.line.events import RightsTransferred


def customer_named(customer: str) -> str | None:
    """The subject of a customer's id; None where it cannot be one."""
    return f"{PREFIX}{customer}" if customer and is_plain(customer) else None


def block_others(event: OthersBlocked) -> list[Command]:
    """Each of the other accounts is blocked."""
    block: DebtBlock = {"block": event.block, "scope": event.scope, "ground": event.ground}
    return [_block(event.recorded_at, event.account, account, block) for account in event.accounts]


def block_new(event: AccountNoted) -> list[Command]:
    """An account that joins while debts stand is blocked for them."""
    return [_block(event.recorded_at, event.account, event.of, block) for block in event.blocks]


def _block(at: int, customer: str, account: str, block: DebtBlock) -> Command:
    return BlockForDebt(
        at=at,
        command_id=f"{POLICY_IDS}{block['block']}/{account}",
        actor=POLICY,
        msisdn=subject_of(account),
        account=account,
        customer=customer.removeprefix(PREFIX),
        block=block["block"],
        scope=block["scope"],
        ground=block["ground"],
    )


def lift(event: DebtCleared) -> list[Command]:
    """The blocks for it are lifted."""
    return [
        LiftDebtBlock(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}lift/{event.block}/{account}",
            actor=POLICY,
            msisdn=subject_of(account),
            account=account,
            block=event.block,
        )
        for account in event.accounts
    ]


def change_hands(event: RightsTransferred) -> list[Command]:
    """The account of a number that passes to another person is his, where he is known."""
    told: list[Command] = []
    left, taken = customer_named(event.from_customer), customer_named(event.to_customer)
    at, id_ = event.recorded_at, f"{POLICY_IDS}{event.account}/{event.request}"
    if left is not None:
        told.append(NoteAccountLeft(at=at, command_id=id_, actor=POLICY, customer=left, of=event.account))
    if taken is not None:
        told.append(
            NoteAccount(at=at, command_id=id_, actor=POLICY, customer=taken, of=event.account, begins=False)
        )
    return told


FOLLOWS: Follows = {
    RightsTransferred: change_hands,
    OthersBlocked: block_others,
    AccountNoted: block_new,
    DebtCleared: lift,
}


def _of_note(command: NoteAccount | NoteAccountLeft | NoteDebt) -> Iterator[tuple[str, bool]]:
    yield "of", ACCOUNT.fullmatch(command.of) is not None


def _of_nothing(_: NoteDebtCleared) -> Iterable[tuple[str, bool]]:
    return ()


RELATIONS: Relations = {
    NoteAccount: _of_note,
    NoteAccountLeft: _of_note,
    NoteDebt: _of_note,
    NoteDebtCleared: _of_nothing,
}
