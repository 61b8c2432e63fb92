"""How a statement's dispute reaches the account that it is about: a policy's command, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT, POLICY_IDS, subject_of
from ledger.domain.kinds import Ended, PartitionHistory, Relations
from ledger.domain.line.dispute_commands import RaiseDispute
from ledger.domain.line.dispute_events import DisputeOpened
from ledger.domain.refusals import IdempotencyConflict, Refusal

STATEMENTS_OWN = "D-"
"""How the ids of disputes begin that lines of statements bring about."""


def raising_id(statement: str, dispute: str) -> str:
    """The id of the command by which a statement's dispute reaches its account."""
    return f"{POLICY_IDS}{statement}/{dispute}"


def _of_raising(command: RaiseDispute) -> Iterator[tuple[str, bool]]:
    yield "account", ACCOUNT.fullmatch(command.account) is not None
    yield "msisdn", subject_of(command.account) == command.msisdn
    yield "dispute", command.dispute.startswith(STATEMENTS_OWN)
    yield "command_id", command.command_id == raising_id(command.statement, command.dispute)


def _ended(
    command: RaiseDispute, digest: bytes, recorded: PartitionHistory
) -> tuple[Event, Refusal | None] | None:
    if not (recorded.is_here(command.statement) and recorded.is_here(command.msisdn)):
        return None
    for events in (recorded.streams(command.account), recorded.happened(command.msisdn)):
        for event in events:
            if isinstance(event, DisputeOpened) and event.command_id == command.command_id:
                if event.command_digest != digest:
                    raise IdempotencyConflict
                return event, None
    return None


RAISING_RELATIONS: Relations = {RaiseDispute: _of_raising}
RAISING_ENDED: Ended = {RaiseDispute: _ended}
