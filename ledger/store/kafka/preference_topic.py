"""The topic of preferences: by number, what its present holder agrees to; written by one process at a time.

It is no part of the log, and follows from it: it may be deleted whenever nobody writes it, and is made again. A newer
process fences the older. What is there already is not written again, so whoever was killed is followed by whoever
begins anew, from what the topic holds.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader

from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.one_writers_topic import OneWritersTopic, Put
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.schema_ids import access
from ledger.store.schemas import load

_SCHEMA = "ledger.preferences.Preference"
_PREFIX_BYTES = 5
_POSITION = "ledger_position"
_PLACE = re.compile(rb"([0-9]{1,9}):([0-9]{1,18})")

PreferenceRecord = Mapping[str, Any]
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
        self._told_at: dict[int, int] = {}
        self._known = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._known.execute("CREATE TABLE known (number TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        self._topic = OneWritersTopic(
            settings, settings.preferences, settings.teller_of_preferences, "the topic of preferences"
        )
        try:
            self._read(partitions)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the broker, and forgets what is there."""
        self._topic.close()
        self._known.close()

    @property
    def told_at(self) -> Mapping[int, int]:
        """How far the log was told already: ordinals by partition, as records name them."""
        return self._told_at

    def numbers(self, after: str, through: str | None) -> list[str]:
        """The numbers that something is told of, behind one and up to another, or to the end."""
        found = "SELECT number FROM known WHERE number > ? AND (? IS NULL OR number <= ?) ORDER BY number"
        return [number for (number,) in self._known.execute(found, (after, through, through))]

    def put_up(self, told: Mapping[str, PreferenceRecord | None], position: Mapping[int, int]) -> int:
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
            place = ",".join(f"{one}:{ordinal}" for one, ordinal in sorted(position.items()))
            headers = [(_POSITION, place.encode())]
            self._topic.put_up([Put(number.encode(), value, headers=headers) for number, value in fresh])
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

    def _read(self, partitions: int) -> None:
        for records in self._topic.read(partitions):
            self._known.execute("BEGIN")
            for record in records:
                self._remember((record.key or b"").decode("utf-8", "replace"), record.value)
                self._note(dict(record.headers).get(_POSITION, b""))
            self._known.execute("COMMIT")
