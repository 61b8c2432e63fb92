"""How a log on Kafka began: the first event of any of its partitions, read from the topic itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.errors import TopicMismatch
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.positions import polled_to
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
    found = _first(consumer, settings, incarnation, ids)
    said = None if found is None else found.get("partitions")
    if said not in (None, incarnation.partitions):
        raise TopicMismatch(
            f"the log was made with {said} partitions; {settings.events} has {incarnation.partitions}"
        )
    return found


def _first(
    consumer: KafkaConsumer, settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds
) -> dict[str, Any] | None:
    every = [TopicPartition(settings.events, partition) for partition in range(incarnation.partitions)]
    consumer.assign(every)
    ends = consumer.end_offsets(every)
    for tp in every:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        for polled in polled_to(consumer, tp, ends[tp], at_once=1):
            for record in polled:
                schema, state = read_wire(ids, record.value, record.headers)
                codec = Codec()
                codec.learn([schema])
                return codec.record(state)
    return None


def as_made(settings: KafkaSettings, place: Incarnation, ids: SchemaIds) -> Incarnation:
    """The log's topics as found, with as many partitions as it was made with, whatever was added to them since.

    A log that does not say how many that were has as many as are asked for, or as there are. Raises TopicMismatch where
    there are fewer, or something was written to a partition that was added.
    """
    with reported(f"Kafka at {settings.bootstrap}"), closing(_reading(settings)) as consumer:
        said = (_first(consumer, settings, place, ids) or {}).get("partitions")
        made = said or settings.partitions or place.partitions
        if made > place.partitions or settings.partitions not in (None, made):
            asked = settings.partitions or place.partitions
            raise TopicMismatch(f"the log was made with {made} partitions; here are {asked}")
        added = [
            TopicPartition(topic, partition)
            for topic in (settings.events, settings.replies)
            for partition in sorted(consumer.partitions_for_topic(topic) or ())
            if partition >= made
        ]
        for tp, end in consumer.end_offsets(added).items() if added else ():
            if end > 0:
                raise TopicMismatch(
                    f"{tp.topic}: the log was made with {made} partitions; partition {tp.partition} was added,"
                    " and something was written to it"
                )
    return place._replace(partitions=made)


def _reading(settings: KafkaSettings) -> KafkaConsumer:
    return KafkaConsumer(
        **settings.arguments(), isolation_level="read_committed", enable_auto_commit=False, group_id=None
    )


def said_at_first(settings: KafkaSettings, incarnation: Incarnation, ids: SchemaIds) -> dict[str, Any] | None:
    """What that event says; None where nothing is recorded yet. Raises like `created`."""
    with reported(f"Kafka at {settings.bootstrap}"), closing(_reading(settings)) as consumer:
        return created(consumer, settings, incarnation, ids)
