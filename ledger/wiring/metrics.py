"""What is counted for Prometheus.

Of a writer: commands, batches, what waits, take-overs, and credit in transit by its age. Of projections: how far they
are behind the log, and what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.application.outcomes import Outcome
from ledger.audit.transfer_halves import TYPES, TransferHalves
from ledger.domain.calendar import DAY, HOUR, MINUTE, NEVER
from ledger.errors import DatabaseUnreachable, LedgerError
from ledger.store.reading import SqliteReader, SqliteSnapshot

if TYPE_CHECKING:
    from projections.engine.lag import Status

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_TAKE_OVER = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
AGES = {"minute": MINUTE, "hour": HOUR, "day": DAY}
"""How old credit in transit is at most; what is older stands under `older`."""
AT_ONCE = 100_000
"""Events that are looked through at once at most: nobody hears nothing of whoever does it for long."""


class WriterMetrics:
    """The figures of one writer, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry, codes: Sequence[str] = ()) -> None:
        """`codes` are those that a partition may be given up with."""
        self._codes = codes
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
            "ledger_commands_waiting",
            "Commands behind the last one answered, in the partitions that the group gave to this writer.",
            partition,
            registry=registry,
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
            "How often a partition was given up, to be taken over again, by the error's code.",
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
        self.replaced = Counter(
            "ledger_policies_topic_replaced",
            "How often ledger.policies was found made anew: what lay there and was not answered is gone.",
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

    def policies_replaced(self, partition: int) -> None:
        """The topic of policies was made anew since its last answer."""
        self.replaced.labels(str(partition)).inc()

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
        self.replaced.labels(name)
        self.fencings.labels(name)
        for code in self._codes:
            self.given.labels(name, code)

    def left(self, partition: int) -> None:
        """Another writer tells from now on what waits."""
        with suppress(KeyError):
            self.lag.remove(str(partition))

    def given_up(self, partition: int, code: str) -> None:
        """A partition is to be taken over again."""
        self.given.labels(str(partition), code).inc()

    def fenced(self, partition: int) -> None:
        """Another writer has taken a partition over."""
        self.fencings.labels(str(partition)).inc()


class RegistryMetrics:
    """Whether the schema registry answered as it did before when it was asked last; `ask` raises what is wrong."""

    def __init__(self, registry: CollectorRegistry, ask: Callable[[], None]) -> None:
        self._registry = registry
        self._ask = ask
        self._up: Gauge | None = None

    def look(self) -> None:
        """Asks. Before the first time nothing is told."""
        try:
            self._ask()
        except LedgerError:
            found = 0
        else:
            found = 1
        if self._up is None:
            what = "Whether the schema registry answered, and as it did before, when it was asked last."
            self._up = Gauge("ledger_registry_up", what, registry=self._registry)
        self._up.set(found)


class _Figures(NamedTuple):
    """Where a partition stands: its last ordinal, and instants."""

    head: int
    closed_through: int | None
    recorded_last: int


class MirrorMetrics(Collector):
    """What the mirrors of all partitions say: how far they go, and what is in transit.

    `mirrors` tells the files by partition; `now` the present in microseconds. `advance` reads what is new, a bounded
    part of it at once; asking reads nothing. What is in transit is told once all of every partition was read.
    """

    def __init__(self, mirrors: Callable[[], Mapping[int, Path]], now: Callable[[], int]) -> None:
        self._mirrors = mirrors
        self._now = now
        self._readers: dict[int, SqliteReader] = {}
        self._read: dict[int, int] = {}
        self._transfers = TransferHalves()
        self._figures: dict[int, _Figures] = {}
        self._transit: list[tuple[int, int]] | None = None
        """Of each transfer under way, when it was sent, and its amount."""

    def describe(self) -> Iterable[Metric]:
        """The names, without reading anything."""
        return [*self._families()]

    def collect(self) -> Iterator[Metric]:
        """The figures as they were when mirrors were last looked at."""
        head, closed, last, count, amount = self._families()
        for number, figure in self._figures.items():
            partition = str(number)
            head.add_metric([partition], figure.head)
            if figure.closed_through is not None:
                closed.add_metric([partition], figure.closed_through / 1_000_000)
            if figure.recorded_last != -NEVER:
                last.add_metric([partition], figure.recorded_last / 1_000_000)
        if self._transit is not None:
            ages: dict[str, list[int]] = {name: [] for name in (*AGES, "older")}
            now = self._now()
            for sent_at, sen in self._transit:
                ages[next((name for name, most in AGES.items() if now - sent_at < most), "older")].append(sen)
            for name, amounts in ages.items():
                count.add_metric([name], len(amounts))
                amount.add_metric([name], sum(amounts) / 100)
        yield from (head, closed, last, count, amount)

    def advance(self) -> bool:
        """Reads a part of what is new; whether that was all of it. Called by one thread."""
        files = self._mirrors()
        for partition, path in files.items():
            if partition not in self._readers:
                self._readers[partition] = SqliteReader(path, partition)
                self._read[partition] = 0
        figures: dict[int, _Figures] = {}
        read = True
        for partition, reader in self._readers.items():
            try:
                with reader.snapshot() as log:
                    figures[partition] = _Figures(log.head, log.closed_through, log.recorded_last)
                    read &= self._advance(partition, log)
            except LedgerError:  # not made yet, or just being made again
                read = False
        self._figures = figures
        if read and files:
            begun = [half.event for half in self._transfers.under_way.values()]
            self._transit = [(sent.effective_at, sent.amount) for sent in begun]
        return read and bool(files)

    def _advance(self, partition: int, log: SqliteSnapshot) -> bool:
        if log.head < self._read[partition]:  # made again: what it says now is what counts
            self._read = dict.fromkeys(self._read, 0)
            self._transfers = TransferHalves()
        last = min(self._read[partition] + AT_ONCE, log.head)
        for found in log.events(self._read[partition] + 1, types=TYPES, last=last):
            for _ in self._transfers.take(found.event, f"{partition}:{found.ordinal}"):
                pass  # what is wrong with a transfer `verify` tells
        self._read[partition] = last
        return last == log.head

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
    """How far projections are, and what kept them from going on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ask: Callable[[], Status] | None = None
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

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts what keeps a batch from being taken in."""
        try:
            yield
        except LedgerError as error:
            self.failed(error)
            raise

    @contextmanager
    def asking(self, ask: Callable[[], Status]) -> Iterator[None]:
        """Meanwhile `ask` tells how they are, from any thread."""
        self._ask = ask
        try:
            yield
        finally:
            self._ask = None

    def describe(self) -> Iterable[Metric]:
        """The names, without asking."""
        return self._families()

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now; none of them while log or database do not answer."""
        families = position, events, seconds, unknown = self._families()
        ask = self._ask
        if ask is None:
            return
        try:
            found = ask()
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
