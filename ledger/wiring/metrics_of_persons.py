"""What is counted of persons for Prometheus: breached limits, blocked erasures, accounts of nobody, the last backup.

Counts and an instant; nobody is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.domain.calendar import SECOND
from ledger.errors import LedgerError
from projections.persons.held_by_nobody import UNKNOWN
from projections.persons.preferences import ERASED

NOBODY = (ERASED, UNKNOWN)
"""Why an account's holder is nobody."""
KINDS = ("access", "notice")
"""What has a limit that somebody may let pass: requests for access, and notices of a breach."""


@dataclass(frozen=True)
class Watched:
    """What there is to watch: breached limits by what was due, what blocks erasures, and when the vault was backed up.

    `blocked_by` has one reason for each erasure, `of_nobody` why nobody holds an account, for each; `backed_up_at` is
    in microseconds, 0 for never, None where there is no vault.
    """

    breached: Sequence[str]
    blocked_by: Sequence[str]
    of_nobody: Sequence[str]
    backed_up_at: int | None


class PersonMetrics(Collector):
    """The figures as they were when they were last looked at; none before the first time, or where that failed."""

    def __init__(self) -> None:
        self._found: Watched | None = None

    def look(self, ask: Callable[[], Watched]) -> bool:
        """Asks, and returns whether that could be told; what cannot is not told as zero."""
        try:
            self._found = ask()
        except LedgerError:
            self._found = None
        return self._found is not None

    def describe(self) -> Iterable[Metric]:
        """The names."""
        return self._families()

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        found = self._found
        if found is None:
            return
        breached, blocked, of_nobody, backed_up = self._families()
        limits, reasons, nobody = map(Counter, (found.breached, found.blocked_by, found.of_nobody))
        for kind in KINDS:
            breached.add_metric([kind], limits[kind])
        for reason in sorted(reasons):
            blocked.add_metric([reason], reasons[reason])
        for why in NOBODY:
            of_nobody.add_metric([why], nobody[why])
        if found.backed_up_at is not None:
            backed_up.add_metric([], found.backed_up_at / SECOND)
        yield from (breached, blocked, of_nobody, backed_up)

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, ...]:
        return (
            GaugeMetricFamily(
                "ledger_limits_breached",
                "Requests of persons, and notices of breaches, that are open beyond their limit.",
                labels=["kind"],
            ),
            GaugeMetricFamily(
                "ledger_erasures_blocked",
                "Erasures of persons that something stands in the way of, by the first reason.",
                labels=["reason"],
            ),
            GaugeMetricFamily(
                "ledger_accounts_of_nobody",
                "Accounts whose holder is a person who is erased, or whom nobody has registered within a day.",
                labels=["why"],
            ),
            GaugeMetricFamily(
                "ledger_vault_backup_seconds",
                "When the vault was backed up last, in seconds since 1970; 0: never.",
            ),
        )
