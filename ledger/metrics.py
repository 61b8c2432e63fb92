"""What is counted for Prometheus.

Of a writer: commands, batches, what waits, take-overs, and credit in transit by its age. Of projections: how far they
are behind the log, and what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.domain import events as e
from ledger.domain.account import NEVER
from ledger.domain.calendar import DAY, SECOND
from ledger.errors import DatabaseUnreachable, LedgerError
from ledger.outcomes import Outcome
from ledger.store.reading import SqliteReader

if TYPE_CHECKING:
    from projections.health import Status

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_TAKE_OVER = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
AGES = {"minute": 60 * SECOND, "hour": 3600 * SECOND, "day": DAY}
"""How old credit in transit is at most; what is older stands under `older`."""

_TRANSIT = tuple(
    kind.TOPIC for kind in (e.CreditTransferSent, e.CreditTransferReceived, e.CreditTransferReturned)
)


class WriterMetrics:
    """The figures of one writer, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        partition = ["partition"]
        self.commands = Counter(
            "ledger_commands",
            "Commands that were answered, by their outcome's status and the refusal's code.",
            ["partition", "status", "code"],
            registry=registry,
        )
        self.batch = Histogram(
            "ledger_batch_commands",
            "Commands decided in one transaction.",
            partition,
            buckets=_COMMANDS,
            registry=registry,
        )
        self.transaction = Histogram(
            "ledger_transaction_seconds",
            "From a batch's first decision to its commit and mirror.",
            partition,
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            "ledger_commands_waiting", "Commands behind the last one decided.", partition, registry=registry
        )
        self.catch_up = Histogram(
            "ledger_take_over_seconds",
            "From a partition's assignment, its mirror caught up, to its first poll.",
            partition,
            buckets=_TAKE_OVER,
            registry=registry,
        )
        self.given = Counter(
            "ledger_partition_given_up",
            "Batches after which only the log could tell what was recorded, by the error's code.",
            ["partition", "code"],
            registry=registry,
        )
        self.fencings = Counter(
            "ledger_writer_fenced", "Partitions that another writer took over.", partition, registry=registry
        )
        self.dead = Counter(
            "ledger_dead_commands", "Commands that went to the dead topic.", partition, registry=registry
        )
        self.apart = Counter(
            "ledger_policies_set_apart",
            "What had to follow from recorded events, or the clock's word, and could not be carried out.",
            partition,
            registry=registry,
        )

    def served(
        self, partition: int, outcomes: Sequence[Outcome], dead: Sequence[object], seconds: float
    ) -> None:
        """A batch was decided and committed in that time."""
        name = str(partition)
        for outcome in outcomes:
            self.commands.labels(name, outcome.status, outcome.code or "").inc()
        self.batch.labels(name).observe(len(outcomes))
        self.transaction.labels(name).observe(seconds)
        self.dead.labels(name).inc(len(dead))

    def set_apart(self, partition: int, commands: int) -> None:
        """So much could not be carried out that had to follow."""
        self.apart.labels(str(partition)).inc(commands)

    def behind(self, partition: int, commands: int) -> None:
        """So many commands wait."""
        self.lag.labels(str(partition)).set(commands)

    def taken_over(self, partition: int, seconds: float) -> None:
        """A partition is served from here on."""
        name = str(partition)
        self.catch_up.labels(name).observe(seconds)
        # Counters that an alert looks at are there from the beginning: what never was cannot rise.
        self.dead.labels(name)
        self.apart.labels(name)
        self.fencings.labels(name)

    def given_up(self, partition: int, code: str) -> None:
        """A partition is to be taken over again."""
        self.given.labels(str(partition), code).inc()

    def fenced(self, partition: int) -> None:
        """Another writer has taken a partition over."""
        self.fencings.labels(str(partition)).inc()


