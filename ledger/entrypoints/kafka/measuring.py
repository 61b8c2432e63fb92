"""A writer that is watched by Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from ledger.application.outcomes import Outcome
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.kafka.writer import LOST
from ledger.store.kafka.records import Received
from ledger.wiring.metrics import WriterMetrics


class Measured(Watch):
    """Counts, besides writing the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = WriterMetrics(
            registry, [code.code for kind in LOST for code in (kind, *kind.__subclasses__())]
        )

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

    def policies_replaced(self, partition: int) -> None:
        """The topic of policies was made anew since its last answer."""
        super().policies_replaced(partition)
        self._metrics.policies_replaced(partition)

    def given_up(self, partition: int, code: str) -> None:
        """A partition is to be taken over again."""
        self._metrics.given_up(partition, code)

    def left(self, partition: int) -> None:
        """The group has given a partition to another."""
        self._metrics.left(partition)

    def fenced(self, partition: int) -> None:
        """Another writer has taken a partition over."""
        self._metrics.fenced(partition)
