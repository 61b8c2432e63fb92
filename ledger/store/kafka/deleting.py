"""Commands are deleted once they are answered and old: the beginning of two topics, and of no other.

By itself a broker deletes nothing of a log: whatever is deleted is named here, partition by partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import TopicAuthorizationFailedError
from kafka.protocol.consumer import IsolationLevel
from kafka.structs import TopicPartition

from ledger.errors import DeletionRefused
from ledger.store.kafka.connection import KafkaSettings, reported

_TIMEOUT_MS = 10_000
_MILLISECOND = 1000
"""In microseconds: brokers count milliseconds."""


class Beginning(NamedTuple):
    """The offset at which a partition of a topic begins now: what lay before it is deleted."""

    topic: str
    partition: int
    offset: int


def delete_answered(
    settings: KafkaSettings, answered: Mapping[int, int], awaited: Mapping[int, int], before: int
) -> Iterator[Beginning]:
    """Deletes what the brokers wrote before an instant (UTC microseconds): of commands, and of the dead letters.

    `answered` is the offset before which all commands of a partition are answered: of a partition that is
    not named nothing is deleted. `awaited` is the offset from which on the dead letters of a partition are kept.
    What is under way is kept. Raises DeletionRefused where the brokers do not allow it, and what `reported` does.
    """
    sent = {TopicPartition(settings.commands, partition): offset for partition, offset in answered.items()}
    dead = [TopicPartition(settings.dead, partition) for partition in answered]
    with (
        reported(f"Kafka at {settings.bootstrap}"),
        closing(KafkaAdminClient(**settings.arguments(), request_timeout_ms=_TIMEOUT_MS)) as admin,
    ):
        every = [*sent, *dead]
        begins = admin.list_partition_offsets(dict.fromkeys(every, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(
            dict.fromkeys(every, OffsetSpec.LATEST), isolation_level=IsolationLevel.READ_COMMITTED
        )
        later = admin.list_partition_offsets(dict.fromkeys(every, before // _MILLISECOND))
        for tp in every:
            kept = [ends[tp].offset, sent[tp] if tp in sent else awaited.get(tp.partition, ends[tp].offset)]
            if later[tp].offset >= 0:  # else all of it was written before
                kept.append(later[tp].offset)
            if min(kept) > begins[tp].offset:
                yield _deleted(admin, tp, min(kept))


def _deleted(admin: KafkaAdminClient, tp: TopicPartition, offset: int) -> Beginning:
    """One partition at a time: of several, kafka-python tells neither which were done nor what was refused of which."""
    try:
        admin.delete_records({tp: offset})
    except TopicAuthorizationFailedError as error:
        raise DeletionRefused(f"{tp.topic}: the brokers do not let this user delete there") from error
    return Beginning(tp.topic, tp.partition, offset)
