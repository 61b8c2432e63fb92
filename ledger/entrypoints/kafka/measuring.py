"""A writer that is watched by Prometheus: its figures, and the port that answers with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from ledger.entrypoints.answering import answering
from ledger.entrypoints.kafka.watching import Watch
from ledger.metrics import MirrorMetrics, WriterMetrics
from ledger.outcomes import Outcome
from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import Received
from ledger.store.kafka.registry import schema_ids


class Measured(Watch):
    """Counts, besides writing the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = WriterMetrics(registry)

    def served(
        self, partition: int, outcomes: Sequence[Outcome], dead: Sequence[Received], seconds: float
    ) -> None:
        """A batch was decided and committed in that time."""
        super().served(partition, outcomes, dead, seconds)
        self._metrics.served(partition, outcomes, dead, seconds)

    def set_apart(self, partition: int, command_ids: Sequence[str]) -> None:
        """What had to follow from recorded events could not be carried out."""
        super().set_apart(partition, command_ids)
        self._metrics.set_apart(partition, len(command_ids))

    def behind(self, partition: int, commands: int) -> None:
        """So many commands wait behind those that were decided last."""
        self._metrics.behind(partition, commands)

    def taken_over(self, partition: int, seconds: float) -> None:
        """A partition is served from here on."""
        self._metrics.taken_over(partition, seconds)

    def given_up(self, partition: int, code: str) -> None:
        """A partition is to be taken over again."""
        self._metrics.given_up(partition, code)

    def fenced(self, partition: int) -> None:
        """Another writer has taken a partition over."""
        self._metrics.fenced(partition)


@contextmanager
def answering_for(
    log: KafkaSettings, address: str, registry: CollectorRegistry, now: Callable[[], int]
) -> Iterator[None]:
    """Answers Prometheus at `host:port` meanwhile, of the mirrors too. Raises what `answering` raises."""
    place = topics.ensure(log)
    schema_ids(log)  # whoever asks whether this writer is well shall not hear before its registry answers
    mirrors = {partition: log.mirror(partition) for partition in range(place.partitions)}
    registry.register(MirrorMetrics(mirrors, now))
    with answering(address, registry):
        yield
