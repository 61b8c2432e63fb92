"""What follows from money in suspense that is assigned: it arrives at the account, or lies in suspense again."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT, NUMBER, POLICY, POLICY_IDS, is_under, subject_of
from ledger.domain.kinds import Ended, Follows, Forms, PartitionHistory, Relations, Returns
from ledger.domain.line.events import SuspenseAssigned, SuspenseRefused
from ledger.domain.postpaid.commands import ReopenSuspense, TakeSuspense
from ledger.domain.postpaid.events_of_payments import SuspenseTaken
from ledger.domain.refusals import REFUSALS, IdempotencyConflict, Invalid, Refusal

SuspenseEnding = SuspenseTaken | SuspenseRefused


def arrive(event: SuspenseAssigned) -> list[Command]:
    """It arrives."""
    return [
        TakeSuspense(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{event.assignment}",
            actor=POLICY,
            msisdn=subject_of(event.to_account),
            account=event.to_account,
            assignment=event.assignment,
            from_msisdn=event.account,
            reference=event.reference,
            amount=event.amount,
            method=event.method,
            payer=event.payer,
            received_at=event.received_at,
            content=event.content,
        )
    ]


def reopen(command: TakeSuspense, refusal: Refusal) -> list[Command]:
    """It lies in suspense again."""
    return [
        ReopenSuspense(
            at=command.at,
            command_id=f"{POLICY_IDS}reopen/{command.assignment}",
            actor=POLICY,
            msisdn=command.from_msisdn,
            assignment=command.assignment,
            to_account=command.account,
            reference=command.reference,
            amount=command.amount,
            method=command.method,
            payer=command.payer,
            received_at=command.received_at,
            content=command.content,
            refusal=refusal.code,
        )
    ]


def ended(
    command: TakeSuspense | ReopenSuspense, digest: bytes, recorded: PartitionHistory
) -> tuple[Event, Refusal | None] | None:
    """How an assignment has ended of which both numbers are here: only such a one is carried out at once.

    The journal knows all others. Raises IdempotencyConflict where it ended by a command of that id and another
    content, Invalid where what has arrived would lie in suspense again.
    """
    if isinstance(command, TakeSuspense):
        account, number = command.account, command.from_msisdn
    else:
        account, number = command.to_account, command.msisdn
    taker = subject_of(account)
    if not (recorded.is_here(number) and recorded.is_here(taker)):
        return None
    for events in (
        recorded.streams(account),
        recorded.happened(taker),
        recorded.streams(number),
        recorded.happened(number),
    ):
        for event in events:
            if isinstance(event, SuspenseEnding) and event.assignment == command.assignment:
                return event, _answer_of(command, digest, event)
    return None


def _answer_of(
    command: TakeSuspense | ReopenSuspense, digest: bytes, ending: SuspenseEnding
) -> Refusal | None:
    if ending.command_id == command.command_id:
        if ending.command_digest != digest:
            raise IdempotencyConflict
        return None
    if isinstance(ending, SuspenseRefused):
        return REFUSALS[ending.refusal]()
    raise Invalid(f"assignment: {command.assignment} has arrived, and so does not lie in suspense")


def _of_taking(command: TakeSuspense) -> Iterator[tuple[str, bool]]:
    yield "account", ACCOUNT.fullmatch(command.account) is not None
    yield "msisdn", subject_of(command.account) == command.msisdn
    yield "from_msisdn", NUMBER.fullmatch(command.from_msisdn) is not None
    yield "assignment", is_under(command.assignment, command.from_msisdn)
    yield "command_id", command.command_id == f"{POLICY_IDS}{command.assignment}"


def _of_reopening(command: ReopenSuspense) -> Iterator[tuple[str, bool]]:
    yield "to_account", ACCOUNT.fullmatch(command.to_account) is not None
    yield "assignment", is_under(command.assignment, command.msisdn)
    yield "command_id", command.command_id == f"{POLICY_IDS}reopen/{command.assignment}"
    yield "refusal", command.refusal in REFUSALS


FOLLOWS: Follows = {SuspenseAssigned: arrive}
RETURNS: Returns = {TakeSuspense: reopen}
ENDED: Ended = {TakeSuspense: ended, ReopenSuspense: ended}
RELATIONS: Relations = {TakeSuspense: _of_taking, ReopenSuspense: _of_reopening}
FORMS: Forms = {TakeSuspense: {"assignment": "own-id"}, ReopenSuspense: {"assignment": "own-id"}}
