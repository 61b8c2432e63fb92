"""A made-up subscriber: habits, and a rough idea of credit and validity, such as the holder of a phone has.

The idea may be wrong, for it does not know late records, refusals or blocks; then the ledger refuses something, as it
does in life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.domain.calendar import DAY
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.prepaid.validity import extended
from ledger.simulation.draws import Weighted

NEVER = 2**62
"""An instant that does not come."""

EARLY, IN_GRACE, IN_WAITING, NO_MORE = "early", "in-grace", "in-waiting", "no-more"
"""When the next top-up comes."""


class Habits(NamedTuple):
    """Uses a day, the span of top-ups (sen) and when they come, purchases a day (in 100,000)."""

    uses: tuple[int, ...]
    top_ups: tuple[int, int]
    timing: Weighted[str]
    purchases: int


HABITS: Weighted[Habits] = Weighted(
    (
        25,
        Habits(
            uses=(0, 0, 0, 1, 1),
            top_ups=(5_000_00, 25_000_00),
            timing=Weighted((45, EARLY), (34, IN_GRACE), (14, IN_WAITING), (7, NO_MORE)),
            purchases=400,
        ),
    ),
    (
        50,
        Habits(
            uses=(0, 0, 1, 1, 1, 2, 3),
            top_ups=(10_000_00, 50_000_00),
            timing=Weighted((86, EARLY), (10, IN_GRACE), (3, IN_WAITING), (1, NO_MORE)),
            purchases=2_000,
        ),
    ),
    (
        25,
        Habits(
            uses=(0, 1, 2, 2, 3, 4, 6),
            top_ups=(50_000_00, 300_000_00),
            timing=Weighted((96, EARLY), (3, IN_GRACE), (1, NO_MORE)),
            purchases=6_000,
        ),
    ),
)


@dataclass(slots=True)
class Subscriber:
    """Instants are UTC microseconds, amounts sen."""

    msisdn: str
    customer: str
    terms: PrepaidTerms
    habits: Habits
    zone: str
    issued_at: int
    activates_at: int
    expires_at: int
    migrates_at: int = NEVER
    printed_credit: int = 0
    credit: int = 0
    active_until: int | None = None
    next_top_up: int = NEVER
    last_top_up: str | None = None
    cards: int = 1
    closed: bool = False

    @property
    def ends_at(self) -> int:
        """When the number is lost if nothing more comes."""
        if self.active_until is None:
            return NEVER
        return self.active_until + (self.terms.grace.days + self.terms.waiting.days) * DAY

    def begins(self, at: int) -> None:
        """The first active period."""
        days = self.terms.starter_pack.days or 0
        self.active_until = self.terms.zone.end_of_days(at, days)
        self.credit = self.printed_credit

    def tops_up(self, at: int, credit: int) -> None:
        """What a top-up does by the terms."""
        days = self.terms.days_of(credit)
        if days is None or self.active_until is None:
            return
        if at >= self.active_until + self.terms.grace.days * DAY:
            self.credit = 0
        self.credit += credit
        self.active_until = extended(
            self.terms.zone,
            old_end=self.active_until,
            granted_at=at,
            days=days,
            rule=self.terms.top_up.extension,
            cap_days=self.terms.cap_days(at),
        )

    def spends(self, amount: int) -> None:
        """Credit is used up."""
        self.credit = max(0, self.credit - amount)
