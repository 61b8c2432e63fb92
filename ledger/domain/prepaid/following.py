"""What must happen elsewhere because of what happened to a number: credit that is sent arrives, or comes back.

And its customer is told of a number that is activated, whose debts on other numbers then block this one, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.commands import Command
from ledger.domain.customer.commands import NoteAccount
from ledger.domain.customer.ids_of_customers import customer_named, is_persons
from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT, POLICY, POLICY_IDS, is_under, subject_of
from ledger.domain.kinds import Ended, Follows, Forms, PartitionHistory, Relations, Returns
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer
from ledger.domain.prepaid.events import Activated, CreditTransferSent, NumberReclaimed
from ledger.domain.prepaid.transfer_endings import TransferEnding, answer_of, endings, numbers_of
from ledger.domain.refusals import REFUSALS, Refusal

_MOST_DAYS = 36_500
"""Days of validity that any terms may give."""


def receive(event: CreditTransferSent) -> list[Command]:
    """It arrives."""
    return [
        ReceiveCreditTransfer(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{event.transfer}",
            actor=POLICY,
            msisdn=event.to_msisdn,
            transfer=event.transfer,
            from_account=event.account,
            amount=event.amount,
            fee=event.fee,
            days=event.days,
        )
    ]


def activated(event: Activated) -> list[Command]:
    """The number is one more of its customer's, where he is known by a contract or as a person (SE23-19, ground 11)."""
    return _noted(event, "activated")


def _noted(event: Activated | NumberReclaimed, why: str) -> list[Command]:
    customer = customer_named(event.customer)
    if customer is None:
        return []
    return [
        NoteAccount(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{why}/{event.account}",
            actor=POLICY,
            customer=customer,
            of=event.account,
            begins=is_persons(customer),
        )
    ]


def reclaimed(event: NumberReclaimed) -> list[Command]:
    """The number is a person's again."""
    return _noted(event, "reclaimed") if is_persons(event.customer) else []


def give_back(command: ReceiveCreditTransfer, refusal: Refusal) -> list[Command]:
    """It comes back."""
    return [
        ReturnCreditTransfer(
            at=command.at,
            command_id=f"{POLICY_IDS}return/{command.transfer}",
            actor=POLICY,
            msisdn=subject_of(command.from_account),
            transfer=command.transfer,
            account=command.from_account,
            to_msisdn=command.msisdn,
            amount=command.amount,
            fee=command.fee,
            refusal=refusal.code,
        )
    ]


def ended(
    command: TransferEnding, digest: bytes, recorded: PartitionHistory
) -> tuple[Event, Refusal | None] | None:
    """How a transfer has ended of which both numbers are here: only such a one is carried out at once.

    The journal knows all others. Raises IdempotencyConflict or Invalid, as `answer_of`.
    """
    if not all(map(recorded.is_here, numbers_of(command))):
        return None
    for event in endings(command, recorded.streams, recorded.happened):
        return event, answer_of(command, digest, event)
    return None


def of_receiving(command: ReceiveCreditTransfer) -> Iterator[tuple[str, bool]]:
    """What holds between the fields of the receiving half."""
    yield "from_account", ACCOUNT.fullmatch(command.from_account) is not None
    yield "transfer", is_under(command.transfer, command.from_account)
    yield "command_id", command.command_id == f"{POLICY_IDS}{command.transfer}"
    yield "days", 0 <= command.days <= _MOST_DAYS


def of_returning(command: ReturnCreditTransfer) -> Iterator[tuple[str, bool]]:
    """And of the one that comes back."""
    yield "account", ACCOUNT.fullmatch(command.account) is not None
    yield "msisdn", subject_of(command.account) == command.msisdn
    yield "transfer", is_under(command.transfer, command.account)
    yield "command_id", command.command_id == f"{POLICY_IDS}return/{command.transfer}"
    yield "refusal", command.refusal in REFUSALS


RELATIONS: Relations = {ReceiveCreditTransfer: of_receiving, ReturnCreditTransfer: of_returning}
FORMS: Forms = {
    ReceiveCreditTransfer: {"transfer": "own-id", "days": None},
    ReturnCreditTransfer: {"transfer": "own-id"},
}
FOLLOWS: Follows = {CreditTransferSent: receive, Activated: activated, NumberReclaimed: reclaimed}
RETURNS: Returns = {ReceiveCreditTransfer: give_back}
ENDED: Ended = {ReceiveCreditTransfer: ended, ReturnCreditTransfer: ended}
