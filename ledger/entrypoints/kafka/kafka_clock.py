"""The clock of a log on Kafka: it knows from mirrors what is due, and says so on the policies' topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from ledger.application.journal import PartitionStanding
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.ids import log_of
from ledger.entrypoints.clock import Tick, tick
from ledger.entrypoints.supervising import Stepped
from ledger.store.kafka.connection import POLICIES
from ledger.wiring.mirrors import Followed, followed
from ledger.wiring.on_kafka import Client, client
from ledger.wiring.settings import Settings

_log = structlog.get_logger()


class ClockedPartition:
    """One partition as the clock sees it."""

    def __init__(self, mirrors: Followed, sender: Client, partition: int, alive: Callable[[], None]) -> None:
        self._alive = alive
        self.subject = log_of(partition)
        self._mirrors = mirrors
        self._sender = sender
        self._partition = partition
        self._reader = mirrors.readers()[partition]

    def standing(self) -> PartitionStanding:
        """Where it stands now."""
        with self._reader.snapshot() as log:
            closed = log.closed_through
            return PartitionStanding(
                -NEVER if closed is None else closed,
                log.recorded_last,
                frozenset([terms.zone for terms in log.book]),
                f"{self._partition}:{log.head}",
            )

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""
        self._mirrors.catch_up(only=self._partition)
        return self._mirrors.mirrors[self._partition].due(until, limit)

    def execute(self, commands: Sequence[Command], *, principal: str | None = None) -> list[Outcome]:
        """The outcome of each command."""
        self._alive()
        return self._sender.execute(commands, principal=principal, source=POLICIES)


class KafkaClock:
    """Advances every partition, and closes them. `alive` is told meanwhile that it is at work."""

    def __init__(self, mirrors: Followed, sender: Client, alive: Callable[[], None] = lambda: None) -> None:
        self.played = sender.played
        self._alive = alive
        self._mirrors = mirrors
        self._partitions = [
            ClockedPartition(mirrors, sender, number, alive) for number in range(mirrors.partitions)
        ]

    def tick(self, now: int, *, asked: bool = False) -> list[Tick]:
        """Ticks, as `ledger.entrypoints.clock.tick` says. Raises ClockRefused, or what Kafka raises."""
        self._mirrors.catch_up(lambda *_: self._alive())
        return tick(self._partitions, now, asked=asked)

    def step(self, every: float, now: Callable[[], int]) -> Stepped:
        """A tick, and the pause after it."""
        ticks = self.tick(now())
        due = sum(tick.due for tick in ticks)
        _log.info("tick", due=due, positions=[tick.position for tick in ticks])
        return Stepped(every)


@contextmanager
def kafka_clock(settings: Settings, alive: Callable[[], None] = lambda: None) -> Iterator[KafkaClock]:
    """The clock of the log that is set. Raises LogUnreachable, LogMissing or SettingsInvalid."""
    with followed(settings) as mirrors, client(settings) as sender:
        yield KafkaClock(mirrors, sender, alive)
