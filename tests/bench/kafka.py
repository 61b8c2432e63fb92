"""How fast the log on Kafka is: a backlog, one command, two writers, mirrors made again, and a take-over."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.domain.commands import Command
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.kafka.writer import Writer
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
from tests.bench import population as p
from tests.bench.report import Figure
from tests.servers import kafka_address, registry_address

_SUBSCRIBERS = 1000
_SESSION_SECONDS = 10
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


@contextmanager
def servers() -> Iterator[Servers]:
    """A broker and a registry of one run."""
    with kafka_address() as bootstrap, registry_address() as registry:
        yield Servers(bootstrap, registry)


# --- a writer as a process -------------------------------------------------------------------------------------------


class _Counting(Watch):
    """Says when the first batch was begun and when the last was committed."""

    def __init__(self, commands: int) -> None:
        self._left = commands
        self._begun: float | None = None

    def served(self, _: int, outcomes: Sequence[Outcome], dead: Sequence[Received], seconds: float) -> None:
        now = time.monotonic()
        self._begun = self._begun or now - seconds
        self._left -= len(outcomes)
        if dead or any(outcome.status != "accepted" for outcome in outcomes):
            raise AssertionError(outcomes)
        if self._left <= 0:
            print(f"done {self._begun} {now}", flush=True)


class _Process:
    """A writer that serves until it is ended."""

    def __init__(self, log: KafkaSettings, commands: int, mirrors: str = "") -> None:
        stated = asdict(log) | {"mirrors": f"{log.mirrors}{mirrors}"}
        arguments = [sys.executable, "-m", __name__, json.dumps(stated), str(commands)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    def said(self, what: str) -> list[str]:
        """Awaits a line that begins so; returns the rest of it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, *rest = line.split()
            if word == what:
                return rest
        raise AssertionError(f"the writer ended before it was {what}")

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ends the process."""
        self._process.send_signal(number)
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)


def _write(stated: str, commands: str) -> None:
    settings = json.loads(stated)
    log = KafkaSettings(**(settings | {"mirrors": Path(settings["mirrors"])}))

    def tell(partition: int) -> None:
        print("serving", partition, time.monotonic(), flush=True)

    writer = Writer(
        log,
        bundled(),
        on_serving=tell,
        session_timeout=_SESSION_SECONDS,
        watch=_Counting(int(commands)),
    )
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    writer.run()


# --- backlogs --------------------------------------------------------------------------------------------------------


def _open_accounts(log: KafkaSettings) -> None:
    """Every account is opened by a writer, which leaves again."""
    topics.ensure(log)
    with _Process(log, 0) as writer:
        for _ in range(log.partitions or 1):
            writer.said("serving")
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


def _share(commands: Sequence[Command], partitions: int) -> list[int]:
    shares = [0] * partitions
    for command in commands:
        shares[partition_of(command.subject, partitions)] += 1
    return shares


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
    with servers() as at:
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
    shares = _share(uses, log.partitions or 1)
    with _backlog(log, uses) as backlog, ExitStack() as stack:
        each = [sum(shares)] if writers == 1 else [1 << 60] * writers
        started = [stack.enter_context(_Process(log, n, f"-{index}")) for index, n in enumerate(each)]
        for writer in started:
            for _ in range((log.partitions or 1) // writers):
                writer.said("serving")
        begin = time.monotonic()
        backlog.commit_transaction()
        end = float(started[0].said("done")[1]) if writers == 1 else _all_answered(log, len(uses))
        for writer in started:
            writer.end()
    return len(uses) / (end - begin)


def _all_answered(log: KafkaSettings, count: int) -> float:
    """When the group has committed everything."""
    consumer = KafkaConsumer(bootstrap_servers=log.bootstrap, group_id=log.group, enable_auto_commit=False)
    tps = [TopicPartition(log.commands, partition) for partition in range(log.partitions or 1)]
    ends = consumer.end_offsets(tps)
    while True:
        # The last record of each partition is the marker of the backlog's commit.
        if all((consumer.committed(tp) or 0) >= ends[tp] - 1 for tp in tps):
            consumer.close(autocommit=False)
            return time.monotonic()
        time.sleep(0.02)


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
    with servers() as at:
        log, plain = at.log(folder), at.log(folder)
        topics.ensure(plain)
        _open_accounts(log)
        ours, theirs = [], []
        producer = KafkaProducer(
            bootstrap_servers=log.bootstrap, transactional_id=f"{plain.prefix}plain", acks="all"
        )
        producer.init_transactions()
        with _Process(log, 1 << 60) as writer:
            writer.said("serving")
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
    with servers() as at:
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
    with servers() as at:
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


def take_over(folder: Path, events: int) -> list[Figure]:
    """From a writer's sudden death until the other serves its partition, both mirrors being there."""
    with servers() as at:
        log = at.log(folder)
        _open_accounts(log)
        step = 100_000
        for first in range(0, events, step):
            _served(log, _uses(min(step, events - first), first), 1)
        with _Process(log, 1 << 60, "-0") as first_writer, _Process(log, 1 << 60, "-1") as second:
            first_writer.said("serving")
            _await_standby(Path(f"{log.mirrors}-1") / log.mirror(0).name, events)
            begin = time.monotonic()
            first_writer.end(signal.SIGKILL)
            served_at = float(second.said("serving")[1])
            second.end()
    return [
        Figure(
            f"take-over after a writer's death, {events:,} events",
            "s",
            served_at - begin,
            "session time-out",
            _SESSION_SECONDS,
            at_least=f"{_SESSION_SECONDS} + 3 at most",
        )
    ]


def _await_standby(file: Path, events: int) -> None:
    """Returns once a standby mirror has so many events."""
    import sqlite3

    while True:
        time.sleep(0.5)
        if not file.exists():
            continue
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            if (connection.execute("SELECT max(ordinal) FROM stored_events").fetchone()[0] or 0) >= events:
                return


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    _write(*sys.argv[1:])
