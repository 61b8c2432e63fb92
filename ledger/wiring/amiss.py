"""What a check raises that finds something which stops nobody; and clocks that do not go together."""

from __future__ import annotations

from ledger.domain.calendar import SECOND
from ledger.figures import grouped

REFUSED = "docs/runbook/clock-refused.md"
TOLERANCE = 5 * SECOND
"""How far two clocks may be apart: as far as a command may run behind."""


class Amiss(Exception):
    """Something that stops nobody, and is not as it should be: its code, and the page of the runbook about it."""

    def __init__(self, code: str, page: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.page = page


class NotUsed(Exception):
    """The settings have no such part."""


def must_not_be_behind(now: int, then: int, whose: str) -> None:
    """Raises Amiss where this machine's clock is behind an instant that somebody else has told."""
    if then - now > TOLERANCE:
        seconds = (then - now) // SECOND
        raise Amiss(
            "clock-behind", REFUSED, f"this machine's clock is {grouped(seconds)} s behind that of {whose}"
        )
