"""Where a consumer stands, and reading a partition of a topic on to an end: no broker is waited for without bound."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from ledger.errors import LogUnreachable
from ledger.store.kafka.connection import QUESTION_TIMEOUT_MS, KafkaSettings

SILENT_SECONDS = 30.0
"""After so much silence of a broker that has more, nobody waits for it any longer."""
_WAIT_MS = 200
_AGAIN = 0.1


def position_of(consumer: KafkaConsumer, tp: TopicPartition) -> int:
    """The offset of the next record. Raises KafkaTimeoutError where no broker tells it; else like kafka-python's."""
    found: int | None = consumer.position(tp, timeout_ms=QUESTION_TIMEOUT_MS)
    if found is None:
        raise KafkaTimeoutError(f"{tp.topic}-{tp.partition}: no broker told in time where it begins")
    return found


def polled_to(
    consumer: KafkaConsumer, tp: TopicPartition, end: int, *, at_once: int | None = None
) -> Iterator[Sequence[Any]]:
    """What is polled of the one partition that is assigned, until an end that was asked for before is reached.

    `at_once` are the most records of a poll. Raises LogUnreachable where nothing comes any more.
    """
    heard, last = time.monotonic(), -1
    while (position := position_of(consumer, tp)) < end:
        if position != last:
            heard, last = time.monotonic(), position
        elif time.monotonic() - heard > SILENT_SECONDS:
            raise LogUnreachable(
                f"{tp.topic}-{tp.partition}: no broker has sent anything for {SILENT_SECONDS:g} s, and there is more"
            )
        yield consumer.poll(timeout_ms=_WAIT_MS, max_records=at_once).get(tp, ())


def held_back(settings: KafkaSettings, partitions: int, seconds: float) -> list[TopicPartition]:
    """Where a transaction that is open now stays open so long: what comes behind it is seen by nobody.

    Raises what kafka-python does.
    """
    topics = (settings.events, settings.replies, settings.commands)
    waiting = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
    until = time.monotonic() + seconds
    with (
        closing(_asking(settings, "read_uncommitted")) as every,
        closing(_asking(settings, "read_committed")) as seen,
    ):
        written = every.end_offsets(waiting, timeout_ms=QUESTION_TIMEOUT_MS)
        while True:
            ends = seen.end_offsets(waiting, timeout_ms=QUESTION_TIMEOUT_MS)
            waiting = [tp for tp in waiting if ends[tp] < written[tp]]
            if not waiting or time.monotonic() > until:
                return waiting
            time.sleep(_AGAIN)


def _asking(settings: KafkaSettings, isolation: str) -> KafkaConsumer:
    return KafkaConsumer(
        **settings.arguments(), isolation_level=isolation, enable_auto_commit=False, group_id=None
    )
