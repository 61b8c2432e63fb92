"""Makes the recorders of one partition of the log on Kafka."""

from __future__ import annotations

from typing import Any, cast

import eventsourcing.sqlite as library
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory

from ledger.domain.ids import log_of
from ledger.errors import ClockMismatch
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.connection import KafkaSettings, settings_from
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.origin import said_at_first
from ledger.store.kafka.recorder import KafkaRecorder
from ledger.store.kafka.schema_ids import SchemaIds, schema_ids
from ledger.store.kafka.topics import Incarnation
from ledger.store.snapshots import Snapshots


class Factory(InfrastructureFactory[Any]):
    """The recorders of the partition KAFKA_PARTITION (0); making the application's takes the partition over."""

    def __init__(self, env: Any) -> None:  # noqa: ANN401 - the library's mapping or Environment
        super().__init__(env)
        self.settings = settings_from(self.env)
        self.partition = int(self.env.get("KAFKA_PARTITION") or 0)
        self._recorder: KafkaRecorder | None = None

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder, its mirror caught up with the topics."""
        if self._recorder is None:
            incarnation = topics.ensure(self.settings)
            ids = schema_ids(self.settings)
            self._recorder = taken_over(self.settings, incarnation, ids, self.partition)
            ids_are_text = (self.env.get("ORIGINATOR_ID_TYPE") or "uuid") == "text"
            self._recorder.datastore.originator_id_type = "text" if ids_are_text else "uuid"
            _settle_clock(self._recorder, self.settings, incarnation, ids)
        return self._recorder

    def aggregate_recorder(self, purpose: str = "events") -> library.SQLiteAggregateRecorder:
        """The snapshots, which are in the mirror only."""
        recorder = cast("KafkaRecorder", self.application_recorder())
        return Snapshots(recorder.datastore, events_table_name=f"stored_{purpose}")

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> Any:  # noqa: ANN401
        """Not of this log: a projection keeps its position in its own database."""
        raise NotImplementedError("a projection keeps its position in its own database")

    def process_recorder(self) -> Any:  # noqa: ANN401
        """Not of this log: what follows from an event follows in the writer."""
        raise NotImplementedError("what follows from an event follows in the writer")

    def close(self) -> None:
        """Gives the partition up."""
        recorder, self._recorder = getattr(self, "_recorder", None), None
        if recorder is not None:
            recorder.close()


def taken_over(
    settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds, partition: int
) -> KafkaRecorder:
    """The recorder of a partition: its former writer is fenced first, and then what it wrote is read to the end.

    Raises LogMismatch where events and answers are not of one log, TopicMismatch where numbers fall to others.
    """
    recorder = mirror.opened(settings, incarnation, partition, KafkaRecorder)
    try:
        recorder.take_over(settings, ids, incarnation.partitions)
        _catch_up(recorder, settings, ids)
        recorder.take_up(incarnation)
    except mirror.UNUSABLE:
        recorder.close()
        mirror.remove(settings.mirror(partition))
        recorder = mirror.opened(settings, incarnation, partition, KafkaRecorder)
        try:
            recorder.take_over(settings, ids, incarnation.partitions)
            _catch_up(recorder, settings, ids)
            recorder.take_up(incarnation)
        except BaseException:
            recorder.close()
            raise
    except BaseException:
        recorder.close()
        raise
    return recorder


def _catch_up(recorder: KafkaRecorder, settings: KafkaSettings, ids: SchemaIds) -> None:
    follower = Follower(settings, ids)
    try:
        follower.follow({recorder.partition: recorder})
        while not follower.is_caught_up(recorder.partition):
            follower.advance(0.5)
    finally:
        follower.close()
    recorder.must_be_of_one_log()
    recorder.must_hold_its_own()


def _settle_clock(
    recorder: KafkaRecorder, settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds
) -> None:
    """Checks the clock of a partition; one not begun yet has the other partitions', else the one that is asked for."""
    if not recorder.select_events(log_of(recorder.partition), lte=1):
        others = None if recorder.max_notification_id() else said_at_first(settings, incarnation, ids)
        recorder.set_clock_mode((others or {}).get("clock") or settings.clock or "live")
        recorder.ids = None if others is None else others.get("ids") or "numbers"
    mode = recorder.clock_mode()
    if settings.clock is not None and mode != settings.clock:
        raise ClockMismatch(f"the log was created {mode}, and {settings.clock} was asked for")
