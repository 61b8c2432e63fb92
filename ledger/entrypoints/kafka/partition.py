"""One partition that a writer owns: its ledger, and how a poll's records become one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from ledger.application import Ledger
from ledger.domain.commands import Command
from ledger.domain.terms import Terms, TermsBook
from ledger.entrypoints.kafka.intake import Intake, Taken
from ledger.errors import CommandDefect
from ledger.outcomes import Outcome
from ledger.store.codec import AvroMapper
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.recorder import Delivery, KafkaRecorder
from ledger.store.kafka.records import Received
from ledger.store.kafka.registry import SchemaIds


class Served(NamedTuple):
    """What became of a poll's records: an outcome for each, and those that went to the dead topic."""

    outcomes: Sequence[Outcome]
    dead: Sequence[Received]


class OwnedPartition:
    """Owning it fences whoever owned it before. Raises what `Factory.application_recorder` raises."""

    def __init__(
        self, settings: KafkaSettings, ids: SchemaIds, terms: Sequence[Terms], partition: int, partitions: int
    ) -> None:
        self.partition = partition
        self.ledger = Ledger(TermsBook(terms), settings.environment(partition))
        self.recorder = cast("KafkaRecorder", self.ledger.recorder)
        codec = cast("AvroMapper", self.ledger.mapper).codec
        played = self.recorder.clock_mode() == "played"
        self._intake = Intake(ids, codec, partition, partitions, played=played)

    @property
    def next_command(self) -> int:
        """The offset to go on from: after the last command that was answered."""
        return self.recorder.progress.commands

    def serve(
        self,
        records: Sequence[Any],
        group: Any,  # noqa: ANN401 - kafka-python's
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Served:
        """Decides a poll's records in one transaction; `meanwhile` is called while the broker commits it.

        Raises WriterFenced, CommitUncertain, PolicyRefused or LogDamaged; then the partition is of no use any more.
        """
        head = self.recorder.max_notification_id() or 0
        taken = [self._intake.take(record, head) for record in records]
        while True:
            received = [one.received for one in taken]
            commands = [one.command for one in taken if one.command is not None]
            contents = [one.content for one in taken if one.command is not None]
            self.recorder.delivery = Delivery(received, group, meanwhile)
            try:
                decided = self.ledger.execute(commands, contents)
            except CommandDefect as defect:
                taken = self._without(taken, cast("Command", defect.command), str(defect), head)
                continue
            finally:
                self.recorder.delivery = None
            answered = iter(decided)
            return Served(
                [one.outcome or next(answered) for one in received],
                [one for one in received if one.dead is not None],
            )

    def _without(self, taken: list[Taken], faulty: Command, reason: str, head: int) -> list[Taken]:
        """The same without the command that made the code fail. Raises CommandDefect where it is a policy's."""
        if faulty.INTERNAL:
            raise CommandDefect(
                f"{reason}; what must follow from a recorded event cannot be left out", faulty
            )
        return [
            self._intake.defect(one.received, faulty.command_id, reason, head)
            if one.command is faulty
            else one
            for one in taken
        ]

    def close(self) -> None:
        """Gives the partition up."""
        self.ledger.close()
