"""A writer as a process of its own, told where the log is, and how it is to fail."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

import eventsourcing.sqlite as library
import structlog
from kafka import KafkaProducer

from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import LedgerError
from ledger.store.kafka import schema_ids
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.mirror import Offsets
from ledger.store.kafka.recorder import Delivery, KafkaRecorder
from ledger.store.schemas import every
from tests.given import BUNDLED, CONTRACTS

Known = dict[tuple[str, bytes], int]
"""Ids of schemas, by kind and fingerprint: a registry has one for each text, whatever subjects it is under."""


def known(settings: KafkaSettings) -> Known:
    """The registry's ids of the log's schemas, which are registered where they were not."""
    ids = schema_ids.schema_ids(settings)
    return {
        (kind, schema.fingerprint): int.from_bytes(ids._prefix[topic, schema.fingerprint][1:], "big")
        for topic, kind in _topics(settings)
        for schema in every(kind)
    }


def knowing(settings: KafkaSettings, ids: Known) -> None:
    """They need not be asked for: of all the writers of a run, each would ask for two hundred."""
    log = schema_ids._log(settings)
    schema_ids._registered[log] = learned = schema_ids._ids(log)[0]
    for topic, kind in _topics(settings):
        for schema in every(kind):
            learned._learn(topic, schema, ids[kind, schema.fingerprint])


def _topics(settings: KafkaSettings) -> list[tuple[str, str]]:
    return schema_ids._ids(schema_ids._log(settings))[1]


def write(settings: KafkaSettings, options: dict[str, Any], ids: Known) -> int:
    """Writes until it is stopped; the exit code."""
    knowing(settings, ids)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    dies = options.pop("dies", None)
    if dies is not None:
        _die(**dies)
    writer = Writer(settings, [*BUNDLED.values(), *CONTRACTS.values()], on_serving=tell, **options)
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    try:
        writer.run()
    except LedgerError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return error.exit_code
    return 0


def tell(partition: int) -> None:
    sys.stdout.write(f"serving {partition}\n")
    sys.stdout.flush()


def _die(where: str, commits: int, number: int = signal.SIGKILL) -> None:
    """The process is signalled at its so many-th commit: `before` it, all records sent; `after` it, none mirrored."""
    commit, committed = KafkaRecorder._commit, KafkaRecorder._committed
    left = [commits]

    def before(self: KafkaRecorder, producer: KafkaProducer, delivery: Delivery | None) -> None:
        left[0] -= 1
        if left[0] == 0:
            producer.flush()
            os.kill(os.getpid(), number)
        commit(self, producer, delivery)

    def after(self: KafkaRecorder, cursor: library.SQLiteCursor, offsets: Offsets) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), number)
        committed(self, cursor, offsets)

    if where == "before":
        KafkaRecorder._commit = before  # type: ignore[method-assign]
    else:
        KafkaRecorder._committed = after  # type: ignore[method-assign]
