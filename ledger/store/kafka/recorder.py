"""Writes one partition of the log: one Kafka transaction a batch, checked against the mirror, then mirrored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import eventsourcing.sqlite as library
from eventsourcing.persistence import IntegrityError, StoredEvent
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.structs import OffsetAndMetadata, TopicPartition

from ledger.application.journal import Apart, JournalEntry, SubjectHead
from ledger.application.outcomes import NOT_JOURNALED, REPEATED, SET_APART, Outcome
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.errors import TopicMismatch, WriterFenced
from ledger.store.chains import EventRow
from ledger.store.kafka import hanging
from ledger.store.kafka.bulk import Appended, append
from ledger.store.kafka.connection import COMMANDS, KafkaSettings, let_go, reported
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.offsets import Offsets
from ledger.store.kafka.producer_epochs import ProducerEpoch
from ledger.store.kafka.records import (
    EventRecords,
    Header,
    Outgoing,
    Received,
    ReplyRecords,
    dead_copy,
    schema_header,
)
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.kafka.topics import Incarnation
from ledger.store.partitioning import partition_of

_LOOKED_AT = 200
"""Numbers that are looked at to see whether they belong to a partition."""


class Delivery(NamedTuple):
    """What a transaction answers: records in order, and the group on whose behalf their offsets are committed."""

    received: Sequence[Received]
    group: Any
    meanwhile: Callable[[], None] = lambda: None
    """Called while the broker commits."""

    @property
    def last(self) -> dict[str, int]:
        """The offset of the last record of each topic."""
        return {record.source: record.offset for record in self.received}


class KafkaRecorder(Mirror):
    """The recorder of one partition. Whatever fails leaves it useless: make a new one, which reads what there is.

    Without a `delivery` it writes events only, as the one writer of its partition.
    """

    def __init__(self, datastore: library.SQLiteDatastore, partition: int) -> None:
        super().__init__(datastore, partition)
        self.delivery: Delivery | None = None
        self._producer: KafkaProducer | None = None
        self._sent: Appended | None = None
        self._answered: Appended | None = None
        self._committing: Any = None
        self._writing = threading.RLock()
        self.policies_replaced = False
        """Whether the topic of policies was found made anew: what lay there and was not answered is gone."""

    def take_over(self, settings: KafkaSettings, ids: SchemaIds, partitions: int) -> None:
        """Becomes the partition's writer: whoever was it before can commit nothing from here on.

        Raises LogUnreachable or CommitUncertain.
        """
        self._settings = settings
        self._ids = ids
        self.partitions = partitions
        self._events = EventRecords(settings.events, self.partition, ids)
        self._replies = ReplyRecords(settings.replies, ids, self.codec)
        with reported(f"partition {self.partition}"):
            self._producer = KafkaProducer(
                **settings.arguments(),
                transactional_id=settings.transactional_id(self.partition),
                transaction_timeout_ms=int(settings.transaction_timeout * 1000),
                retry_backoff_ms=1,
                acks="all",
                linger_ms=2,
                batch_size=256 << 10,
                max_block_ms=int(settings.commit_timeout * 1000),
            )
            hanging.take_over(self._producer, settings, self.partition, partitions)
            for topic in (settings.events, settings.replies):
                self._producer.partitions_for(topic)

    @property
    def epoch(self) -> ProducerEpoch:
        """By what the broker knows this writer, while it writes nothing."""
        manager: Any = cast("KafkaProducer", self._producer)._transaction_manager  # noqa: SLF001
        return ProducerEpoch(manager.producer_id_and_epoch.producer_id, manager.producer_id_and_epoch.epoch)

    def take_up(self, place: Incarnation) -> None:
        """Goes on in the topics of what is asked, once all answers are read. Raises LogMismatch."""
        self.policies_replaced = self.go_on_in(place.policies, place.commands)
        self._replies.policies, self._replies.commands = place.policies, place.commands

    def must_hold_its_own(self) -> None:
        """Raises TopicMismatch where numbers lie here that fall to another partition: the topics were given more.

        Logs of former releases do not say how many they have. So many numbers are looked at, however many there are.
        """
        with self._reading() as cursor:
            cursor.execute("SELECT msisdn FROM numbers LIMIT ?", (_LOOKED_AT,))
            strangers = [number for (number,) in cursor.fetchall() if not self.is_here(number)]
        if strangers:
            raise TopicMismatch(
                f"partition {self.partition} holds numbers that fall to others of {self.partitions} partitions:"
                " the log was made with another number of them"
            )

    def close(self) -> None:
        """Gives up the partition and closes the mirror; a transaction under way is left to be aborted."""
        producer, self._producer = self._producer, None
        if producer is not None:
            let_go(producer, 1)
        super().close()

    @property
    def awaits_answers(self) -> bool:  # type: ignore[override]
        """Whether commands wait for answers that record nothing: repeats, and what is not well formed."""
        return self.delivery is not None

    def is_here(self, subject: str) -> bool:
        """Whether a subject belongs to this partition."""
        return partition_of(subject, self.partitions) == self.partition

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        **others: Any,  # noqa: ANN401 - handed on
    ) -> Sequence[int] | None:
        """Writes it all in one Kafka transaction, and then to the mirror.

        Raises the library's IntegrityError where a version is there already, WriterFenced where another writer has
        taken over, and CommitUncertain (MirrorFull) where only the log can tell what became of it.
        """
        if not stored_events and not others:
            return []
        with self._writing:
            try:
                return super().insert_events(stored_events, **others)
            except IntegrityError:
                self._abort()
                raise

    def _send(  # noqa: PLR0913 - a transaction has that many parts
        self,
        rows: Sequence[EventRow],
        journal: Sequence[JournalEntry],
        heads: Sequence[SubjectHead],
        *,
        happened: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        forwarded: Sequence[Command] = (),
        apart: Sequence[Apart] = (),
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Begins the Kafka transaction: the broker takes the records in while they are written to the mirror."""
        producer = self._producer
        if producer is None:
            raise WriterFenced(f"partition {self.partition} was given up")
        delivery, settings = self.delivery, self._settings
        with reported(f"partition {self.partition}"):
            producer.begin_transaction()
            events = self._events.outgoing(rows, happened, heads)
            self._sent = append(producer, TopicPartition(settings.events, self.partition), events)
            if delivery is not None:
                answers = self._answers(producer, delivery, journal, outcomes)
                self._answered = append(producer, TopicPartition(settings.replies, self.partition), answers)
            for command in forwarded:
                self._forward(producer, command)
            for one in apart:
                self._bury_following(producer, delivery, one)
            self._committing = None if delivery is None else self._send_offsets(producer, delivery)

    def _settle(self, cursor: library.SQLiteCursor) -> None:
        """Commits the Kafka transaction, while the mirror's is still open."""
        producer = cast("KafkaProducer", self._producer)
        offsets, delivery = self.offsets_in(cursor), self.delivery
        with reported(f"partition {self.partition}"):
            self._commit(producer, delivery)
            if self._sent is not None:
                offset = self._sent.offset(0)
                offsets = offsets._replace(events=offset + 1, last_event=offset)
            if self._answered is not None and delivery is not None:
                offsets = offsets._replace(replies=self._answered.offset(0) + 1)
                for source, offset in delivery.last.items():
                    offsets = offsets.beyond(source, offset)
        self._sent = self._answered = self._committing = None
        self._committed(cursor, offsets)

    def _abort(self) -> None:
        """Ends a transaction of which nothing is to be seen."""
        manager: Any = cast("KafkaProducer", self._producer)._transaction_manager  # noqa: SLF001
        with reported(f"partition {self.partition}"):
            self._await(manager.begin_abort(), time.monotonic() + self._settings.commit_timeout)
        self._sent = self._answered = self._committing = None

    def _committed(self, cursor: library.SQLiteCursor, offsets: Offsets) -> None:
        """The moment between the commit and the mirror."""
        self._advance(cursor, offsets)

    def _answers(
        self,
        producer: KafkaProducer,
        delivery: Delivery,
        journal: Sequence[JournalEntry],
        outcomes: Sequence[Outcome],
    ) -> list[Outgoing]:
        entries, left = iter(journal), iter(outcomes)
        following = next(entries, None)
        answers = []
        is_named = False
        for record in delivery.received:
            outcome, entry = record.outcome, None
            if outcome is None:
                outcome = next(left)
                said = (record.subject, outcome.command_id)
                # What was done before under another id is answered as a repeat, and is journaled all the same.
                if following is not None and (following.subject, following.command_id) == said:
                    entry, following = following, next(entries, None)
                elif outcome.status != REPEATED and outcome.code not in NOT_JOURNALED:
                    raise AssertionError(f"{outcome.command_id} of {record.subject} was not journaled")
            names_topic = not is_named or record.source != COMMANDS
            is_named |= record.source == COMMANDS
            answers.append(self._replies.outgoing(record, outcome, entry, names_topic=names_topic))
            if record.dead is not None:
                self._bury(producer, record)
            elif outcome.code in SET_APART:
                self._bury(producer, record._replace(outcome=outcome, dead=outcome.message or ""))
        return answers

    def _bury_following(self, producer: KafkaProducer, delivery: Delivery | None, apart: Apart) -> None:
        """Sets apart what followed from a command, under that command's position."""
        decided = [] if delivery is None else [one for one in delivery.received if one.outcome is None]
        if not decided:
            return  # the log says so too
        value, _ = self._wire(apart.command)
        subject = apart.command.subject
        following = decided[apart.cause]._replace(
            key=subject.encode(), value=value, subject=subject, dead=apart.reason, follows=True
        )
        self._bury(producer, following)

    def _bury(self, producer: KafkaProducer, record: Received) -> None:
        key, value, headers = dead_copy(self.partition, record.bounded())
        producer.send(self._settings.dead, value, key, headers, self.partition)

    def _forward(self, producer: KafkaProducer, command: Command) -> None:
        partition = partition_of(command.subject, self.partitions)
        value, mark = self._wire(command)
        producer.send(self._settings.policies, value, command.subject.encode(), [mark], partition)

    def _wire(self, command: Command) -> tuple[bytes | None, Header]:
        state = self.codec.command_state(command, self.codec.command_content(command), stated_at=True)
        return self._ids.to_wire(self._settings.commands, state), schema_header(state)

    def _send_offsets(self, producer: KafkaProducer, delivery: Delivery) -> Any:  # noqa: ANN401 - kafka-python's
        """Commits in this transaction how far the group has read; returns what is to be awaited."""
        sources = self._settings.sources
        offsets = {
            TopicPartition(sources[source], self.partition): OffsetAndMetadata(offset + 1, "", -1)
            for source, offset in delivery.last.items()
        }
        manager: Any = producer._transaction_manager  # noqa: SLF001
        sent = manager.send_offsets_to_transaction(offsets, delivery.group)
        self._wake()
        return sent

    def _commit(self, producer: KafkaProducer, delivery: Delivery | None) -> None:
        """Commits, or raises: kafka-python itself would wait without end."""
        deadline = time.monotonic() + self._settings.commit_timeout
        manager: Any = producer._transaction_manager  # noqa: SLF001
        if self._committing is not None:
            self._await(self._committing, deadline)
        result = manager.begin_commit()
        if delivery is not None:
            self._wake()
            delivery.meanwhile()
        self._await(result, deadline)

    def _await(self, result: Any, deadline: float) -> None:  # noqa: ANN401 - kafka-python's
        self._wake()
        if not result.wait(timeout_ms=max(deadline - time.monotonic(), 0) * 1000):
            raise KafkaTimeoutError("the transaction's end was not confirmed in time")

    def _wake(self) -> None:
        cast("KafkaProducer", self._producer)._sender.wakeup()  # noqa: SLF001
