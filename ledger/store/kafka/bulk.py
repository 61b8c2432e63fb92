"""Hands many records of one partition to a producer at once.

kafka-python encodes record by record, with locks, a future and some thirty calls for each: that took longer than
deciding what is in them. Here the library opens each batch with its first record, and the rest is added in one piece,
in the same form (Kafka protocol, record batch version 2), whose varints are Avro's. The library is pinned to 3.0, for
this reaches inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from kafka import KafkaProducer
from kafka.structs import TopicPartition

from ledger.store.encoding import LONGS, TEXTS
from ledger.store.kafka.records import Outgoing

_LARGE = 500_000
"""Bytes of a record that kafka-python is to look at by itself: it may be larger than a broker takes."""


class Appended:
    """Where the last record of a batch will be, once the batch is acknowledged."""

    def __init__(self, first: Any, behind: int) -> None:  # noqa: ANN401 - kafka-python's future
        self._first = first
        self._behind = behind

    def offset(self, seconds: float) -> int:
        """The last record's offset. Raises KafkaError where it was not taken, or not in time."""
        return int(self._first.get(seconds).offset) + self._behind


def append(producer: KafkaProducer, tp: TopicPartition, records: Sequence[Outgoing]) -> Appended | None:
    """Appends records in their order to what is sent to a partition; None where there are none."""
    manager: Any = producer._transaction_manager  # noqa: SLF001
    accumulator: Any = producer._accumulator  # noqa: SLF001
    if manager is not None and records:
        manager.maybe_add_partition_to_transaction(tp)
    appended = None
    done = 0
    while done < len(records):
        key, value, headers = records[done]
        if len(value) > _LARGE:
            future: Any = producer.send(tp.topic, value, key, headers, tp.partition)
        else:
            future, *_ = accumulator.append(tp, None, key, value, headers)
        done += 1
        behind = _fill(accumulator, tp, future, islice(records, done, None))
        done += behind
        appended = Appended(future, behind)
        producer._sender.wakeup()  # noqa: SLF001
    return appended


def _fill(accumulator: Any, tp: TopicPartition, future: Any, records: Iterable[Outgoing]) -> int:  # noqa: ANN401
    """Adds as many records as the batch has room for behind the one that was appended last; returns how many."""
    with accumulator._tp_lock(tp):  # noqa: SLF001
        batches = accumulator._batches[tp]  # noqa: SLF001
        if not batches or batches[-1].produce_future is not future._produce_future:  # noqa: SLF001
            return 0
        batch = batches[-1].records
        if batch._closed:  # noqa: SLF001 - it is under way already
            return 0
        builder = batch._builder  # noqa: SLF001
        first = batch.next_offset()
        encoded = encode(records, first, builder._batch_size - builder.size())  # noqa: SLF001
        builder._buffer += b"".join(encoded)  # noqa: SLF001
        builder._num_records += len(encoded)  # noqa: SLF001
        builder._last_offset += len(encoded)  # noqa: SLF001
        batch._next_offset += len(encoded)  # noqa: SLF001
        return len(encoded)


def encode(records: Iterable[Outgoing], first: int, room: int) -> list[bytes]:
    """Records as a batch holds them, the first with that offset in it, as long as they fit into `room` bytes."""
    encoded = []
    for offset, (key, value, headers) in enumerate(records, first):
        # Attributes, and the timestamp of the batch's first record: the broker dates them all.
        parts = [b"\0\0", LONGS[offset], LONGS[len(key)], key, LONGS[len(value)], value, LONGS[len(headers)]]
        for name, content in headers:
            parts += TEXTS[name], LONGS[len(content)], content
        body = b"".join(parts)
        record = LONGS[len(body)] + body
        room -= len(record)
        if room < 0 or len(value) > _LARGE:
            break
        encoded.append(record)
    return encoded
