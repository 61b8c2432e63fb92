"""How fast the log on Kafka is: a backlog, one command, two writers, mirrors made again, and a take-over."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.domain.commands import Command
from ledger.local.postgres import LocalPostgres
from ledger.store.codec import Codec
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.schema_ids import schema_ids
from ledger.wiring.mirrors import Followed
from projections.engine.database import Database
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.bench import kafka_log as k
from tests.bench.report import Figure, paired, set_aside


def commands(folder: Path, runs: int, count: int) -> list[Figure]:
    """A backlog decided by one writer, against a producer that writes the same bytes."""
    at = k.servers()
    served: list[KafkaSettings] = []

    def ours() -> float:
        served.append(at.log(folder))
        k.open_accounts(served[-1])
        return rate_of(served[-1], k.uses(count), 1)

    return [
        paired(
            f"commands to committed events and answers, one writer, backlog of {count:,}",
            "commands/s",
            ours,
            "kafka-python's idempotent producer writing the same bytes",
            lambda: _produced(served[-1], at.log(folder), count),
            runs=runs,
            at_least="0.4",
        )
    ]


def rate_of(log: KafkaSettings, uses: Sequence[Command], writers: int, topic: str | None = None) -> float:
    """Commands a second, from when the backlog is there until the last is committed; of their topic, or another."""
    with k.backlog(log, uses, topic) as backlog, ExitStack() as stack:
        started = [stack.enter_context(k.TimedWriter(log, str(index))) for index in range(writers)]
        share = (log.partitions or 1) // writers
        k.until(lambda: all(len(writer.serving) >= share for writer in started))
        begin = time.monotonic()
        backlog.commit_transaction()
        _await_answers(log, topic or log.commands)
        end = time.monotonic()
        for writer in started:
            writer.end()
    return len(uses) / (end - begin)


def _await_answers(log: KafkaSettings, topic: str) -> None:
    """Returns once the group has committed everything."""
    consumer = KafkaConsumer(bootstrap_servers=log.bootstrap, group_id=log.group, enable_auto_commit=False)
    tps = [TopicPartition(topic, partition) for partition in range(log.partitions or 1)]
    ends = consumer.end_offsets(tps)
    # The last record of each partition is the marker of the backlog's commit.
    k.until(lambda: all((consumer.committed(tp) or 0) >= ends[tp] - 1 for tp in tps))
    consumer.close(autocommit=False)


def _produced(log: KafkaSettings, again: KafkaSettings, count: int) -> float:
    """The same events and answers by a plain producer, into topics of their own."""
    topics.ensure(again)
    sets = [
        (again.events, k.records(log, log.events)[-count:]),
        (again.replies, k.records(log, log.replies)[-count:]),
    ]
    producer = KafkaProducer(bootstrap_servers=log.bootstrap, **k.PRODUCER)
    for topic, _ in sets:
        producer.partitions_for(topic)
    with set_aside():
        begin = time.perf_counter()
        for topic, records in sets:
            for record in records:
                producer.send(topic, record.value, record.key, record.headers, 0)
        producer.flush()
        seconds = time.perf_counter() - begin
    producer.close()
    return count / seconds


def latency(folder: Path, count: int) -> list[Figure]:
    """From sending a command to its answer on an idle system, against a transaction of one record."""
    at = k.servers()
    log, plain = at.log(folder), at.log(folder)
    topics.ensure(plain)
    k.open_accounts(log)
    ours, theirs, warming = [], [], min(count, 50)
    producer = KafkaProducer(
        bootstrap_servers=log.bootstrap, transactional_id=f"{plain.prefix}plain", acks="all"
    )
    producer.init_transactions()
    with k.TimedWriter(log) as writer:
        k.until(lambda: bool(writer.serving))
        client = KafkaClient(log, stated_at=True, timeout=k.PATIENCE)
        for index, command in enumerate(k.uses(count + warming)):
            begin = time.perf_counter()
            (outcome,) = client.execute([command])
            middle = time.perf_counter()
            producer.begin_transaction()
            producer.send(plain.events, b"x" * 300, b"key", [], 0)
            producer.commit_transaction()
            end = time.perf_counter()
            if outcome.status != "accepted":
                raise AssertionError(outcome)
            if index >= warming:
                ours.append((middle - begin) * 1e3)
                theirs.append((end - middle) * 1e3)
        client.close()
        producer.close()
        writer.end()
    figures = []
    for name, rank, limit in (("p50", 50, "ratio >= 0.25"), ("p99", 99, "under 60 ms")):
        mine, other = (statistics.quantiles(times, n=100)[rank - 1] for times in (ours, theirs))
        figures.append(
            Figure(
                f"one command, sent to answered, idle, {name}",
                "ms",
                mine,
                f"a transaction of one record, {name}",
                other,
                other / mine,
                limit,
            )
        )
    return figures


def two_writers(folder: Path, runs: int, count: int) -> list[Figure]:
    """Two writers on two partitions, against one on both."""

    def rate(writers: int) -> float:
        log = k.servers().log(folder, 2)
        k.open_accounts(log)
        return rate_of(log, k.uses(count), writers)

    what, baseline = "two writers, two partitions", "one writer, two partitions"
    return [
        paired(
            what,
            "commands/s",
            lambda: rate(2),
            baseline,
            lambda: rate(1),
            runs=runs,
            at_least="1.3",
            is_ours_too=True,
        )
    ]


@cache
def _written(folder: Path, count: int) -> KafkaSettings:
    """A log of that many uses, for whoever only reads it."""
    log = k.servers().log(folder)
    k.open_accounts(log)
    rate_of(log, k.uses(count), 1)
    return log


def mirrors(folder: Path, runs: int, count: int) -> list[Figure]:
    """A mirror made again from the topics, against a consumer that only reads them."""
    log = _written(folder, count)
    place, ids = topics.ensure(log), schema_ids(log)
    return [
        paired(
            "a mirror made again, events and answers",
            "records/s",
            lambda: _mirrored(log, place, ids),
            "kafka-python's consumer alone",
            lambda: _consumed(log),
            runs=runs,
            at_least="0.4",
        )
    ]


def _mirrored(log: KafkaSettings, place: topics.Incarnation, ids: Any) -> float:
    mirror.remove(log.mirror(0))
    begin, total = time.perf_counter(), 0
    made = mirror.opened(log, place, 0, Mirror)
    follower = Follower(log, ids)
    follower.follow({0: made})
    while True:
        total += follower.advance(5)
        if follower.is_caught_up(0):
            break
    seconds = time.perf_counter() - begin
    follower.close()
    made.close()
    return total / seconds


def _consumed(log: KafkaSettings) -> float:
    begin = time.perf_counter()
    consumer = k.new_consumer(log)
    tps = [TopicPartition(topic, 0) for topic in (log.events, log.replies)]
    consumer.assign(tps)
    for tp in tps:
        consumer.seek(tp, 0)
    ends, total = consumer.end_offsets(tps), 0
    while any(consumer.position(tp) < ends[tp] for tp in tps):
        total += sum(map(len, consumer.poll(timeout_ms=500, max_records=5000).values()))
    seconds = time.perf_counter() - begin
    consumer.close()
    return total / seconds


def projecting(folder: Path, runs: int, count: int) -> list[Figure]:
    """From the topic by mirrors into every projection on PostgreSQL, against a consumer that only decodes."""
    log = _written(folder, count)
    with LocalPostgres() as server, closing(Database(server.url)) as admin:
        return [
            paired(
                "live projecting from Kafka into PostgreSQL, all projections",
                "events/s",
                lambda: _projected(log, server.url, admin),
                "kafka-python's consumer alone, decoding by fastavro",
                lambda: _decoded(log),
                runs=runs,
                at_least="0.5",
            )
        ]


def _projected(log: KafkaSettings, url: str, admin: Database) -> float:
    name = f"run_{time.monotonic_ns()}"
    with admin.writing() as connection:
        connection.run(f"CREATE SCHEMA {name}")
    begin = time.perf_counter()
    with (
        closing(Followed(replace(log, mirrors=log.mirrors / name), answers=False)) as mirrors,
        closing(Database(f"{url}?options=-csearch_path%3D{name}")) as database,
    ):
        events = Runner(database, mirrors.readers(), PROJECTIONS).catch_up()
        return events / (time.perf_counter() - begin)


def _decoded(log: KafkaSettings) -> float:
    codec, ids = Codec(), schema_ids(log)
    tp = TopicPartition(log.events, 0)
    begin, total = time.perf_counter(), 0
    consumer = k.new_consumer(log)
    consumer.assign([tp])
    consumer.seek(tp, 0)
    end = consumer.end_offsets([tp])[tp]
    while consumer.position(tp) < end:
        for record in consumer.poll(timeout_ms=500, max_records=5000).get(tp, ()):
            codec.record(ids.from_wire(record.value)[1])
            total += 1
    seconds = time.perf_counter() - begin
    consumer.close()
    return total / seconds


def take_over(folder: Path, events: int) -> list[Figure]:
    """From a writer's sudden death until the other serves its partition, both mirrors being there."""
    at = k.servers()
    log = at.log(folder)
    k.open_accounts(log)
    step = 100_000
    for first in range(0, events, step):
        rate_of(log, k.uses(min(step, events - first), first), 1)
    with k.TimedWriter(log, "one") as one, k.TimedWriter(log, "other") as other:
        both = (one, other)
        k.until(lambda: all(writer.has_mirrored(events) for writer in both))
        k.until(lambda: bool(one.serving or other.serving))
        serving, standby = sorted(both, key=lambda writer: -writer.serving.get(0, 0))
        begin = time.monotonic()
        serving.kill()
        k.until(lambda: standby.serving.get(0, 0) > begin)
        seconds = standby.serving[0] - begin
        standby.end()
    return [
        Figure(
            f"take-over after a writer's death, {events:,} events",
            "s",
            seconds,
            "session time-out",
            k.SESSION_SECONDS,
            at_least=f"{k.SESSION_SECONDS} + 3 at most",
        )
    ]