class MirrorMetrics(Collector):
    """What the mirrors of all partitions say when they are asked: how far they go, and what is in transit.

    `mirrors` are the files by partition; `now` tells the present in microseconds. Each asking reads only what is new.
    """

    def __init__(self, mirrors: dict[int, Path], now: Callable[[], int]) -> None:
        self._now = now
        self._readers = {partition: SqliteReader(path, partition) for partition, path in mirrors.items()}
        self._read = dict.fromkeys(mirrors, 0)
        self._sent: dict[str, tuple[int, int]] = {}
        """Each transfer under way: when it was sent, and its amount."""
        self._ended: set[str] = set()
        """Transfers that ended in one partition before they were seen to begin in another."""

    def describe(self) -> Iterable[Metric]:
        """The names, without reading anything."""
        return [*self._families()]

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        head, closed, last, count, amount = self._families()
        for partition, reader in self._readers.items():
            try:
                self._advance(partition, reader, head, closed, last)
            except LedgerError:  # not made yet, or just being made again
                continue
        ages: dict[str, list[int]] = {name: [] for name in (*AGES, "older")}
        now = self._now()
        for sent_at, sen in self._sent.values():
            ages[next((name for name, most in AGES.items() if now - sent_at < most), "older")].append(sen)
        for name, amounts in ages.items():
            count.add_metric([name], len(amounts))
            amount.add_metric([name], sum(amounts) / 100)
        yield from (head, closed, last, count, amount)

    def _advance(
        self,
        partition: int,
        reader: SqliteReader,
        head: GaugeMetricFamily,
        closed: GaugeMetricFamily,
        last: GaugeMetricFamily,
    ) -> None:
        with reader.snapshot() as log:
            if log.head < self._read[partition]:  # made again: what it says now is what counts
                self._read = dict.fromkeys(self._read, 0)
                self._sent.clear()
                self._ended.clear()
            for found in log.events(self._read[partition] + 1, types=_TRANSIT):
                self._take(found.event)
            self._read[partition] = log.head
            head.add_metric([str(partition)], log.head)
            if log.closed_through is not None:
                closed.add_metric([str(partition)], log.closed_through / 1_000_000)
            if log.recorded_last != -NEVER:
                last.add_metric([str(partition)], log.recorded_last / 1_000_000)

    def _take(self, event: e.Event) -> None:
        if not isinstance(event, e.CreditTransferSent | e.CreditTransferReceived | e.CreditTransferReturned):
            return
        transfer = event.transfer
        if isinstance(event, e.CreditTransferSent):
            if transfer in self._ended:
                self._ended.discard(transfer)
            else:
                self._sent[transfer] = (event.effective_at, event.amount)
        elif transfer in self._sent:
            del self._sent[transfer]
        else:
            self._ended.add(transfer)

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, ...]:
        partition, age = ["partition"], ["age"]
        return (
            GaugeMetricFamily(
                "ledger_mirror_position", "The last event that this process's mirror holds.", labels=partition
            ),
            GaugeMetricFamily(
                "ledger_closed_through_seconds",
                "The instant through which a partition is closed, in seconds since 1970.",
                labels=partition,
            ),
            GaugeMetricFamily(
                "ledger_recorded_last_seconds",
                "When something else than a closing was recorded in a partition last, in seconds since 1970.",
                labels=partition,
            ),
            GaugeMetricFamily(
                "ledger_transit_transfers", "Transfers that were sent and have not arrived.", labels=age
            ),
            GaugeMetricFamily(
                "ledger_transit_credit", "Their credit, in units of credit; by age.", labels=age
            ),
        )


class ProjectionMetrics(Collector):
    """How far projections are, and what kept them from going on. `ask` tells how they are, from any thread."""

    def __init__(self, registry: CollectorRegistry, ask: Callable[[], Status]) -> None:
        self._ask = ask
        self._errors = Counter(
            "ledger_projection_errors",
            "Batches that were not taken in, by the error's code; what was begun is undone.",
            ["code"],
            registry=registry,
        )
        self._errors.labels(DatabaseUnreachable.code)  # what never was cannot rise
        registry.register(self)

    def failed(self, error: LedgerError) -> None:
        """A batch was not taken in."""
        self._errors.labels(error.code).inc()

    def describe(self) -> Iterable[Metric]:
        """The names, without asking."""
        return self._families()

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now; none of them while log or database do not answer."""
        families = position, events, seconds, unknown = self._families()
        try:
            found = self._ask()
        except LedgerError:
            return
        for lag in found.lags:
            labels = [lag.projection, str(lag.partition)]
            position.add_metric(labels, lag.position)
            events.add_metric(labels, lag.events)
            seconds.add_metric(labels, lag.seconds)
        for name, count in found.unknown_types.items():
            unknown.add_metric([name], count)
        yield from families

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, ...]:
        place = ["projection", "partition"]
        return (
            GaugeMetricFamily("ledger_projection_position", "The last event taken in.", labels=place),
            GaugeMetricFamily(
                "ledger_projection_lag_events", "Events of the log that are not taken in.", labels=place
            ),
            GaugeMetricFamily(
                "ledger_projection_lag_seconds",
                "From the last event taken in to the log's last one.",
                labels=place,
            ),
            GaugeMetricFamily(
                "ledger_projection_unknown_events",
                "Events of types that this release does not know; only their postings count.",
                labels=["type"],
            ),
        )
