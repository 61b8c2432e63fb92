"""How fast the log on Kafka is: a backlog, one command, two writers, mirrors made again, and a take-over."""

from __future__ import annotations

import atexit
import json
import logging
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger import bootstrap
from ledger.connecting import Followed
from ledger.domain.commands import Command
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.kafka.writer import Writer
from ledger.local.postgres import LocalPostgres
from ledger.outcomes import Outcome
from ledger.store.codec import Codec
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.recorder import Received, partition_of
from ledger.store.kafka.registry import schema_ids
from ledger.terms import bundled
from projections.database import Database
from projections.runner import Runner
from tests.bench import population as p
from tests.bench.report import Figure
from tests.servers import kafka_address, registry_address

_SUBSCRIBERS = 1000
_SESSION_SECONDS = 10
_PATIENCE = 120
_LOOK = 0.2
"""Seconds between two looks at whether something is done."""
_PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 2, "batch_size": 256 << 10}


class Servers(NamedTuple):
    """Where broker and registry answer."""

    bootstrap: str
    registry: str

    def log(self, folder: Path, partitions: int = 1) -> KafkaSettings:
        """A log that nobody else uses."""
        name = f"bench{time.monotonic_ns()}."
        return KafkaSettings(
            self.bootstrap, self.registry, folder / name, prefix=name, partitions=partitions, clock="played"
        )


_running = ExitStack()
atexit.register(_running.close)


@cache
def _servers() -> Servers:
    """A broker and a registry, until this process ends."""
    return Servers(_running.enter_context(kafka_address()), _running.enter_context(registry_address()))


# --- a writer as a process -------------------------------------------------------------------------------------------


class _Strict(Watch):
    """Ends the writer where a command of a benchmark is not accepted."""

    def served(
        self, partition: int, outcomes: Sequence[Outcome], dead: Sequence[Received], seconds: float
    ) -> None:
        if dead or any(outcome.status != "accepted" for outcome in outcomes):
            raise AssertionError(outcomes)


def _await(happened: Callable[[], bool]) -> None:
    """Returns once it has happened. Raises TimeoutError where it does not."""
    deadline = time.monotonic() + _PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(happened)
        time.sleep(_LOOK)


