"""One partition that a writer owns: its ledger, and how a poll's records become one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from ledger.application.outcomes import SET_APART, Outcome
from ledger.domain.terms import Terms
from ledger.entrypoints.kafka.intake import Intake
from ledger.store.kafka.connection import POLICIES, KafkaSettings
from ledger.store.kafka.recorder import Delivery, KafkaRecorder
from ledger.store.kafka.records import Received
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.mapper import AvroMapper
from ledger.wiring.on_kafka import owned


class Served(NamedTuple):
    """What became of a poll's records: an outcome for each, and those that went to the dead topic.

    `apart` are the ids of what the ledger itself said, or had to say, and could not be carried out.
    """

    outcomes: Sequence[Outcome]
    dead: Sequence[Received]
    apart: Sequence[str]


class OwnedPartition:
    """Owning it fences whoever owned it before. Raises what `on_kafka.owned` raises."""

    def __init__(
        self, settings: KafkaSettings, ids: SchemaIds, terms: Sequence[Terms], partition: int, partitions: int
    ) -> None:
        self.partition = partition
        self.ledger = owned(settings, terms, partition)
        self.recorder = cast("KafkaRecorder", self.ledger.recorder)
        codec = cast("AvroMapper", self.ledger.mapper).codec
        played = self.recorder.clock_mode() == "played"
        sources = {topic: source for source, topic in settings.sources.items()}
        self._intake = Intake(ids, codec, partition, partitions, sources, played=played)

    def next_of(self, topic: str) -> int:
        """The offset to go on from in a topic of commands: after the last one that was answered."""
        return int(getattr(self.recorder.offsets, self._intake.sources[topic]))

    def serve(
        self,
        records: Sequence[Any],
        group: Any,  # noqa: ANN401 - kafka-python's
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Served:
        """Decides a poll's records in one transaction; `meanwhile` is called while the broker commits it.

        A command that makes the code fail is answered `defect`, set apart, and spoils nothing beside it.
        Raises WriterFenced, CommitUncertain or LogDamaged; then the partition is of no use any more.
        """
        head = self.recorder.max_notification_id() or 0
        taken = [self._intake.take(record, head) for record in records]
        received = [one.received for one in taken]
        commands = [one.command for one in taken if one.command is not None]
        contents = [one.content for one in taken if one.command is not None]
        self.recorder.delivery = Delivery(received, group, meanwhile)
        try:
            decided = iter(self.ledger.execute(commands, contents))
        finally:
            self.recorder.delivery = None
        outcomes = [one.outcome or next(decided) for one in received]
        dead = [
            one if one.outcome is not None else one._replace(outcome=outcome)
            for one, outcome in zip(received, outcomes, strict=True)
            if one.dead is not None or outcome.code in SET_APART
        ]
        apart = [one.command.command_id for one in self.ledger.set_apart]
        apart += [one.outcome.command_id for one in dead if one.source == POLICIES and one.outcome]
        return Served(outcomes, dead, apart)

    def close(self) -> None:
        """Gives the partition up."""
        self.ledger.close()
