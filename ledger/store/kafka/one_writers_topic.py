"""A topic beside the log that one process writes at a time: a newer one fences the older."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from ledger.store.kafka.connection import KafkaSettings, let_go, reported
from ledger.store.kafka.positions import polled_to


class Put(NamedTuple):
    """A record to be put up; with no partition named, where its key falls."""

    key: bytes
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class OneWritersTopic:
    """Its one writer, from here on; `what` is what errors call it. Raises LogUnreachable, CommitUncertain."""

    def __init__(self, settings: KafkaSettings, topic: str, transactional_id: str, what: str) -> None:
        self._settings, self._topic, self._what = settings, topic, what
        with reported(what):
            self._producer = KafkaProducer(
                **settings.arguments(),
                transactional_id=transactional_id,
                transaction_timeout_ms=int(settings.transaction_timeout * 1000),
                acks="all",
                max_block_ms=int(settings.commit_timeout * 1000),
            )
            try:
                self._producer.init_transactions()  # whoever was it before can put up nothing from here on
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Leaves the broker."""
        let_go(self._producer, 1)

    def put_up(self, records: Sequence[Put]) -> None:
        """Puts up records, all or none. Raises WriterFenced where another process has begun since."""
        producer: Any = self._producer
        manager = producer._transaction_manager  # noqa: SLF001 - kafka-python waits for a commit without an end
        timeout = self._settings.commit_timeout
        deadline = time.monotonic() + timeout
        with reported(self._what):
            producer.begin_transaction()
            sent = [
                producer.send(
                    self._topic, one.value, one.key, headers=list(one.headers), partition=one.partition
                )
                for one in records
            ]
            producer.flush(timeout)
            for future in sent:
                future.get(timeout)
            result = manager.begin_commit()
            producer._sender.wakeup()  # noqa: SLF001
            if not result.wait(timeout_ms=max(deadline - time.monotonic(), 0) * 1000):
                raise KafkaTimeoutError("the transaction's end was not confirmed in time")

    def read(self, partitions: int) -> Iterator[Sequence[Any]]:
        """What is there by now, polled; partition by partition."""
        consumer = KafkaConsumer(
            **self._settings.arguments(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            group_id=None,
        )
        with reported(self._what), closing(consumer):
            for tp in [TopicPartition(self._topic, one) for one in range(partitions)]:
                consumer.assign([tp])
                end = consumer.end_offsets([tp])[tp]
                consumer.seek(tp, 0)
                yield from polled_to(consumer, tp, end)
