"""The checks of a log on Kafka: its brokers and topics, its registry, how it began, and whose clock says what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.domain.calendar import SECOND
from ledger.errors import CommitUncertain
from ledger.figures import grouped
from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.origin import said_at_first
from ledger.store.kafka.positions import held_back, polled_to
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.schema_ids import access, known_ids
from ledger.wiring.amiss import REFUSED, TOLERANCE, Amiss, must_not_be_behind
from ledger.wiring.kafka_access import hinting, kafka_settings
from ledger.wiring.settings import Settings, hidden

_LAST = 20
"""Offsets at the end of a partition among which there is a record, and not only the marks of transactions."""
_MILLISECOND = 1000
_STANDING = 5.0
"""Seconds that a transaction which is open at the moment is given to end: a writer's takes a fraction of one."""


def broker(settings: Settings) -> str:
    """The brokers answer, and the topics are set up for a log; whether they are those of this one is asked of it."""
    with hinting(settings):
        found = topics.ensure(_log(settings), create=False)
    return f"{settings.kafka} answers; the topics are set up for a log, of {found.partitions} partitions"


def registry(settings: Settings) -> str:
    """The registry answers."""
    known_ids(_log(settings))
    return f"{hidden(settings.registry or '')} answers"


def log(settings: Settings) -> str:
    """What was recorded first can be read by the registry's schemas, and no transaction hides what came last."""
    kafka = _log(settings)
    found = topics.ensure(kafka, create=False)
    created = said_at_first(kafka, found, known_ids(kafka))
    with reported(f"Kafka at {kafka.bootstrap}"):
        hidden_ends = held_back(kafka, found.partitions, _STANDING)
    if hidden_ends:
        where = ", ".join(f"{tp.topic}-{tp.partition}" for tp in hidden_ends)
        raise CommitUncertain(
            f"{where}: somebody's transaction stays open, and what comes behind it is not seen before it ends:"
            " see kafka-transactions.sh describe-producers"
        )
    clock = None if created is None else created["clock"]
    began = (
        "nothing is recorded yet" if clock is None else f"created {clock}, and read by the registry's schemas"
    )
    return f"{kafka.events}: {began}; `pulsa log verify` reads all of it"


def clock(settings: Settings, now: Callable[[], int]) -> str:
    """The clock of this machine, `now`, goes with the registry's and the brokers', however long they take to answer."""
    kafka = _log(settings)
    asked = now()
    theirs = Registry(access(kafka)).clock()
    if theirs is not None:
        must_not_be_behind(now(), theirs, "the registry")
        if asked - theirs > TOLERANCE + SECOND:
            seconds = (asked - theirs) // SECOND
            raise Amiss(
                "clock-ahead",
                REFUSED,
                f"this machine's clock is {grouped(seconds)} s ahead of the registry's",
            )
    last = _last_stamp(kafka)
    if last is not None:
        must_not_be_behind(now(), last, "the brokers")
    return "goes with the registry's, and is not behind the brokers'"


def _log(settings: Settings) -> KafkaSettings:
    return kafka_settings(settings, settings.mirrors_folder)


def _last_stamp(kafka: KafkaSettings) -> int | None:
    """When a broker wrote one of the last events, in UTC microseconds; None where none was found."""
    stamps: list[int] = []
    with reported(f"Kafka at {kafka.bootstrap}"):
        found = topics.ensure(kafka, create=False)
        consumer = KafkaConsumer(**kafka.arguments(), enable_auto_commit=False, group_id=None)
        with closing(consumer):
            every = [TopicPartition(kafka.events, partition) for partition in range(found.partitions)]
            consumer.assign(every)
            for tp, end in consumer.end_offsets(every).items():
                consumer.assign([tp])
                consumer.seek(tp, max(end - _LAST, 0))
                for polled in polled_to(consumer, tp, end):
                    stamps += [one.timestamp for one in polled]
    return max(stamps) * _MILLISECOND if stamps else None
