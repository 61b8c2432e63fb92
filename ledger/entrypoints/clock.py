"""The clock: sends `AdvanceTime` for what is due, and closes the partition behind it. It never decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ledger.application import CLOCK_TOLERANCE
from ledger.domain.calendar import format_instant
from ledger.domain.commands import AdvanceTime, CloseThrough, Command
from ledger.errors import LedgerError
from ledger.outcomes import Outcome

ACTOR = "clock"
BATCH = 1000
"""Numbers that are advanced at once."""


class ClockRefused(LedgerError):
    """The ledger did not take the clock's word."""

    code = "clock-refused"


class Clocked(Protocol):
    """One partition as the clock sees it: the ledger over a file, or a partition on Kafka."""

    @property
    def subject(self) -> str:
        """What the events of the whole partition are about."""

    @property
    def closed_through(self) -> int:
        """The instant through which it is closed."""

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""

    def execute(self, commands: Sequence[Command]) -> list[Outcome]:
        """The outcome of each command."""


class Tick(NamedTuple):
    """What a tick found: how many numbers were due, and the instant that the partition is closed through."""

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


def advance(ledger: Clocked, now: int) -> Tick:
    """Advances every number that is due by `now` less the clock tolerance, and closes the partition through then.

    Raises ClockRefused where the ledger refuses.
    """
    through = now - CLOCK_TOLERANCE
    command_id = f"clock/{format_instant(through)}"
    due = 0
    while numbers := ledger.due(through, BATCH):
        commands = [
            AdvanceTime(at=through, command_id=command_id, actor=ACTOR, msisdn=msisdn) for msisdn in numbers
        ]
        outcomes = ledger.execute(commands)
        due += len(numbers)
        if ledger.due(through, 1) == numbers[:1]:  # nothing moved: never turn in a circle
            message = f"{numbers[0]} stays due: {outcomes[0].status} {outcomes[0].code}"
            raise ClockRefused(message)
    close = CloseThrough(
        at=through, command_id=command_id, actor=ACTOR, msisdn=ledger.subject, through=through
    )
    outcome = ledger.execute([close])[0]
    if outcome.code is not None:
        raise ClockRefused(f"{outcome.code}: {outcome.message}")
    return Tick(due, max(through, ledger.closed_through), outcome.position)
