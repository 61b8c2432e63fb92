"""The clock: has what is due advanced, and closes the log behind it. It never decides anything.

It keeps nothing in mind: whether a closing is owed it sees from the log, so any number of clocks do what one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ledger.application.journal import PartitionStanding
from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.calendar import zone as zone_named
from ledger.domain.commands import Command
from ledger.domain.kinds import advancing
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.refusals import Invalid
from ledger.domain.subject import CLOCK
from ledger.errors import LedgerError

BATCH = 1000
"""Subjects that are advanced at once."""


class ClockRefused(LedgerError):
    """The ledger did not take the clock's word."""

    code = "clock-refused"


class Clocked(Protocol):
    """One partition as the clock sees it: the ledger over a file, or a partition on Kafka."""

    @property
    def subject(self) -> str:
        """What the events of the whole partition are about."""

    def standing(self) -> PartitionStanding:
        """Where it stands now."""

    def due(self, until: int, limit: int) -> list[str]:
        """Subjects that something falls due for at or before an instant, earliest first."""

    def execute(self, commands: Sequence[Command], *, principal: str | None = None) -> list[Outcome]:
        """The outcome of each command; `principal` is who runs the clock."""


class Tick(NamedTuple):
    """What a tick found: how many subjects were due, and the instant that the partition is closed through."""

    due: int
    closed_through: int
    position: str

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "due": self.due,
            "closed_through": format_instant(self.closed_through),
            "position": self.position,
        }


def tick(partitions: Sequence[Clocked], now: int, *, asked: bool, principal: str | None = None) -> list[Tick]:
    """Advances every subject that is due by `now` less the clock tolerance, and closes the partitions through then.

    `asked`: whether somebody wants them closed now. Else they are left as they are while nothing is recorded in any of
    them, but for the first tick of a day. Either all are closed or none: an answer may rest on several of them.
    Raises ClockRefused where the ledger refuses.
    """
    through = now - CLOCK_TOLERANCE
    due = [_advance(partition, through, principal) for partition in partitions]
    standing = [partition.standing() for partition in partitions]
    if not asked and not _is_owed(standing, through):
        return [
            Tick(count, one.closed_through, one.position) for count, one in zip(due, standing, strict=True)
        ]
    return [
        _close(partition, count, one, through, principal)
        for partition, count, one in zip(partitions, due, standing, strict=True)
    ]


def _is_owed(standing: Sequence[PartitionStanding], through: int) -> bool:
    """Whether something was recorded that no closing covers, or another day has begun."""
    closed = min(one.closed_through for one in standing)
    if any(one.recorded_at > closed or one.closed_through != closed for one in standing):
        return True
    zones = {zone for one in standing for zone in one.zones} or {zone_named("UTC")}
    return closed == -NEVER or any(zone.day(closed) < zone.day(through) for zone in zones)


def _advance(partition: Clocked, through: int, principal: str | None) -> int:
    """Records what fell due, and returns for how many numbers."""
    count = 0
    while numbers := partition.due(through, BATCH):
        _, _, ordinal = partition.standing().position.partition(
            ":"
        )  # no other asks there, unless nothing moves
        asked = AdvanceDue(
            at=through,
            command_id=f"{_id(through)}/{ordinal}",
            actor=CLOCK,
            msisdn=partition.subject,
            through=through,
            subjects=list(numbers),
        )
        outcome = partition.execute([asked], principal=principal)[0]
        if outcome.code == Invalid.code:
            raise ClockRefused(
                f"{partition.subject}: {outcome.message} by the log's clock: this one is ahead of it"
            )
        if outcome.code is not None or partition.due(through, 1) == numbers[:1]:
            return count + _advance_each(partition, through, principal)
        count += len(numbers)
    return count


def _advance_each(partition: Clocked, through: int, principal: str | None) -> int:
    """The same one by one, so that one that cannot be advanced stops none before it.

    One is asked for alone, and then all others: a clock that is ahead of the log's own hears so from the first.
    """
    count, most = 0, 1
    while numbers := partition.due(through, most):
        commands = [advancing(id_, through, _id(through)) for id_ in numbers]
        outcomes = partition.execute(commands, principal=principal)
        count += len(numbers)
        if partition.due(through, 1) == numbers[:1]:  # nothing moved: never turn in a circle
            raise ClockRefused(_stays_due(partition, outcomes[0], through))
        most = BATCH
    return count


def _stays_due(partition: Clocked, outcome: Outcome, through: int) -> str:
    if outcome.code is None and outcome.at < through:
        taken, asked = format_instant(outcome.at), format_instant(through)
        return f"{partition.subject}: {taken} by the log's clock, and {asked} was asked for: this one is ahead of it"
    return f"{partition.subject}: what is due stays due: {outcome.status} {outcome.code}"


def _close(
    partition: Clocked, due: int, before: PartitionStanding, through: int, principal: str | None
) -> Tick:
    subject = partition.subject
    close = CloseThrough(at=through, command_id=_id(through), actor=CLOCK, msisdn=subject, through=through)
    outcome = partition.execute([close], principal=principal)[0]
    if outcome.code is not None:
        raise ClockRefused(f"{outcome.code}: {outcome.message}")
    return Tick(due, max(through, before.closed_through), outcome.position)


def _id(through: int) -> str:
    return f"clock/{format_instant(through)}"
