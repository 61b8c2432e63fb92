"""What follows from what happens to a customer: his other accounts are blocked for a debt, and unblocked again.

And what passes between him and his accounts when they end, and when he is to be erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.domain.commands import Command
from ledger.domain.customer.commands import (
    NoteAccount,
    NoteAccountEnded,
    NoteAccountLeft,
    NoteDebt,
    NoteDebtCleared,
    NoteErasureAnswer,
)
from ledger.domain.customer.events import AccountNoted, DebtBlock, DebtCleared, OthersBlocked
from ledger.domain.customer.events_of_persons import (
    ConsentGiven,
    ConsentWithdrawn,
    ErasureAsked,
    ErasureBlocked,
    ProcessingEnded,
)
from ledger.domain.customer.ids_of_customers import PREFIX, customer_named, is_persons
from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT, POLICY, POLICY_IDS, account_of, subject_of
from ledger.domain.kinds import Follows, Relations
from ledger.domain.line.commands import BlockForDebt, LiftDebtBlock
from ledger.domain.line.erasure_commands import AskForErasure, CallOffEnd, CallOffErasure, EndForHolder
from ledger.domain.line.erasure_events import ErasureAnswered
from ledger.domain.line.events import NumberAvailable, NumberQuarantined, RightsTransferred


def block_others(event: OthersBlocked) -> list[Command]:
    """Each of the other accounts is blocked."""
    block: DebtBlock = {"block": event.block, "scope": event.scope, "ground": event.ground}
    return [_block(event.recorded_at, event.account, account, block) for account in event.accounts]


def join(event: AccountNoted) -> list[Command]:
    """An account that joins while debts stand is blocked for them, and ends where consent was withdrawn."""
    told = [_block(event.recorded_at, event.account, event.of, block) for block in event.blocks]
    return told if event.ends_at is None else [*told, _end(event, event.of, event.ends_at)]


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
            NoteAccount(
                at=at,
                command_id=id_,
                actor=POLICY,
                customer=taken,
                of=event.account,
                begins=is_persons(taken),
            )
        )
    return told


def tell_of_end(event: NumberQuarantined | NumberAvailable) -> list[Command]:
    """The holder of an account that has ended hears of it, where he is told of everything."""
    customer = customer_named(event.customer or "")
    if customer is None or not is_persons(customer):
        return []
    account = account_of(event.msisdn, event.generation)
    return [
        NoteAccountEnded(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{event.account}/{event.version}",
            actor=POLICY,
            customer=customer,
            of=account,
            ended_at=event.effective_at,
        )
    ]


def ask(event: ErasureAsked) -> list[Command]:
    """Each account is asked."""
    return [
        AskForErasure(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}erasure/{event.account}/{event.nth}/{account}",
            actor=POLICY,
            msisdn=subject_of(account),
            account=account,
            customer=event.account,
            nth=event.nth,
        )
        for account in event.accounts
    ]


def hand_on(event: ErasureAnswered) -> list[Command]:
    """What an account has said reaches its customer."""
    return [
        NoteErasureAnswer(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{event.account}/{event.version}",
            actor=POLICY,
            customer=event.customer,
            of=event.account,
            nth=event.nth,
            objections=event.objections,
        )
    ]


def call_off(event: ErasureBlocked) -> list[Command]:
    """Those that had agreed are free again."""
    return [
        CallOffErasure(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}erasure-off/{event.account}/{event.version}/{account}",
            actor=POLICY,
            msisdn=subject_of(account),
            account=account,
            customer=event.account,
            nth=event.nth,
        )
        for account in event.agreed
    ]


def announce_end(event: ConsentWithdrawn) -> list[Command]:
    """Each account is told when it ends: it does so by itself, unless that is called off."""
    return [_end(event, account, event.limit_at) for account in event.accounts or ()]


def call_off_end(event: ConsentGiven) -> list[Command]:
    """Each account goes on."""
    return [
        CallOffEnd(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}end-off/{event.account}/{event.version}/{account}",
            actor=POLICY,
            msisdn=subject_of(account),
            account=account,
            customer=event.account,
        )
        for account in event.accounts or ()
    ]


def end_all(event: ProcessingEnded) -> list[Command]:
    """Each account that nobody has told before is brought to its end, as its holder's own doing."""
    return [_end(event, account) for account in event.accounts]


def _end(event: Event, account: str, ends_at: int | None = None) -> Command:
    return EndForHolder(
        at=event.recorded_at,
        command_id=f"{POLICY_IDS}end/{event.account}/{event.version}/{account}",
        actor=POLICY,
        msisdn=subject_of(account),
        account=account,
        customer=event.account,
        ends_at=ends_at,
    )


FOLLOWS: Follows = {
    NumberQuarantined: tell_of_end,
    NumberAvailable: tell_of_end,
    ErasureAsked: ask,
    ErasureAnswered: hand_on,
    ErasureBlocked: call_off,
    ConsentWithdrawn: announce_end,
    ConsentGiven: call_off_end,
    ProcessingEnded: end_all,
    RightsTransferred: change_hands,
    OthersBlocked: block_others,
    AccountNoted: join,
    DebtCleared: lift,
}


def _of_note(
    command: NoteAccount | NoteAccountEnded | NoteAccountLeft | NoteDebt | NoteErasureAnswer,
) -> Iterator[tuple[str, bool]]:
    yield "of", ACCOUNT.fullmatch(command.of) is not None


def _of_nothing(_: NoteDebtCleared) -> Iterable[tuple[str, bool]]:
    return ()


RELATIONS: Relations = {
    NoteAccount: _of_note,
    NoteAccountEnded: _of_note,
    NoteAccountLeft: _of_note,
    NoteErasureAnswer: _of_note,
    NoteDebt: _of_note,
    NoteDebtCleared: _of_nothing,
}
