"""Closing a partition: once every subject there is advanced to an instant, nothing is recorded at or before it.

Before that the clock has subjects advanced, so many at once: they need no entries of their own in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.application.carrying_on import Following
from ledger.application.carrying_out import decide
from ledger.application.outcomes import Outcome
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.kinds import is_keyed
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.refusals import LimitReached
from ledger.domain.subject import CLOCK, Cause

DUE_AT_CLOSING = 50_000
"""Subjects that a closing itself advances at most, for they are one transaction; the clock advanced them before."""


def close(
    work: UnitOfWork, following: Following, command: CloseThrough, digest: bytes
) -> tuple[Outcome, int]:
    """Closes the partition; returns the outcome, and the ordinal of the event that says so.

    Each subject is advanced wholly, in order of (due, id); what follows comes right after that subject's events.
    """
    batch, through = work.batch, command.through
    if through <= work.closed_through:
        return work.outcome(command, command.at, None, ()), 0
    cause = Cause(max(command.at, through), command.command_id, digest, command.actor)
    work.begin(None, cause)
    due = work.recorder.due(through, DUE_AT_CLOSING + 1)
    if len(due) > DUE_AT_CLOSING:
        too_many = LimitReached(f"more than {DUE_AT_CLOSING} numbers are due: advance them first")
        return work.outcome(command, command.at, too_many, ()), 0
    for id_ in due:
        work.touch(id_)
    while _advance(work, following, through, cause, _behind(work, through)):
        pass  # what followed may have made something due
    partition = work.partition
    partition.cause = cause
    decide(partition, command)
    batch.add(partition.collect())
    return work.outcome(command, command.at, None, batch.events[-1:]), batch.ordinal


def advance_due(
    work: UnitOfWork, following: Following, command: AdvanceDue, digest: bytes
) -> tuple[Outcome, int]:
    """Advances subjects, what follows coming right after each; those it had to load are not kept in memory."""
    if command.through > work.closed_through:
        here = [id_ for id_ in command.subjects if is_keyed(id_) and work.recorder.is_here(id_)]
        work.pass_by(here)
        cause = Cause(max(command.at, command.through), command.command_id, digest, command.actor)
        _advance(work, following, command.through, cause, here)
    return work.outcome(command, command.at, None, ()), 0


def _behind(work: UnitOfWork, through: int) -> list[str]:
    """The subjects at hand that something falls due for by then, in order of (due, id)."""
    behind = [
        (due, id_) for id_, held in work.batch.touched.items() if (due := held.subject.due_at) <= through
    ]
    return [id_ for _, id_ in sorted(behind)]


def _advance(
    work: UnitOfWork, following: Following, through: int, cause: Cause, behind: Iterable[str]
) -> bool:
    """Advances what is behind; returns whether anything followed."""
    followed = False
    for id_ in behind:
        subject = work.touch(id_).subject  # another, where what followed before was undone
        if subject.due_at > through:
            continue
        subject.cause = Cause(max(through, subject.recorded_at), "", None, CLOCK)
        subject.advance(through)
        emitted = subject.collect()
        work.batch.add(emitted)
        following.begin()
        following.after(emitted, cause)
        followed = followed or following.count > 0
    return followed
