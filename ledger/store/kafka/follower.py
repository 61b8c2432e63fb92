"""Reads the topics into mirrors: the tail of what others write, and all that is missing before a take-over."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import OffsetOutOfRangeError
from kafka.structs import TopicPartition

from ledger.domain.ids import subject_of
from ledger.errors import LogDamaged, RegistryMismatch
from ledger.store.codec import Codec
from ledger.store.kafka.connection import QUESTION_TIMEOUT_MS, KafkaSettings, reported
from ledger.store.kafka.mirror import Arrived, Mirror
from ledger.store.kafka.offsets import Offsets
from ledger.store.kafka.positions import position_of
from ledger.store.kafka.records import DUE, EventRecords, ReplyRecords
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.kafka.topics import must_begin_at_zero

_WAIT_MS = 20
"""How long the broker holds a question back while there is nothing new: others wait behind it."""
_AT_ONCE = 5000
"""Records that are written to a mirror at once."""
_NOWHERE: Mapping[TopicPartition, int] = {}


class Follower:
    """One consumer for any number of mirrors. Only what is committed is seen.

    Without `answers` it reads the events alone, and the mirrors get no journal.
    """

    def __init__(self, settings: KafkaSettings, ids: SchemaIds, *, answers: bool = True) -> None:
        self._settings = settings
        self._answers = answers
        self._ids = ids
        self._codec = Codec()
        self._replies = ReplyRecords(settings.replies, ids, self._codec)
        self._mirrors: dict[int, Mirror] = {}
        self._offsets: dict[int, Offsets] = {}
        self._records: dict[int, EventRecords] = {}
        self._unverified: set[int] = set()
        self.reading: int | None = None
        """The partition whose records are taken at the moment: what fails meanwhile is of that one."""
        self._unbounded: Any = None
        """A consumer that sees what is not committed: it is asked for ends alone."""
        with reported(f"Kafka at {settings.bootstrap}"):
            self._consumer = KafkaConsumer(
                **settings.arguments(),
                isolation_level="read_committed",
                auto_offset_reset="none",
                enable_auto_commit=False,
                group_id=None,
                max_partition_fetch_bytes=4 << 20,
                fetch_max_wait_ms=_WAIT_MS,
            )

    def close(self) -> None:
        """Leaves the broker."""
        self._consumer.close()
        if self._unbounded is not None:
            self._unbounded.close()

    def follow(self, mirrors: Mapping[int, Mirror]) -> None:
        """Follows these partitions, each from where its mirror stands, and no others.

        Raises RegistryMismatch where the registry's ids are not those that a mirror was made by.
        """
        self._mirrors = dict(mirrors)
        self.reading = None
        self._offsets = {partition: mirror.offsets for partition, mirror in mirrors.items()}
        self._unverified = {p for p, offsets in self._offsets.items() if offsets.last_event >= 0}
        self._records = {p: EventRecords(self._settings.events, p, self._ids) for p in mirrors}
        for mirror in mirrors.values():
            mirror.compare_ids(self._ids.marks())
        with reported("the topics"):
            self._consumer.assign([tp for p in mirrors for tp in self._topics(p)])
            for partition, offsets in self._offsets.items():
                # Once more the last event, to see whether the topic is the one that the mirror was made of.
                start = offsets.last_event if partition in self._unverified else offsets.events
                for tp in self._topics(partition):
                    self._consumer.seek(tp, start if tp.topic == self._settings.events else offsets.replies)

    def advance(self, seconds: float) -> int:
        """Reads what there is, for that long at most; returns how many records that were.

        Raises LogDamaged where a mirror is unlike its topic, LogMismatch where a broker has deleted what is to be read
        (the mirror may be all that has it), CommitUncertain where the broker does not answer.
        """
        deadline = time.monotonic() + seconds
        total = 0
        while self._mirrors:
            left = max(deadline - time.monotonic(), 0)
            with reported("the topics"):
                try:
                    wait = min(int(left * 1000), _WAIT_MS)
                    polled = self._consumer.poll(timeout_ms=wait, max_records=_AT_ONCE)
                except OffsetOutOfRangeError as error:
                    must_begin_at_zero(self._consumer.beginning_offsets(self._consumer.assignment()))
                    raise LogDamaged(f"a mirror is ahead of its topic: {error}") from error
            found: dict[int, dict[str, list[Any]]] = {}
            for tp, records in polled.items():
                found.setdefault(tp.partition, {})[tp.topic] = records
            for partition, topics in found.items():
                total += self._take(
                    partition,
                    topics.get(self._settings.events, ()),
                    topics.get(self._settings.replies, ()),
                )
            if time.monotonic() >= deadline or not polled:
                return total
        return total

    def written(self, partitions: Collection[int]) -> dict[TopicPartition, int]:
        """The ends of what has been written by now, by transactions that are under way too.

        A commit is acknowledged before it shows in every partition: whatever was acknowledged before this was asked
        lies before these ends, but not yet before the end of what is seen to be committed.
        """
        tps = [tp for partition in partitions for tp in self._topics(partition)]
        with reported("the topics"):
            if self._unbounded is None:
                self._unbounded = KafkaConsumer(
                    **self._settings.arguments(),
                    isolation_level="read_uncommitted",
                    enable_auto_commit=False,
                    group_id=None,
                )
            return dict(self._unbounded.end_offsets(tps, timeout_ms=QUESTION_TIMEOUT_MS))

    def answered(self, partition: int, source: str) -> int:
        """The next command from a source after those whose answers were read; 0 for a partition not followed."""
        offsets = self._offsets.get(partition)
        return 0 if offsets is None else int(getattr(offsets, source))

    def is_caught_up(self, partition: int) -> bool:
        """Whether the mirror has all that is committed now. Raises LogDamaged where it has more."""
        return not self.behind([partition])

    def behind(
        self, partitions: Collection[int], beyond: Mapping[TopicPartition, int] = _NOWHERE
    ) -> set[int]:
        """The partitions whose mirrors lack what is committed now, or what lies before the offsets that are stated.

        The broker is asked once for all of them. Raises LogDamaged where a mirror has more.
        """
        places = [(partition, tp) for partition in partitions for tp in self._topics(partition)]
        with reported("the topics"):
            ends = self._consumer.end_offsets([tp for _, tp in places], timeout_ms=QUESTION_TIMEOUT_MS)
            found = {
                partition
                for partition, tp in places
                if position_of(self._consumer, tp) < max(ends[tp], beyond.get(tp, 0))
            }
        for partition, tp in places:
            offsets = self._offsets[partition]
            reached = offsets.events if tp.topic == self._settings.events else offsets.replies
            # What hangs is written, and not seen before it is ended.
            if ends[tp] < reached and self.written([partition])[tp] < reached:
                raise LogDamaged(f"the mirror of partition {partition} is ahead of its topic")
        return found | (self._unverified & set(partitions))

    def _topics(self, partition: int) -> list[TopicPartition]:
        topics = [self._settings.events, self._settings.replies] if self._answers else [self._settings.events]
        return [TopicPartition(topic, partition) for topic in topics]

    def _take(self, partition: int, events: Sequence[Any], replies: Sequence[Any]) -> int:
        mirror, made = self._mirrors[partition], self._records[partition]
        offsets = self._offsets[partition]
        self.reading = partition
        if events and partition in self._unverified:
            self._verify(mirror, made, events[0], offsets.last_event)
            self._unverified.discard(partition)
            events = events[1:]
        rows = []
        dues: dict[str, int | None] = {}
        for record in events:
            headers = dict(record.headers)
            row = made.row(record.value, headers)
            rows.append(row)
            due = headers.get(DUE)
            if due is not None:
                dues[subject_of(row[1])] = int(due) if due else None
        entries = []
        for record in replies:
            reply = self._replies.read(record.value, record.headers)
            offsets = offsets.beyond(reply.source, reply.offset, reply.topic)
            if reply.entry is not None:
                entries.append(reply.entry)
        if self._ids.foreign:
            mirror.learn(self._ids.foreign)
        if events:
            offsets = offsets._replace(events=events[-1].offset + 1, last_event=events[-1].offset)
        if replies:
            offsets = offsets._replace(replies=replies[-1].offset + 1)
        if events or replies:
            mirror.apply(Arrived(rows, dues, entries, offsets))
            self._offsets[partition] = offsets
        self.reading = None
        return len(events) + len(replies)

    @staticmethod
    def _verify(mirror: Mirror, made: EventRecords, record: Any, offset: int) -> None:  # noqa: ANN401
        """Raises LogDamaged unless the record is the mirror's last event, RegistryMismatch where it reads otherwise."""
        row = made.row(record.value, dict(record.headers))
        last = mirror.last()
        if record.offset != offset or last is None or (row[0], row[5]) != (last[0], last[5]):
            raise LogDamaged(f"{mirror.datastore.pool.db_name} is not of this topic")
        if mirror.digest_of(last) != last[5]:
            raise LogDamaged(f"{mirror.datastore.pool.db_name} is not what was written")
        if row != last:
            raise RegistryMismatch(
                f"by the registry's ids {mirror.partition}:{row[0]} is not what its digest names"
            )
