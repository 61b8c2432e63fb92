"""Writers that run beside a test: in a thread, or as a process of their own that can be killed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Self

from ledger.domain.terms import Terms
from ledger.entrypoints.kafka.writer import Writer
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from tests.given import BUNDLED
from tests.kafka.process import write
from tests.kafka.registered import known
from tests.processes import Forked
from tests.waiting import PATIENCE


@contextmanager
def writing(
    settings: KafkaSettings, terms: Iterable[Terms] = BUNDLED.values(), **options: Any
) -> Iterator[Writer]:
    """A writer in a thread, which serves every partition before the test goes on; what it raises, the test raises."""
    with started(settings, terms, **options) as (writer, serving, failed):
        while len(writer.serving) < (settings.partitions or 0):
            assert serving.acquire(timeout=PATIENCE), "the writer does not serve"
            if failed:
                raise failed[0]
        yield writer


@contextmanager
def started(
    settings: KafkaSettings, terms: Iterable[Terms] = BUNDLED.values(), **options: Any
) -> Iterator[tuple[Writer, threading.Semaphore, list[BaseException]]]:
    """A writer in a thread; the semaphore is released for each partition that it serves, and once it ends."""
    serving = threading.Semaphore(0)
    failed: list[BaseException] = []
    writer = Writer(settings, terms, on_serving=lambda _: serving.release(), **options)

    def run() -> None:
        try:
            writer.run()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            failed.append(error)
        finally:
            serving.release()

    thread = threading.Thread(target=run, name="writer")
    thread.start()
    try:
        yield writer, serving, failed
    finally:
        writer.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the writer does not stop"
    if failed:
        raise failed[0]


def connected(settings: KafkaSettings) -> closing[KafkaClient]:
    """A client of the log, which awaits its answers however long they take."""
    return closing(KafkaClient(settings, stated_at=settings.clock == "played", timeout=PATIENCE))


class WriterProcess(Forked):
    """A writer as a process of its own."""

    def __init__(self, settings: KafkaSettings, **options: Any) -> None:
        super().__init__(write, settings, options, known(settings))

    def await_serving(self, partitions: int = 1) -> Self:
        """Returns once the writer serves that many partitions more."""
        for _ in range(partitions):
            line = self.line()
            assert line.startswith("serving"), line + self.ended()[1]
        return self
