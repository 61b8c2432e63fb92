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
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.offsets import Offsets
from ledger.store.kafka.recorder import Delivery, KafkaRecorder
from tests.given import BUNDLED, CONTRACTS
from tests.kafka.registered import Known, knowing


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
