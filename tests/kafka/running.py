"""Writers that run beside a test: in a thread, or as a process of their own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from ledger.domain.terms import Terms
from ledger.entrypoints.kafka.writer import Writer
from ledger.store.kafka.connection import KafkaSettings
from tests.given import BUNDLED

PATIENCE = 60.0
KILLS = int(os.environ.get("PULSA_TEST_KILLS", "8"))
"""How often a test kills writers at random moments; more takes longer."""
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def writing(
    settings: KafkaSettings, terms: Iterable[Terms] = BUNDLED.values(), **options: Any
) -> Iterator[Writer]:
    """A writer in a thread, which serves every partition before the test goes on; what it raises, the test raises."""
    with started(settings, terms, **options) as (writer, serving, failed):
        while len(writer.serving) < (settings.partitions or 0):
            assert serving.acquire(timeout=PATIENCE), "the writer does not serve"
            if failed:
                break
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


class WriterProcess:
    """A writer as a process of its own."""

    def __init__(self, settings: KafkaSettings, **options: Any) -> None:
        stated = asdict(settings) | {"mirrors": str(settings.mirrors)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.process", json.dumps(stated), json.dumps(options)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_serving(self, partitions: int = 1) -> Self:
        """Returns once the writer serves that many partitions more."""
        assert self._process.stdout is not None
        for _ in range(partitions):
            line = self._process.stdout.readline()
            assert line.startswith("serving"), line + self.ended()[1]
        return self

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process at once, as a crash of the machine would."""
        self._process.kill()
        self._process.communicate()

    def stop(self) -> tuple[int, str]:
        """Asks the process to end; returns its exit code and what it said."""
        if self._process.poll() is None:
            self._process.terminate()
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """The exit code and what it said, once it has ended."""
        _, said = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
