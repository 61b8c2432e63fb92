"""The topic of preferences: by number, what its present holder agrees to; written by one process at a time.

It is no part of the log, and follows from it: it may be deleted whenever nobody writes it, and is made again. A newer
process fences the older. What is there already is not written again, so whoever was killed is followed by whoever
begins anew, from what the topic holds.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings, let_go, reported
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.schema_ids import access
from ledger.store.schemas import load

_WHAT = "the topic of preferences"
_SCHEMA = "ledger.preferences.Preference"
_PREFIX_BYTES = 5
_POSITION = "ledger_position"
_PLACE = re.compile(rb"([0-9]{1,9}):([0-9]{1,18})")

Told = Mapping[str, Any]
"""What is told of a number, as the schema has it."""


class PreferenceTopic:
    """Where preferences are put up. What is there is kept in a temporary file of its own, which nobody else sees.

    Raises LogUnreachable, TopicMismatch, CommitUncertain, RegistryUnreachable, RegistryRefused; WriterFenced once
    another process has begun since.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        partitions = topics.ensure_preferences(settings)
        schema = load("preferences")[_SCHEMA]
        id_ = Registry(access(settings)).register(f"{settings.preferences}-{schema.name}", schema)
        self._schema = schema
        self._prefix = b"\0" + id_.to_bytes(4, "big")
        self._settings = settings
        self._told_at: dict[int, int] = {}
        self._known = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._known.execute("CREATE TABLE known (number TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        with reported(_WHAT):
            self._producer = KafkaProducer(
                **settings.arguments(),
                transactional_id=settings.teller_of_preferences,
                transaction_timeout_ms=int(settings.transaction_timeout * 1000),
                acks="all",
                max_block_ms=int(settings.commit_timeout * 1000),
            )
            try:
                self._producer.init_transactions()  # whoever was it before can put up nothing from here on
                self._read(partitions)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Leaves the broker, and forgets what is there."""
        let_go(self._producer, 1)
        self._known.close()

    @property
    def told_at(self) -> Mapping[int, int]:
        """How far the log was told already: ordinals by partition, as records name them."""
        return self._told_at

    def numbers(self, after: str, through: str | None) -> list[str]:
        """The numbers that something is told of, behind one and up to another, or to the end."""
        found = "SELECT number FROM known WHERE number > ? AND (? IS NULL OR number <= ?) ORDER BY number"
        return [number for (number,) in self._known.execute(found, (after, through, through))]

    def put_up(self, told: Mapping[str, Told | None], position: Mapping[int, int]) -> int:
        """Puts up what is told of numbers, None where nothing is any more; all or none. Returns how many are new.

        `position` is how far the log was read for it: ordinals by partition.
        What was told of another holder is taken back first, so that nobody adds the one to the other.
        """
        fresh: list[tuple[str, bytes | None]] = []
        for number, one in told.items():
            before = self._of(number)
            value = None if one is None else self._prefix + self._schema.encode(dict(one))
            if value == before:
                continue
            if before is not None and one is not None and self._holder(before) != one["held_since"]:
                fresh.append((number, None))
            fresh.append((number, value))
        if fresh:
            self._commit(fresh, ",".join(f"{one}:{ordinal}" for one, ordinal in sorted(position.items())))
            for number, value in fresh:
                self._remember(number, value)
        return len({number for number, _ in fresh})

    def _of(self, number: str) -> bytes | None:
        found = self._known.execute("SELECT value FROM known WHERE number = ?", (number,)).fetchone()
        return None if found is None else bytes(found[0])

    def _remember(self, number: str, value: bytes | None) -> None:
        if value is None:
            self._known.execute("DELETE FROM known WHERE number = ?", (number,))
        else:
            self._known.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (number, value))

    def _note(self, position: bytes) -> None:
        for partition, ordinal in _PLACE.findall(position):
            told = self._told_at.get(int(partition), 0)
            self._told_at[int(partition)] = max(told, int(ordinal))

    def _holder(self, value: bytes) -> int | None:
        """Since when the holder has it that a value tells of; None where another schema wrote it."""
        if value[:_PREFIX_BYTES] != self._prefix:
            return None
        record: Any = schemaless_reader(BytesIO(value[_PREFIX_BYTES:]), self._schema.parsed, None)
        return int(record["held_since"])

    def _commit(self, fresh: Sequence[tuple[str, bytes | None]], position: str) -> None:
        producer, manager = self._producer, self._manager
        headers = [(_POSITION, position.encode())]
        deadline = time.monotonic() + self._settings.commit_timeout
        with reported(_WHAT):
            producer.begin_transaction()
            sent = [
                producer.send(self._settings.preferences, value, number.encode(), headers=headers)
                for number, value in fresh
            ]
            producer.flush(self._settings.commit_timeout)
            for future in sent:
                future.get(self._settings.commit_timeout)
            result = manager.begin_commit()
            sender: Any = producer._sender  # noqa: SLF001
            sender.wakeup()
            if not result.wait(timeout_ms=max(deadline - time.monotonic(), 0) * 1000):
                raise KafkaTimeoutError("the transaction's end was not confirmed in time")

    @property
    def _manager(self) -> Any:  # noqa: ANN401 - kafka-python's
        return self._producer._transaction_manager  # noqa: SLF001

    def _read(self, partitions: int) -> None:
        consumer = KafkaConsumer(
            **self._settings.arguments(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            group_id=None,
        )
        with closing(consumer):
            for tp in [TopicPartition(self._settings.preferences, one) for one in range(partitions)]:
                consumer.assign([tp])
                end = consumer.end_offsets([tp])[tp]
                consumer.seek(tp, 0)
                while consumer.position(tp) < end:
                    records: Sequence[Any] = consumer.poll(timeout_ms=200).get(tp, ())
                    self._known.execute("BEGIN")
                    for record in records:
                        self._remember((record.key or b"").decode("utf-8", "replace"), record.value)
                        self._note(dict(record.headers).get(_POSITION, b""))
                    self._known.execute("COMMIT")
