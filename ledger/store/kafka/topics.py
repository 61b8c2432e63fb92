"""The topics of a log on Kafka: made where a log is asked for, and checked. What is wrong with one is said."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import TopicPartition

from ledger.errors import LogMismatch, LogMissing, LogUnreachable, TopicMismatch
from ledger.store.backup import FileExists
from ledger.store.kafka.connection import KafkaSettings, reported

DEFAULT_PARTITIONS = 4
"""Partitions of a log that is made without being told how many. They cannot be changed later."""
REPLICAS = 3
"""Copies of each partition, where nothing else is asked for and there is more than one broker."""

_KNOWN_WITHIN = 15
"""Seconds within which each broker has heard of a topic that was made."""
_AGAIN = 0.1
_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_LEAST = {"max.message.bytes": "1000000"}
"""What a topic may have more of: no record of the ledger's is larger."""
_STAMPED = {"message.timestamp.type": "LogAppendTime"}
_COMPACTED = {
    "cleanup.policy": "compact",
    "max.compaction.lag.ms": "86400000",
    "delete.retention.ms": "604800000",
    "segment.ms": "86400000",
}
"""A topic of which only the last value of each key counts; that there is none is kept for a week."""
_IN_SYNC = 2
"""Copies that have to have a record before it is acknowledged, where there are several."""


class Incarnation(NamedTuple):
    """Which cluster, and which incarnation of the topics, a mirror is a mirror of."""

    cluster: str
    events: str
    replies: str
    partitions: int
    policies: str = ""
    """Empty for whoever may not see it, or where a writer has still to make it."""
    commands: str = ""


class _Cluster(NamedTuple):
    """What was found there: its name, how many brokers are alive, and the log's topics by name."""

    id: str
    brokers: int
    topics: dict[str, dict[str, Any]]


def ensure(settings: KafkaSettings, *, create: bool = True, grown: bool = False) -> Incarnation:
    """The log's topics, checked. `create` says that a writer asks, which makes what holds nothing that cannot be lost.

    `grown` says that topics may have been given more partitions since: as many as all have are told.
    The log itself is made only where `settings.create` asks for it and nothing was ever written.
    Raises LogUnreachable, LogMissing where topics are not there, LogMismatch where there was a log or records of it
    were deleted, or TopicMismatch where one has another retention, kind of timestamp, number of partitions or of
    copies, or where fewer brokers are alive than copies are asked for.
    """
    what = f"Kafka at {settings.bootstrap}"
    with reported(what):
        admin = KafkaAdminClient(**settings.arguments(), request_timeout_ms=10_000)
        try:
            found = _looked(admin, settings)
            _must_be_there(admin, settings, found, what)
            missing = [name for name in settings.topics if name not in found.topics]
            if (
                not create
            ):  # whoever only asks need not see the policies', nor has a log made before them any yet
                missing = [name for name in missing if name != settings.policies]
            if missing:
                if not create:
                    raise LogMissing(f"{what}: there is no topic {missing[0]}; a writer makes it")
                _create(admin, settings, missing, found)
                found = _made(admin, settings)
            _check(admin, settings, found, grown=grown)
            _must_be_whole(admin, settings, found)
        finally:
            admin.close()
    events, replies = found.topics[settings.events], found.topics[settings.replies]
    policies = found.topics.get(settings.policies)
    return Incarnation(
        found.id,
        str(events["topic_id"]),
        str(replies["topic_id"]),
        min(len(topic["partitions"]) for topic in found.topics.values()),
        "" if policies is None else str(policies["topic_id"]),
        str(found.topics[settings.commands]["topic_id"]),
    )


def ensure_checkpoints(settings: KafkaSettings) -> None:
    """The topic of checkpoints: of one partition, kept for ever, never compacted. Raises as `ensure`."""
    name = settings.checkpoints
    with (
        reported(f"Kafka at {settings.bootstrap}"),
        closing(KafkaAdminClient(**settings.arguments(), request_timeout_ms=10_000)) as admin,
    ):
        found = _looked(admin, settings)
        copies = settings.replication or (_copies(found) if found.topics else _least(found.brokers))
        new = {"num_partitions": 1, "replication_factor": copies, "configs": _wanted(copies)}
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({name: new}, wait_for_metadata=True)
        resource = ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_FOR_EVER))
        described = admin.describe_configs([resource], config_filter="all")["topic"][name]
        for key, value in _FOR_EVER.items():
            actual = described[key]["value"]
            if actual != value:
                raise TopicMismatch(f"topic {name} has {key}={actual}; checkpoints need {key}={value}")


