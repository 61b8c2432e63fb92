"""The topic of checkpoints: what was signed of the log, for everybody to read; written by one process at a time.

A newer process fences the older. Keys are origins, values the signed notes; nothing is ever compacted away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings, let_go, reported

_WHAT = "the topic of checkpoints"


class CheckpointTopic:
    """Where checkpoints are put up. Raises LogUnreachable, TopicMismatch, CommitUncertain."""

    def __init__(self, settings: KafkaSettings) -> None:
        topics.ensure_checkpoints(settings)
        self._settings = settings
        with reported(_WHAT):
            self._producer = KafkaProducer(
                **settings.arguments(),
                transactional_id=settings.checkpointer,
                transaction_timeout_ms=int(settings.transaction_timeout * 1000),
                acks="all",
                max_block_ms=int(settings.commit_timeout * 1000),
            )
            try:
                self._producer.init_transactions()  # whoever was it before can put up nothing from here on
                self._newest = self._read()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Leaves the broker."""
        let_go(self._producer, 1)

    def newest(self) -> Mapping[str, bytes]:
        """The last note of each origin."""
        return self._newest

    def put_up(self, notes: Mapping[str, bytes]) -> None:
        """Puts up notes by their origins, all or none. Raises WriterFenced where another process has begun since."""
        fresh = {origin: note for origin, note in notes.items() if self._newest.get(origin) != note}
        if not fresh:
            return
        producer, manager = self._producer, self._manager
        deadline = time.monotonic() + self._settings.commit_timeout
        with reported(_WHAT):
            producer.begin_transaction()
            sent = [
                producer.send(self._settings.checkpoints, note, origin.encode(), partition=0)
                for origin, note in fresh.items()
            ]
            producer.flush(self._settings.commit_timeout)
            for future in sent:
                future.get(self._settings.commit_timeout)
            result = manager.begin_commit()
            sender: Any = producer._sender  # noqa: SLF001
            sender.wakeup()
            if not result.wait(timeout_ms=max(deadline - time.monotonic(), 0) * 1000):
                raise KafkaTimeoutError("the transaction's end was not confirmed in time")
        self._newest |= fresh

    @property
    def _manager(self) -> Any:  # noqa: ANN401 - kafka-python's
        return self._producer._transaction_manager  # noqa: SLF001

    def _read(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        tp = TopicPartition(self._settings.checkpoints, 0)
        consumer = KafkaConsumer(
            **self._settings.arguments(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            group_id=None,
        )
        with closing(consumer):
            consumer.assign([tp])
            end = consumer.end_offsets([tp])[tp]
            consumer.seek(tp, 0)
            while consumer.position(tp) < end:
                records: Sequence[Any] = consumer.poll(timeout_ms=200).get(tp, ())
                for record in records:
                    found[record.key.decode("utf-8", "replace")] = record.value
        return found
