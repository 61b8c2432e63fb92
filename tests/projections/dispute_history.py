"""A log with disputes of every outcome on one number, for what asks of them."""

from __future__ import annotations

from pathlib import Path

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.line.commands import Terminate
from ledger.domain.line.dispute_commands import AttachEvidence, DecideDispute, OpenDispute, ReopenDispute
from ledger.domain.prepaid.commands import TopUp
from tests.given import NUMBER, START, Story, at, day, rupiah

BEGIN = at(START)
HOUR = 3_600 * SECOND
ACCOUNT = f"{NUMBER}#1"


def log_of_disputes(folder: Path) -> Path:
    """C-1 reopened and corrected, C-2 overridden, C-3 corrected on a closed account, C-4 and C-5 open."""
    story = Story(folder).given_active()
    hours = iter(range(1, 100))

    def say(command: type, **fields: object) -> None:
        story.given(command, BEGIN + next(hours) * HOUR, **fields)

    say(TopUp, credit=rupiah(20_000), command_id="top-1")
    say(OpenDispute, claimed=rupiah(50_000), assignee="staff-3", due_on=day("2023-08-01"))
    say(AttachEvidence)
    say(DecideDispute, decision="rejected")
    say(ReopenDispute)
    say(DecideDispute, decision="corrected", amount=rupiah(10_000), approved_by="staff-2")
    say(OpenDispute, dispute="C-2", claimed=rupiah(50_000))
    say(DecideDispute, dispute="C-2", decision="overridden")
    say(Terminate, ground="l")
    say(OpenDispute, dispute="C-3", refers_to=None, claimed=rupiah(7_000))
    say(DecideDispute, dispute="C-3", decision="corrected", approved_by="staff-2")
    say(OpenDispute, dispute="C-4", refers_to=None, claimed=rupiah(1), assignee="staff-3")
    story.given(
        OpenDispute, BEGIN + 40 * DAY, dispute="C-5", refers_to=None, claimed=1, due_on=day("2023-09-01")
    )
    story.close()
    return story.path
