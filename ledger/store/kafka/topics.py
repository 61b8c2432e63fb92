"""The four topics of a log on Kafka: made where they are missing, and checked. What is wrong with one is said."""

from __future__ import annotations

from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from ledger.errors import LogMissing, TopicMismatch
from ledger.store.kafka.connection import KafkaSettings, reported

DEFAULT_PARTITIONS = 4
"""Partitions of a log that is made without being told how many. They cannot be changed later."""

_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_STAMPED = {"message.timestamp.type": "LogAppendTime"}
_REPLICAS = 3


class Place(NamedTuple):
    """Which cluster, and which incarnation of the topics, a mirror is a mirror of."""

    cluster: str
    events: str
    replies: str
    partitions: int


def ensure(settings: KafkaSettings, *, create: bool = True) -> Place:
    """The log's topics, made where they are missing.

    Raises LogUnreachable, LogMissing (where they may not be made), or TopicMismatch where a topic has another
    retention, another kind of timestamp, or another number of partitions.
    """
    what = f"Kafka at {settings.bootstrap}"
    with reported(what):
        admin = KafkaAdminClient(**settings.arguments(), request_timeout_ms=10_000)
        try:
            cluster = admin.describe_cluster()
            names = [settings.events, settings.commands, settings.replies, settings.dead]
            found = _described(admin, names)
            missing = [name for name in names if name not in found]
            if missing and not create:
                raise LogMissing(f"{what}: there is no topic {missing[0]}; a writer creates it")
            if missing:
                _create(admin, settings, missing, found, len(cluster["brokers"]))
                found = _described(admin, names)
            _check(admin, settings, found, len(cluster["brokers"]))
        finally:
            admin.close()
    events, replies = found[settings.events], found[settings.replies]
    return Place(
        str(cluster["cluster_id"]),
        str(events["topic_id"]),
        str(replies["topic_id"]),
        len(events["partitions"]),
    )


def _described(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, Any]]:
    return {topic["name"]: topic for topic in admin.describe_topics(names) if topic["error_code"] == 0}


def _wanted(brokers: int) -> dict[str, str]:
    settings = _FOR_EVER | _STAMPED
    if brokers > 1:
        settings["min.insync.replicas"] = "2"
    return settings


def _create(
    admin: KafkaAdminClient,
    settings: KafkaSettings,
    missing: list[str],
    found: dict[str, dict[str, Any]],
    brokers: int,
) -> None:
    counts = {len(topic["partitions"]) for topic in found.values()}
    partitions = settings.partitions or (counts.pop() if counts else DEFAULT_PARTITIONS)
    new = {
        "num_partitions": partitions,
        "replication_factor": min(brokers, _REPLICAS),
        "configs": _wanted(brokers),
    }
    try:
        admin.create_topics(dict.fromkeys(missing, new), wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another writer started at the same moment
        admin.wait_for_topics(missing)


def _check(
    admin: KafkaAdminClient, settings: KafkaSettings, found: dict[str, dict[str, Any]], brokers: int
) -> None:
    counts = {name: len(topic["partitions"]) for name, topic in found.items()}
    expected = settings.partitions or counts[settings.events]
    for name, count in counts.items():
        if count != expected:
            raise TopicMismatch(f"topic {name} has {count} partitions; this log has {expected}")
    wanted = _wanted(brokers)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(wanted)) for name in counts]
    described = admin.describe_configs(resources, config_filter="all")["topic"]
    for name in counts:
        for key, value in wanted.items():
            actual = described[name][key]["value"]
            enough = key == "min.insync.replicas" and int(actual) >= int(value)
            if actual != value and not enough:
                raise TopicMismatch(f"topic {name} has {key}={actual}; this log needs {key}={value}")
