"""What follows from what happens to a statement: a dispute goes to its account, and a refusal comes back."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT, POLICY, POLICY_IDS, subject_of
from ledger.domain.kinds import Ended, Follows, PartitionHistory, Relations, Returns
from ledger.domain.line.dispute_commands import RaiseDispute
from ledger.domain.line.raising_disputes import raising_id
from ledger.domain.refusals import REFUSALS, IdempotencyConflict, Refusal
from ledger.domain.statement.commands import NoteDisputeRefused
from ledger.domain.statement.events import DisputeRaised, DisputeRefused


def raise_on_account(event: DisputeRaised) -> list[Command]:
    """It goes to the account."""
    return [
        RaiseDispute(
            at=event.recorded_at,
            command_id=raising_id(event.account, event.dispute),
            actor=POLICY,
            msisdn=subject_of(event.of),
            dispute=event.dispute,
            about=event.about,
            claimed=event.claimed,
            unit=event.unit,
            reason=event.reason,
            opened_by=event.actor,
            statement=event.account,
            line=event.line,
            account=event.of,
            raw=event.raw,
            refers_to=event.refers_to,
            assignee=event.assignee,
            due_on=event.due_on,
        )
    ]


def _refusing_id(statement: str, dispute: str) -> str:
    return f"{POLICY_IDS}refused/{statement}/{dispute}"


def note_refusal(command: RaiseDispute, refusal: Refusal) -> list[Command]:
    """The account refused it: the statement hears so."""
    return [
        NoteDisputeRefused(
            at=command.at,
            command_id=_refusing_id(command.statement, command.dispute),
            actor=POLICY,
            statement=command.statement,
            dispute=command.dispute,
            account=command.account,
            refusal=refusal.code,
        )
    ]


def _of_refusal(command: NoteDisputeRefused) -> Iterator[tuple[str, bool]]:
    yield "account", ACCOUNT.fullmatch(command.account) is not None
    yield "refusal", command.refusal in REFUSALS
    yield "command_id", command.command_id == _refusing_id(command.statement, command.dispute)


def _ended(
    command: NoteDisputeRefused, digest: bytes, recorded: PartitionHistory
) -> tuple[Event, Refusal | None] | None:
    if not (recorded.is_here(command.statement) and recorded.is_here(subject_of(command.account))):
        return None
    for events in (recorded.streams(command.statement), recorded.happened(command.statement)):
        for event in events:
            if isinstance(event, DisputeRefused) and event.command_id == command.command_id:
                if event.command_digest != digest:
                    raise IdempotencyConflict
                return event, None
    return None


FOLLOWS: Follows = {DisputeRaised: raise_on_account}
RETURNS: Returns = {RaiseDispute: note_refusal}
ENDED: Ended = {NoteDisputeRefused: _ended}
RELATIONS: Relations = {NoteDisputeRefused: _of_refusal}