class _Process:
    """A writer that serves until it is ended. `serving` has the instant at which it began to, by partition."""

    def __init__(self, log: KafkaSettings, name: str = "") -> None:
        self.log = replace(log, mirrors=log.mirrors / name)
        self.serving: dict[int, float] = {}
        stated = asdict(self.log) | {"mirrors": str(self.log.mirrors)}
        arguments = [sys.executable, "-m", __name__, json.dumps(stated)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            partition, instant = line.split()
            self.serving[int(partition)] = float(instant)

    def has_mirrored(self, events: int) -> bool:
        """Whether its mirror of the first partition has so many events."""
        file = self.log.mirror(0)
        if not file.exists():
            return False
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            try:
                (last,) = connection.execute("SELECT max(ordinal) FROM stored_events").fetchone()
            except sqlite3.OperationalError:  # it is being made
                return False
            return (last or 0) >= events

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ends the process."""
        self._process.send_signal(number)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)


def _write(stated: str) -> None:
    settings = json.loads(stated)
    log = KafkaSettings(**(settings | {"mirrors": Path(settings["mirrors"])}))
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    def tell(partition: int) -> None:
        print(partition, time.monotonic(), flush=True)

    writer = Writer(
        log,
        bundled(),
        on_serving=tell,
        session_timeout=_SESSION_SECONDS,
        watch=_Strict(),
    )
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    writer.run()


# --- backlogs --------------------------------------------------------------------------------------------------------


def _open_accounts(log: KafkaSettings) -> None:
    """Every account is opened by a writer, which leaves again."""
    topics.ensure(log)
    with _Process(log) as writer:
        _await(lambda: len(writer.serving) == log.partitions)
        client = KafkaClient(log, stated_at=True)
        outcomes = client.execute(p.opening(range(_SUBSCRIBERS)))
        client.close()
        if any(outcome.status != "accepted" for outcome in outcomes):
            raise AssertionError(outcomes)
        writer.end()


@contextmanager
def _backlog(log: KafkaSettings, commands: Sequence[Command]) -> Iterator[KafkaProducer]:
    """Commands that nobody sees until the producer's transaction is committed."""
    codec, ids = Codec(), schema_ids(log)
    producer = KafkaProducer(
        bootstrap_servers=log.bootstrap,
        transactional_id=f"{log.prefix}backlog",
        transaction_timeout_ms=600_000,
        **_PRODUCER,
    )
    producer.init_transactions()
    producer.begin_transaction()
    for command in commands:
        state = codec.command_state(command, codec.command_content(command), stated_at=True)
        value = ids.to_wire(log.commands, state)
        key = command.subject.encode()
        producer.send(log.commands, value, key, [], partition_of(command.subject, log.partitions or 1))
    producer.flush()
    try:
        yield producer
    finally:
        producer.close()


def _uses(count: int, first: int = 0) -> list[Command]:
    return [p.usage(index, _SUBSCRIBERS) for index in range(first, first + count)]


def _records(log: KafkaSettings, topic: str, partition: int = 0) -> list[Any]:
    """Every committed record of a partition."""
    consumer = _consumer(log)
    tp = TopicPartition(topic, partition)
    consumer.assign([tp])
    consumer.seek(tp, 0)
    end = consumer.end_offsets([tp])[tp]
    found: list[Any] = []
    while consumer.position(tp) < end:
        found += consumer.poll(timeout_ms=500).get(tp, ())
    consumer.close()
    return found


def _consumer(log: KafkaSettings) -> Any:
    return KafkaConsumer(
        bootstrap_servers=log.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        group_id=None,
        max_partition_fetch_bytes=4 << 20,
    )


# --- figures ---------------------------------------------------------------------------------------------------------


def commands(folder: Path, runs: int, count: int) -> list[Figure]:
    """A backlog decided by one writer, against a producer that writes the same bytes."""
    pairs = []
    at = _servers()
    for _ in range(runs):
        log = at.log(folder)
        _open_accounts(log)
        ours = _served(log, _uses(count), 1)
        pairs.append((ours, _produced(log, at.log(folder), count)))
    return [
        Figure(
            f"commands to committed events and answers, one writer, backlog of {count:,}",
            "commands/s",
            statistics.median(a for a, _ in pairs),
            "kafka-python's idempotent producer writing the same bytes",
            statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs),
            "0.4",
        )
    ]


def _served(log: KafkaSettings, uses: Sequence[Command], writers: int) -> float:
    """Commands a second, from when the backlog is there until the last is committed."""
    with _backlog(log, uses) as backlog, ExitStack() as stack:
        started = [stack.enter_context(_Process(log, str(index))) for index in range(writers)]
        share = (log.partitions or 1) // writers
        _await(lambda: all(len(writer.serving) >= share for writer in started))
        begin = time.monotonic()
        backlog.commit_transaction()
        _await_answers(log)
        end = time.monotonic()
        for writer in started:
            writer.end()
    return len(uses) / (end - begin)


def _await_answers(log: KafkaSettings) -> None:
    """Returns once the group has committed everything."""
    consumer = KafkaConsumer(bootstrap_servers=log.bootstrap, group_id=log.group, enable_auto_commit=False)
    tps = [TopicPartition(log.commands, partition) for partition in range(log.partitions or 1)]
    ends = consumer.end_offsets(tps)
    # The last record of each partition is the marker of the backlog's commit.
    _await(lambda: all((consumer.committed(tp) or 0) >= ends[tp] - 1 for tp in tps))
    consumer.close(autocommit=False)


