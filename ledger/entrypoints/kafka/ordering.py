"""In which order what came on the two topics of a partition is decided: as the broker took it in (LogAppendTime).

What only the ledger says must not overtake what was asked before it: a closing, or credit that arrives, would leave all
that waits behind its time, to be refused `clock-behind`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Ordering:
    """The records of one partition. What the ledger says is held until what was asked before it is at hand."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        """Records of the policies' topic that are to be decided later, in order."""

    def take(
        self, commands: Sequence[Any], policies: Sequence[Any], is_all: Callable[[], bool]
    ) -> Sequence[Any]:
        """What is to be decided now, of what was polled of the two topics and what was held.

        `is_all` tells whether nothing was asked beyond those commands; it is called only where that matters, after
        all of it was polled.
        """
        waiting = [*self.held, *policies]
        if not waiting:
            return commands
        if not commands or commands[-1].timestamp <= waiting[-1].timestamp:
            known = None if is_all() else commands[-1].timestamp if commands else 0
        else:
            known = None
        now = [record for record in waiting if known is None or record.timestamp < known]
        self.held = waiting[len(now) :]
        return sorted([*commands, *now], key=_taken_in)  # stable: at one instant, what was asked comes first


def _taken_in(record: Any) -> int:  # noqa: ANN401 - kafka-python's
    return int(record.timestamp)
