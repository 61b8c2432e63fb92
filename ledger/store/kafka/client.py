"""A client of the log on Kafka: sends commands, and awaits their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.application.outcomes import UNKNOWN, Outcome
from ledger.domain.commands import Command
from ledger.store.codec import Codec
from ledger.store.kafka import topics
from ledger.store.kafka.connection import COMMANDS, KafkaSettings, let_go, reported
from ledger.store.kafka.origin import created
from ledger.store.kafka.records import Header, ReplyRecords, schema_header
from ledger.store.kafka.schema_ids import known_ids
from ledger.store.partitioning import partition_of
from ledger.store.schemas import FINGERPRINT_BYTES

_AT_ONCE = 1000
"""Commands that are sent before the answers of those before are looked at."""
_UNDER_WAY = 5000
"""Commands that are under way at most."""

_RecordPosition = tuple[str, int, int]
"""A command's record: the topic's name, the partition and the offset."""


class KafkaClient:
    """`execute` has the shape of `Ledger.execute`. `stated_at`: whether commands say their own time (a played log).

    Raises TopicMismatch where the log was made with another number of partitions than its topics have.
    """

    def __init__(self, settings: KafkaSettings, *, stated_at: bool = False, timeout: float = 30.0) -> None:
        incarnation = topics.ensure(settings, create=False)
        self.partitions = incarnation.partitions
        self.timeout = timeout
        self._settings = settings
        self._stated_at = stated_at
        self._codec = Codec()
        self._ids = known_ids(settings)
        self._replies = ReplyRecords(settings.replies, self._ids, self._codec)
        self._answers: dict[_RecordPosition, Outcome] = {}
        with reported(f"Kafka at {settings.bootstrap}"):
            self._producer = KafkaProducer(
                **settings.arguments(), acks="all", enable_idempotence=True, linger_ms=1, batch_size=256 << 10
            )
            self._consumer = KafkaConsumer(
                **settings.arguments(),
                isolation_level="read_committed",
                auto_offset_reset="latest",
                enable_auto_commit=False,
                group_id=None,
            )
            try:
                created(self._consumer, settings, incarnation, self._ids)
            except BaseException:
                self.close()
                raise
            tps = [TopicPartition(settings.replies, partition) for partition in range(self.partitions)]
            self._consumer.assign(tps)
            for tp, end in self._consumer.end_offsets(tps).items():
                self._consumer.seek(tp, end)

    def close(self) -> None:
        """Leaves the broker."""
        let_go(self._producer, 5)
        self._consumer.close()

    def execute(
        self, commands: Sequence[Command], *, principal: str | None = None, source: str = COMMANDS
    ) -> list[Outcome]:
        """The outcome of each command, in order; `unknown` where no answer came in time.

        `source` is the topic that they are sent to; the clock's and the policies' go to `policies`.
        The principal stays here: a writer could not tell what a sender says of itself from what is so.
        Raises LogUnreachable, CommitUncertain where the broker does not take a command, SchemaUnknown where no writer
        of this release has registered its schema yet, or what keeps the registry from saying so.
        """
        del principal
        outcomes: list[Outcome | None] = [None] * len(commands)
        waiting: dict[_RecordPosition, int] = {}
        for start in range(0, len(commands), _AT_ONCE):
            chunk = commands[start : start + _AT_ONCE]
            waiting |= {place: index for index, place in enumerate(self._send(chunk, source), start)}
            self._settle(waiting, outcomes, _UNDER_WAY)
        self._settle(waiting, outcomes, 0)
        return [
            outcome or self._unknown(command) for command, outcome in zip(commands, outcomes, strict=True)
        ]

    def _send(self, commands: Sequence[Command], source: str) -> list[_RecordPosition]:
        """Where each command's record is."""
        topic = self._settings.sources[source]
        with reported("sending commands"):
            futures = []
            for command, (value, header) in [(command, self._said(command)) for command in commands]:
                partition = partition_of(command.subject, self.partitions)
                key = command.subject.encode()
                futures.append(self._producer.send(topic, value, key, [header], partition))
            self._producer.flush(self.timeout)
            sent = [future.get(self.timeout) for future in futures]
        return [(source, metadata.partition, metadata.offset) for metadata in sent]

    def _said(self, command: Command) -> tuple[bytes, Header]:
        """The record's value, and what names its schema; the registry is asked once for each kind of command."""
        topic, content = self._settings.commands, self._codec.command_content(command)
        state = self._codec.command_state(command, content, stated_at=self._stated_at)
        value = self._ids.to_wire(topic, state)
        if value is None:
            self._ids.look_up(topic, self._codec.schema(state[:FINGERPRINT_BYTES]))
            value = self._ids.to_wire(topic, state)
        return cast("bytes", value), schema_header(state)

    def _settle(
        self, waiting: dict[_RecordPosition, int], outcomes: list[Outcome | None], under_way: int
    ) -> None:
        """Takes answers in until that many are left, or none came for too long."""
        deadline = time.monotonic() + self.timeout
        while True:
            for place in self._answers.keys() & waiting.keys():
                outcomes[waiting.pop(place)] = self._answers[place]
                deadline = time.monotonic() + self.timeout
            self._answers.clear()
            if len(waiting) <= under_way or time.monotonic() > deadline:
                return
            self._receive()

    def _receive(self) -> None:
        with reported("awaiting answers"):
            polled: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=100, max_records=5000)
        for tp, records in polled.items():
            for record in records:
                reply = self._replies.read(record.value, record.headers)
                self._answers[reply.source, tp.partition, reply.offset] = reply.outcome

    def _unknown(self, command: Command) -> Outcome:
        message = (
            f"no answer within {self.timeout:g} s; it may still be decided:"
            f" send it again with command_id {command.command_id!r}, and its answer comes back"
        )
        partition = partition_of(command.subject, self.partitions)
        return Outcome(command.command_id, UNKNOWN, UNKNOWN, message, (), partition, 0, command.at)