def _produced(log: KafkaSettings, again: KafkaSettings, count: int) -> float:
    """The same events and answers by a plain producer, into topics of their own."""
    topics.ensure(again)
    sets = [
        (again.events, _records(log, log.events)[-count:]),
        (again.replies, _records(log, log.replies)[-count:]),
    ]
    producer = KafkaProducer(bootstrap_servers=log.bootstrap, **_PRODUCER)
    for topic, _ in sets:
        producer.partitions_for(topic)
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
    at = _servers()
    log, plain = at.log(folder), at.log(folder)
    topics.ensure(plain)
    _open_accounts(log)
    ours, theirs = [], []
    producer = KafkaProducer(
        bootstrap_servers=log.bootstrap, transactional_id=f"{plain.prefix}plain", acks="all"
    )
    producer.init_transactions()
    with _Process(log) as writer:
        _await(lambda: bool(writer.serving))
        client = KafkaClient(log, stated_at=True)
        for index, command in enumerate(_uses(count + 50)):
            begin = time.perf_counter()
            (outcome,) = client.execute([command])
            middle = time.perf_counter()
            producer.begin_transaction()
            producer.send(plain.events, b"x" * 300, b"key", [], 0)
            producer.commit_transaction()
            end = time.perf_counter()
            if outcome.status != "accepted":
                raise AssertionError(outcome)
            if index >= 50:
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
    pairs = []
    at = _servers()
    for _ in range(runs):
        rates = []
        for writers in (2, 1):
            log = at.log(folder, 2)
            _open_accounts(log)
            rates.append(_served(log, _uses(count), writers))
        pairs.append(rates)
    return [
        Figure(
            "two writers, two partitions",
            "commands/s",
            statistics.median(a for a, _ in pairs),
            "one writer, two partitions",
            statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs),
            "1.3",
        )
    ]


def mirrors(folder: Path, runs: int, count: int) -> list[Figure]:
    """A mirror made again from the topics, against a consumer that only reads them."""
    at = _servers()
    log = at.log(folder)
    _open_accounts(log)
    _served(log, _uses(count), 1)
    place, ids = topics.ensure(log), schema_ids(log)
    pairs = [(_mirrored(log, place, ids), _consumed(log)) for _ in range(runs)]
    return [
        Figure(
            "a mirror made again, events and answers",
            "records/s",
            statistics.median(a for a, _ in pairs),
            "kafka-python's consumer alone",
            statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs),
            "0.4",
        )
    ]


def _mirrored(log: KafkaSettings, place: topics.Place, ids: Any) -> float:
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
    consumer = _consumer(log)
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
    log = _servers().log(folder)
    _open_accounts(log)
    _served(log, _uses(count), 1)
    with LocalPostgres() as server, closing(Database(server.url)) as admin:
        pairs = [(_projected(log, server.url, admin), _decoded(log)) for _ in range(runs)]
    return [
        Figure(
            "live projecting from Kafka into PostgreSQL, all projections",
            "events/s",
            statistics.median(a for a, _ in pairs),
            "kafka-python's consumer alone, decoding by fastavro",
            statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs),
            "0.5",
        )
    ]


def _projected(log: KafkaSettings, url: str, admin: Database) -> float:
    name = f"run_{time.monotonic_ns()}"
    with admin.writing() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    begin = time.perf_counter()
    with (
        closing(Followed(replace(log, mirrors=log.mirrors / name))) as mirrors,
        closing(Database(f"{url}?options=-csearch_path%3D{name}")) as database,
    ):
        events = Runner(database, mirrors.readers()).catch_up()
        return events / (time.perf_counter() - begin)


def _decoded(log: KafkaSettings) -> float:
    codec, ids = Codec(), schema_ids(log)
    tp = TopicPartition(log.events, 0)
    begin, total = time.perf_counter(), 0
    consumer = _consumer(log)
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
    at = _servers()
    log = at.log(folder)
    _open_accounts(log)
    step = 100_000
    for first in range(0, events, step):
        _served(log, _uses(min(step, events - first), first), 1)
    with _Process(log, "one") as one, _Process(log, "other") as other:
        both = (one, other)
        _await(lambda: all(writer.has_mirrored(events) for writer in both))
        _await(lambda: bool(one.serving or other.serving))
        serving, standby = sorted(both, key=lambda writer: -writer.serving.get(0, 0))
        begin = time.monotonic()
        serving.end(signal.SIGKILL)
        _await(lambda: standby.serving.get(0, 0) > begin)
        seconds = standby.serving[0] - begin
        standby.end()
    return [
        Figure(
            f"take-over after a writer's death, {events:,} events",
            "s",
            seconds,
            "session time-out",
            _SESSION_SECONDS,
            at_least=f"{_SESSION_SECONDS} + 3 at most",
        )
    ]


if __name__ == "__main__":
    bootstrap.collect_rarely()
    _write(*sys.argv[1:])
