"""The clock of a log on Kafka: it knows from mirrors what is due, and says so on the policies' topic."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from ledger.connecting import Client, Followed, client, followed
from ledger.domain.account import NEVER
from ledger.domain.commands import Command
from ledger.entrypoints.clock import Tick, tick
from ledger.errors import LedgerError
from ledger.journal import Standing
from ledger.outcomes import Outcome
from ledger.settings import Settings
from ledger.store.kafka.connection import POLICIES

_log = structlog.get_logger()


class Partition:
    """One partition as the clock sees it."""

    def __init__(self, mirrors: Followed, sender: Client, partition: int) -> None:
        self.subject = f"log@{partition}"
        self._mirrors = mirrors
        self._sender = sender
        self._partition = partition
        self._reader = mirrors.readers()[partition]

    def standing(self) -> Standing:
        """Where it stands now."""
        with self._reader.snapshot() as log:
            closed = log.closed_through
            return Standing(
                -NEVER if closed is None else closed,
                log.recorded_last,
                tuple([terms.zone for terms in log.book]),
                f"{self._partition}:{log.head}",
            )

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""
        self._mirrors.catch_up()
        return self._mirrors.mirrors[self._partition].due(until, limit)

    def execute(self, commands: Sequence[Command], *, principal: str | None = None) -> list[Outcome]:
        """The outcome of each command."""
        return self._sender.execute(commands, principal=principal, source=POLICIES)


class KafkaClock:
    """Advances every partition, and closes them."""

    def __init__(self, mirrors: Followed, sender: Client) -> None:
        self.played = sender.played
        self._partitions = [Partition(mirrors, sender, number) for number in range(mirrors.partitions)]

    def tick(self, now: int, *, asked: bool = False) -> list[Tick]:
        """Ticks, as `ledger.entrypoints.clock.tick` says. Raises ClockRefused, or what Kafka raises."""
        return tick(self._partitions, now, asked=asked)

    def run(self, every: float, now: Callable[[], int], stopped: threading.Event) -> None:
        """Ticks until stopped; what keeps one tick from being taken is logged, and the next comes all the same."""
        while not stopped.is_set():
            try:
                ticks = self.tick(now())
                due = sum(tick.due for tick in ticks)
                _log.info("tick", due=due, positions=[tick.position for tick in ticks])
            except LedgerError as error:
                _log.warning("tick not taken", code=error.code, reason=str(error))
            stopped.wait(every)


@contextmanager
def kafka_clock(settings: Settings) -> Iterator[KafkaClock]:
    """The clock of the log that is set. Raises LogUnreachable, LogMissing or SettingsInvalid."""
    with followed(settings) as mirrors, client(settings) as sender:
        yield KafkaClock(mirrors, sender)
