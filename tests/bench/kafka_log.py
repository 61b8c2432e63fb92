"""Logs on Kafka to measure: the servers, writers as processes of their own, and backlogs for them."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.entrypoints.collecting import collect_rarely
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.kafka.writer import Writer
from ledger.store.codec import Codec
from ledger.store.kafka import topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import Received
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from ledger.terms import bundled
from tests.bench import population as p
from tests.kafka.registered import Known, knowing, known
from tests.processes import Forked
from tests.servers import kafka_address, registry_address

PATIENCE = 400
"""Seconds after which a benchmark gives up waiting."""
_NOT_ACCEPTED = 3
"""The exit code of a writer that was given what it could not accept."""
_LOOK = 0.05
"""Seconds between two looks at whether something is done."""
SESSION_SECONDS = 10
PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 2, "batch_size": 256 << 10}


class Servers(NamedTuple):
    """Where broker and registry answer."""

    bootstrap: str
    registry: str

    def log(self, folder: Path, partitions: int = 1) -> KafkaSettings:
        """A log that nobody else uses. The schemas of the first are registered, and stand for those of all others."""
        name = f"bench{time.monotonic_ns()}."
        log = KafkaSettings(
            self.bootstrap,
            self.registry,
            folder / name,
            prefix=name,
            partitions=partitions,
            clock="played",
            create=True,
        )
        if self not in _known:
            _known[self] = known(log)
        knowing(log, _known[self])
        return log


_known: dict[Servers, Known] = {}
"""The ids of schemas in each registry: two hundred of each log, which nothing that is measured asks for."""
_running = ExitStack()
atexit.register(_running.close)


@cache
def servers() -> Servers:
    """A broker and a registry, until this process ends."""
    broker = _running.enter_context(kafka_address(under_load=True))
    return Servers(broker, _running.enter_context(registry_address()))


# --- a writer as a process -------------------------------------------------------------------------------------------


class _Strict(Watch):
    """Ends the writer where a command of a benchmark is not accepted."""

    def served(
        self, partition: int, outcomes: Sequence[Outcome], dead: Sequence[Received], seconds: float
    ) -> None:
        if dead or any(outcome.status != "accepted" for outcome in outcomes):
            refused = next((one for one in outcomes if one.status != "accepted"), dead)
            sys.stderr.write(f"not accepted: {refused}\n")
            sys.stderr.flush()
            os._exit(_NOT_ACCEPTED)  # raised, it would be tried again


def until(happened: Callable[[], bool]) -> None:
    """Returns once it has happened. Raises TimeoutError where it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(happened)
        time.sleep(_LOOK)


class TimedWriter(Forked):
    """A writer that serves until it is ended. `serving` has the instant at which it began to, by partition."""

    def __init__(self, log: KafkaSettings, name: str = "") -> None:
        self.log = replace(log, mirrors=log.mirrors / name)
        self.serving: dict[int, float] = {}
        super().__init__(_write, self.log, known(log))
        self._listening = [threading.Thread(target=one, daemon=True) for one in (self._listen, self._pass_on)]
        for one in self._listening:
            one.start()

    def _listen(self) -> None:
        for line in self._printed:
            partition, instant = line.split()
            self.serving[int(partition)] = float(instant)

    def _pass_on(self) -> None:
        """What it logs: a writer whose lines nobody takes waits for ever."""
        for line in self._logged:
            sys.stderr.write(line)

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

    # What it prints and logs is the threads' to read.

    def end(self) -> None:
        """Asks it to end, and returns once it has. Raises ChildProcessError where it had not done what it was given."""
        self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        self._gone()
        if code:
            raise ChildProcessError(f"a writer has ended with {code}")

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self._process.join()
        for one in self._listening:
            one.join()
        self._printed.close()
        self._logged.close()


def _write(log: KafkaSettings, ids: Known) -> int:
    knowing(log, ids)
    collect_rarely()  # as `pulsa` does
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    def tell(partition: int) -> None:
        print(partition, time.monotonic(), flush=True)

    writer = Writer(log, bundled(), on_serving=tell, session_timeout=SESSION_SECONDS, watch=_Strict())
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    writer.run()
    return 0


# --- backlogs --------------------------------------------------------------------------------------------------------


def open_accounts(log: KafkaSettings, opening: Sequence[Command] | None = None) -> None:
    """Every account is opened by a writer, which leaves again."""
    topics.ensure(log)
    with TimedWriter(log) as writer:
        until(lambda: len(writer.serving) == log.partitions)
        client = KafkaClient(log, stated_at=True, timeout=PATIENCE)
        outcomes = client.execute(opening or p.opening(range(p.SUBSCRIBERS)))
        client.close()
        if any(outcome.status != "accepted" for outcome in outcomes):
            raise AssertionError(outcomes)
        writer.end()


@contextmanager
def backlog(
    log: KafkaSettings, commands: Sequence[Command], topic: str | None = None
) -> Iterator[KafkaProducer]:
    """Commands (on their own topic, or another one) that nobody sees until the producer's transaction is committed."""
    topic = topic or log.commands
    codec, ids = Codec(), schema_ids(log)
    producer = KafkaProducer(
        bootstrap_servers=log.bootstrap,
        transactional_id=f"{log.prefix}backlog",
        transaction_timeout_ms=600_000,
        **PRODUCER,
    )
    producer.init_transactions()
    producer.begin_transaction()
    for command in commands:
        state = codec.command_state(command, codec.command_content(command), stated_at=True)
        value = ids.to_wire(log.commands, state)  # as clients do, whichever topic they send to
        if value is None:
            raise LookupError(f"{command.name}: its schema is not known")
        key = command.subject.encode()
        producer.send(topic, value, key, [], partition_of(command.subject, log.partitions or 1))
    producer.flush()
    try:
        yield producer
    finally:
        producer.close()


def uses(count: int, first: int = 0) -> list[Command]:
    """So many uses of the accounts that are open, from one on."""
    return [p.usage(index, p.SUBSCRIBERS) for index in range(first, first + count)]


def records(log: KafkaSettings, topic: str, partition: int = 0) -> list[Any]:
    """Every committed record of a partition."""
    consumer = new_consumer(log)
    tp = TopicPartition(topic, partition)
    consumer.assign([tp])
    consumer.seek(tp, 0)
    end = consumer.end_offsets([tp])[tp]
    found: list[Any] = []
    while consumer.position(tp) < end:
        found += consumer.poll(timeout_ms=500).get(tp, ())
    consumer.close()
    return found


def new_consumer(log: KafkaSettings) -> Any:
    """Reads what is committed; partitions and places are the caller's."""
    return KafkaConsumer(
        bootstrap_servers=log.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        group_id=None,
        max_partition_fetch_bytes=4 << 20,
    )
