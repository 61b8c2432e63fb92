"""How a log on Kafka began: the first event of any of its partitions, read from the topic itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.errors import TopicMismatch
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.records import read_wire
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.kafka.topics import Incarnation


def created(
    consumer: KafkaConsumer, settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds
) -> dict[str, Any] | None:
    """The fields of the first event that is found; None where nothing is recorded yet.

    The consumer reads what is committed, and is assigned these partitions afterwards. Raises TopicMismatch where the
    log was made with another number of partitions than its topics have now.
    """
    every = [TopicPartition(settings.events, partition) for partition in range(incarnation.partitions)]
    consumer.assign(every)
    ends = consumer.end_offsets(every)
    for tp in every:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        while consumer.position(tp) < ends[tp]:
            for record in consumer.poll(timeout_ms=200, max_records=1).get(tp, ()):
                schema, state = read_wire(ids, record.value, record.headers)
                codec = Codec()
                codec.learn([schema])
                found = codec.record(state)
                said = found.get("partitions")
                if said not in (None, incarnation.partitions):
                    raise TopicMismatch(
                        f"the log was made with {said} partitions; {settings.events} has {incarnation.partitions}"
                    )
                return found
    return None


def said_at_first(settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds) -> dict[str, Any] | None:
    """What that event says; None where nothing is recorded yet. Raises like `created`."""
    with reported(f"Kafka at {settings.bootstrap}"):
        consumer = KafkaConsumer(
            **settings.arguments(), isolation_level="read_committed", enable_auto_commit=False, group_id=None
        )
        with closing(consumer):
            found = created(consumer, settings, incarnation, ids)
    return found