def ensure_preferences(settings: KafkaSettings) -> int:
    """The topic of preferences, compacted, of as many partitions as the log has: returns how many. Raises as `ensure`.

    What is replaced or taken back is gone a day later: an erased person's choices outlive them no longer there.
    """
    name = settings.preferences
    partitions = ensure(settings, create=False).partitions
    with (
        reported(f"Kafka at {settings.bootstrap}"),
        closing(KafkaAdminClient(**settings.arguments(), request_timeout_ms=10_000)) as admin,
    ):
        copies = settings.replication or _copies(_looked(admin, settings))
        configs = _COMPACTED | {"min.insync.replicas": str(min(copies, _IN_SYNC))}
        new = {"num_partitions": partitions, "replication_factor": copies, "configs": configs}
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({name: new}, wait_for_metadata=True)
        resource = ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": None})
        actual = admin.describe_configs([resource], config_filter="all")["topic"][name]["cleanup.policy"]
        if actual["value"] != "compact":
            raise TopicMismatch(f"topic {name} has cleanup.policy={actual['value']}; it needs compact")
        [found] = admin.describe_topics([name])
        if len(found["partitions"]) != partitions:
            raise TopicMismatch(
                f"topic {name} has {len(found['partitions'])} partitions; the log {partitions}"
            )
    return partitions


def create(settings: KafkaSettings) -> Incarnation:
    """Makes a new log. Raises FileExists where one is there, or what `ensure` raises."""
    must_be_none(settings)
    return ensure(replace(settings, create=True))


def must_be_none(settings: KafkaSettings) -> None:
    """Raises FileExists where there is a log; LogUnreachable."""
    what = f"Kafka at {settings.bootstrap}"
    with reported(what):
        admin = KafkaAdminClient(**settings.arguments(), request_timeout_ms=10_000)
        try:
            found = _looked(admin, settings)
        finally:
            admin.close()
    if set(_essential(settings)) <= found.topics.keys():
        raise FileExists(f"{what}: there is a log already, in {settings.events}")


def _essential(settings: KafkaSettings) -> list[str]:
    """The topics that together are the log."""
    return [settings.events, settings.commands, settings.replies]


def _looked(admin: KafkaAdminClient, settings: KafkaSettings) -> _Cluster:
    cluster = admin.describe_cluster()
    topics = {
        topic["name"]: topic for topic in admin.describe_topics(settings.topics) if topic["error_code"] == 0
    }
    alive = sum(not broker.get("is_fenced", False) for broker in cluster["brokers"])
    return _Cluster(str(cluster["cluster_id"]), alive, topics)


def _must_be_there(admin: KafkaAdminClient, settings: KafkaSettings, found: _Cluster, what: str) -> None:
    """Raises LogMissing where the log is not there, or not whole, unless it is to be made and nothing is in it."""
    missing = [name for name in _essential(settings) if name not in found.topics]
    if not missing:
        return
    there = [name for name in _essential(settings) if name in found.topics]
    written = [name for name in there if _is_written(admin, found.topics[name])]
    if written:
        raise LogMissing(f"{what}: the topic {missing[0]} is gone, and {written[0]} is not empty")
    if not settings.create:
        raise LogMissing(
            f"{what}: there is no topic {missing[0]}; where a new log is meant, `pulsa log create` makes it"
        )
    for path in settings.mirrors.rglob(settings.mirror(0).name.replace("-0.", "-*.")):
        cluster = _mirrored(path)
        if cluster is not None:
            raise LogMismatch(
                f"{path} is of a log that was on the cluster {cluster}; on {found.id} there is none"
            )


