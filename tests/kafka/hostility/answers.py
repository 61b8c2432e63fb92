"""Every answer of a log, as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Self

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from ledger.application.outcomes import Outcome
from ledger.store.codec import Codec
from ledger.store.kafka.connection import COMMANDS, KafkaSettings
from ledger.store.kafka.records import ReplyRecords
from ledger.store.kafka.schema_ids import schema_ids
from tests.waiting import PATIENCE


class Answers:
    """Reads on in a thread of its own; a broker that does not answer is awaited."""

    def __init__(self, settings: KafkaSettings, partitions: int) -> None:
        self._replies = ReplyRecords(settings.replies, schema_ids(settings), Codec())
        self._settings = settings
        self._partitions = partitions
        self._at: dict[tuple[int, int], Outcome] = {}
        self._first: dict[tuple[str, str], Outcome] = {}
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="answers")

    def at(self, partition: int, offset: int) -> Outcome | None:
        """The answer to the command at that place, if it has come."""
        return self._at.get((partition, offset))

    def first(self, subject: str, command_id: str) -> Outcome | None:
        """The first answer to a command of that id."""
        return self._first.get((subject, command_id))

    def until(self, condition: Callable[[], bool], what: object) -> None:
        """Returns once the answers that have come make it so."""
        with self._news:
            came = self._news.wait_for(lambda: condition() or bool(self._failed), PATIENCE)
        if self._failed:
            raise self._failed[0]
        assert came, f"no answer to {what}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            reconnect_backoff_max_ms=500,
            auto_offset_reset="earliest",
        )
        try:
            with closing(consumer):
                consumer.assign([TopicPartition(self._settings.replies, p) for p in range(self._partitions)])
                while not self._stopped.is_set():
                    with suppress(KafkaError):
                        self._take(consumer.poll(timeout_ms=100))
        except BaseException as error:  # noqa: BLE001 - the test raises it
            with self._news:
                self._failed.append(error)
                self._news.notify_all()

    def _take(self, polled: dict[TopicPartition, list[Any]]) -> None:
        with self._news:
            for tp, records in polled.items():
                for record in records:
                    reply = self._replies.read(record.value, record.headers)
                    if reply.source == COMMANDS:
                        self._at[tp.partition, reply.offset] = reply.outcome
                    self._first.setdefault((reply.subject, reply.outcome.command_id), reply.outcome)
            self._news.notify_all()
