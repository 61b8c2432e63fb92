"""The log on Kafka as the target of a copy: each chunk is a transaction of commands, events and answers."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.application.journal import NO_CHAIN, SubjectHead
from ledger.application.outcomes import ACCEPTED, REFUSED, EventReference, Outcome
from ledger.domain.ids import SUBJECT_SQL, subject_of
from ledger.domain.kinds import COMMANDS as BY_NAME
from ledger.errors import LogDamaged
from ledger.store.chains import EventRow
from ledger.store.codec import Codec
from ledger.store.copying import Chunk, CopyRefused, Extent, Source
from ledger.store.kafka import arriving, hanging, mirror, topics
from ledger.store.kafka.connection import COMMANDS, POLICIES, KafkaSettings, let_go, reported
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.offsets import Offsets
from ledger.store.kafka.positions import polled_to
from ledger.store.kafka.records import EventRecords, Reply, ReplyRecords, schema_header
from ledger.store.kafka.schema_ids import schema_ids

_TRANSACTION_SECONDS = 120
_SLICE = 0.5


class KafkaTarget:
    """One partition of the topics. Whoever writes it is fenced; `settings.mirrors` must be a folder of its own."""

    def __init__(self, settings: KafkaSettings, source: Source, partitions: int) -> None:
        self._source, self._partition = source, source.partition
        place = topics.ensure(settings)
        if place.partitions != partitions:
            raise CopyRefused(
                f"a copy keeps positions: {partitions} partitions do not go into {place.partitions}"
            )
        if source.partitions not in (None, partitions):
            raise CopyRefused(
                f"the log says that it has {source.partitions} partitions; these are {partitions}"
            )
        self._settings = settings
        self._ids = schema_ids(settings)
        self._codec = Codec()
        self._codec.learn(source.schemas)
        self._events = EventRecords(settings.events, self._partition, self._ids)
        self._replies = ReplyRecords(settings.replies, self._ids, self._codec)
        self._dues: dict[str, int | None] = dict(source.rows("SELECT msisdn, due_at FROM numbers"))
        self._last = dict(
            source.rows(
                f"SELECT {SUBJECT_SQL} AS number, max(ordinal) FROM stored_events GROUP BY number"  # noqa: S608
            )
        )
        with reported(f"partition {self._partition}"):
            self._producer = KafkaProducer(
                **settings.arguments(),
                transactional_id=settings.transactional_id(self._partition),
                transaction_timeout_ms=_TRANSACTION_SECONDS * 1000,
                retry_backoff_ms=1,
                acks="all",
                linger_ms=5,
                batch_size=256 << 10,
            )
            hanging.take_over(self._producer, settings, self._partition, partitions)
        self._policies = place.policies
        self._mirror = mirror.opened(settings, place, self._partition, Mirror)
        self._follower = Follower(settings, self._ids)
        self._follower.follow({self._partition: self._mirror})
        self._must_await_nothing()

    def extent(self) -> Extent:
        """Reads the topics, and checks what they hold."""
        self._catch_up()
        with closing(Source(self._settings.mirror(self._partition), self._partition)) as there:
            return there.extent()

    def write(self, chunk: Chunk) -> None:
        """One transaction: commands first, whose offsets the answers name. Raises WriterFenced, CommitUncertain."""
        settings, producer, partition = self._settings, self._producer, self._partition
        happened = [self._codec.event(row[3], row[4]) for row in chunk.rows]
        records = self._events.outgoing(chunk.rows, happened, self._heads(chunk.rows))
        by_ordinal = {row[0]: row for row in chunk.rows}
        commands = [self._wire(settings.commands, entry.command) for entry in chunk.entries]
        sources = [POLICIES if BY_NAME[entry.name].INTERNAL else COMMANDS for entry in chunk.entries]
        with reported(f"partition {partition}"):
            producer.begin_transaction()
            asked = [
                producer.send(
                    settings.sources[source],
                    value,
                    entry.subject.encode(),
                    [schema_header(entry.command)],
                    partition,
                )
                for value, source, entry in zip(commands, sources, chunk.entries, strict=True)
            ]
            for key, value, headers in records:
                producer.send(settings.events, value, key, headers, partition)
            producer.flush(_TRANSACTION_SECONDS)
            for future, source, entry in zip(asked, sources, chunk.entries, strict=True):
                own = range(entry.first_event, entry.first_event + entry.event_count)
                references = tuple(_reference(by_ordinal[ordinal]) for ordinal in own)
                outcome = Outcome(
                    entry.command_id,
                    ACCEPTED if entry.code is None else REFUSED,
                    entry.code,
                    entry.message,
                    references,
                    partition,
                    entry.ordinal,
                    entry.at,
                )
                reply = Reply(outcome, entry.subject, future.get(0).offset, entry, source)
                key, value, said = self._replies.record(entry.subject.encode(), reply)
                producer.send(settings.replies, value, key, said, partition)
            producer.commit_transaction()

    def finish(self) -> None:
        """Nothing is left to do: what a writer derives, it derives itself."""

    def close(self) -> None:
        """Leaves the broker; a transaction under way is aborted by it."""
        let_go(self._producer, 5)
        self._follower.close()
        self._mirror.close()

    def _wire(self, topic: str, state: bytes) -> bytes:
        value = self._ids.to_wire(topic, state)
        if value is None:
            raise CopyRefused("the log holds commands that were written by the schemas of another release")
        return value

    def _heads(self, rows: Any) -> list[SubjectHead]:  # noqa: ANN401 - rows
        """When the numbers whose last event is among these fall due next."""
        numbers = {subject_of(row[1]): row[0] for row in rows}
        return [
            SubjectHead(number, self._dues.get(number), NO_CHAIN)
            for number, ordinal in numbers.items()
            if self._last.get(number) == ordinal
        ]

    def _catch_up(self) -> None:
        try:
            written = self._follower.written([self._partition])  # nobody else writes, so all of it has ended
            while self._follower.behind([self._partition], written):
                self._follower.advance(_SLICE)
        except LogDamaged as error:
            raise CopyRefused(f"what is in the topics is no log: {error}") from error

    def _must_await_nothing(self) -> None:
        """Commands that wait for an answer would never get one: the copy's own come behind them."""
        self._catch_up()
        must_await_nothing(self._settings, self._partition, self._mirror.offsets.on(self._policies))


def must_await_nothing(settings: KafkaSettings, partition: int, offsets: Offsets) -> None:
    """Raises CopyRefused where a partition has commands behind those that were answered."""
    arriving.install()
    with reported("the commands"):
        consumer = KafkaConsumer(
            **settings.arguments(), isolation_level="read_committed", enable_auto_commit=False, group_id=None
        )
        with closing(consumer):
            for source, topic in settings.sources.items():
                tp = TopicPartition(topic, partition)
                consumer.assign([tp])
                consumer.seek(tp, getattr(offsets, source))
                end = consumer.end_offsets([tp])[tp]
                if any(polled_to(consumer, tp, end, at_once=1)):
                    raise CopyRefused(f"partition {partition} has commands that await an answer")


def fence(settings: KafkaSettings, partition: int, partitions: int) -> None:
    """Whoever writes a partition can commit nothing more."""
    with reported(f"partition {partition}"):
        producer = KafkaProducer(
            **settings.arguments(), transactional_id=settings.transactional_id(partition)
        )
        try:
            hanging.take_over(producer, settings, partition, partitions)
        finally:
            let_go(producer, 5)


def _reference(row: EventRow) -> EventReference:
    return EventReference(row[3], row[1], row[2])