def _mirrored(path: Path) -> str | None:
    """The cluster that a mirror says it is of."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE name='cluster'").fetchone()
    except sqlite3.Error:  # a damaged mirror says nothing
        return None
    return None if row is None else str(row[0])


def _is_written(admin: KafkaAdminClient, topic: dict[str, Any]) -> bool:
    """Whether anything was ever written to a topic."""
    tps = [TopicPartition(topic["name"], one["partition_index"]) for one in topic["partitions"]]
    ends = admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))
    return any(end.offset > 0 for end in ends.values())


def _must_be_whole(admin: KafkaAdminClient, settings: KafkaSettings, found: _Cluster) -> None:
    """Raises LogMismatch where a broker has deleted records of the log."""
    tps = [
        TopicPartition(name, one["partition_index"])
        for name in (settings.events, settings.replies)
        for one in found.topics[name]["partitions"]
    ]
    begins = admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.EARLIEST))
    must_begin_at_zero({tp: begin.offset for tp, begin in begins.items()})


def must_begin_at_zero(begins: Mapping[TopicPartition, int]) -> None:
    """Raises LogMismatch where the first record that there is of a partition is not the first that was written."""
    for tp, begin in sorted(begins.items()):
        if begin > 0:
            raise LogMismatch(
                f"{tp.topic}: the records of partition {tp.partition} before offset {begin} were deleted;"
                " mirrors may have them, so keep these"
            )


def _wanted(copies: int) -> dict[str, str]:
    return _FOR_EVER | _STAMPED | {"min.insync.replicas": str(min(copies, _IN_SYNC))}


def _create(admin: KafkaAdminClient, settings: KafkaSettings, missing: list[str], found: _Cluster) -> None:
    counts = {len(topic["partitions"]) for topic in found.topics.values()}
    partitions = settings.partitions or (counts.pop() if counts else DEFAULT_PARTITIONS)
    copies = settings.replication or (_copies(found) if found.topics else _least(found.brokers))
    if found.brokers < copies:
        raise TopicMismatch(
            f"{copies} copies of each partition are asked for (PULSA_KAFKA_REPLICATION), and"
            f" {found.brokers} of the brokers are alive"
        )
    new = {"num_partitions": partitions, "replication_factor": copies, "configs": _wanted(copies)}
    try:
        admin.create_topics(dict.fromkeys(missing, new), wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another writer started at the same moment
        admin.wait_for_topics(missing)


def _made(admin: KafkaAdminClient, settings: KafkaSettings) -> _Cluster:
    """The cluster once the broker that is asked knows the topics that another has just made, and all are led."""
    deadline = time.monotonic() + _KNOWN_WITHIN
    while True:
        found = _looked(admin, settings)
        missing = [name for name in settings.topics if name not in found.topics]
        if not missing:
            _await_leaders(admin, found)
            return found
        if time.monotonic() > deadline:
            raise LogUnreachable(
                f"the topic {missing[0]} was made, and after {_KNOWN_WITHIN} s a broker does not know it"
            )
        time.sleep(_AGAIN)


def _await_leaders(admin: KafkaAdminClient, found: _Cluster) -> None:
    """Returns once brokers lead every partition: one that is to may not know it yet, and who asks it is told so."""
    tps = [
        TopicPartition(name, one["partition_index"])
        for name, topic in found.topics.items()
        for one in topic["partitions"]
    ]
    admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))  # it asks again by itself until then


def _least(brokers: int) -> int:
    """The copies that a partition has at least where nothing is asked for."""
    return 1 if brokers == 1 else REPLICAS


def _copies(found: _Cluster) -> int:
    return max(len(one["replica_nodes"]) for topic in found.topics.values() for one in topic["partitions"])


def _check(admin: KafkaAdminClient, settings: KafkaSettings, found: _Cluster, *, grown: bool) -> None:
    counts = {name: len(topic["partitions"]) for name, topic in found.topics.items()}
    expected = settings.partitions or counts[settings.events]
    by = "PULSA_KAFKA_PARTITIONS says" if settings.partitions else f"{settings.events} has"
    for name, count in counts.items():
        if count != expected and not grown:
            raise TopicMismatch(f"topic {name} has {count} partitions; {by} {expected}")
    _check_copies(settings, found)
    copies = _copies(found)
    wanted = _wanted(copies) | _LEAST
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(wanted)) for name in counts]
    described = admin.describe_configs(resources, config_filter="all")["topic"]
    for name in counts:
        for key, value in wanted.items():
            actual = described[name][key]["value"]
            enough = key == "min.insync.replicas" and int(value) <= int(actual) <= copies
            enough |= key in _LEAST and int(value) <= int(actual)
            if actual != value and not enough:
                raise TopicMismatch(f"topic {name} has {key}={actual}; this log needs {key}={value}")


def _check_copies(settings: KafkaSettings, found: _Cluster) -> None:
    """Raises TopicMismatch where a partition has other copies than are asked for, or fewer than there should be."""
    asked, least = settings.replication, _least(found.brokers)
    for name, topic in found.topics.items():
        for one in topic["partitions"]:
            copies = len(one["replica_nodes"])
            if copies != (asked or max(copies, least)):
                raise TopicMismatch(
                    f"topic {name} has {copies} copies of partition {one['partition_index']};"
                    f" PULSA_KAFKA_REPLICATION asks for {asked or least}"
                )
