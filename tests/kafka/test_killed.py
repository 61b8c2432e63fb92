"""Writers that die: nothing acknowledged is lost, nothing happens twice, and the next one goes on where they were."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ledger.outcomes import Outcome
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from tests.given import ledger_on
from tests.kafka.conftest import NewLog
from tests.kafka.running import PATIENCE, WriterProcess
from tests.kafka.seen import in_chunks, in_file, population, seen

KILLS = int(os.environ.get("PULSA_TEST_KILLS", "8"))
"""How often a writer is killed at random moments; more takes longer."""


class Asking:
    """A client that has sent everything, and awaits the answers beside the test."""

    def __init__(self, settings: KafkaSettings, subscribers: int, months: int, path: Path) -> None:
        self.commands = population(subscribers, months)
        self.outcomes: list[Outcome] = []
        self._settings = settings
        self._path = path
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with closing(KafkaClient(self._settings, stated_at=True, timeout=300)) as client:
            self.outcomes = client.execute(self.commands)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_answered(self) -> bool:
        return not self._thread.is_alive()

    def check(self) -> None:
        """Every answer, every event and every digest is that of an uninterrupted run."""
        self._thread.join(PATIENCE)
        assert self.is_answered
        with ledger_on(self._path) as ledger:
            expected = [o for chunk in in_chunks(self.commands, 500) for o in ledger.execute(chunk)]
        assert self.outcomes == expected
        assert seen(self._settings).accounts == in_file(self._path) == in_file(self._settings.mirror(0))


def test_a_writer_killed_at_random_moments(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    chance = random.Random(1)
    with WriterProcess(settings, instance="one", batch=20) as first:
        first.await_serving().kill()
    asking = Asking(settings, 100, 6, tmp_path / "log.db")
    asking.start()
    for _ in range(KILLS):
        with WriterProcess(settings, instance="one", batch=20) as writer:
            writer.await_serving()
            threading.Event().wait(chance.uniform(0, 0.4))
            writer.kill()
    with WriterProcess(settings, instance="one") as writer:
        writer.await_serving()
        asking.check()
        assert writer.stop()[0] == 0


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_writer_killed_around_its_commit(new_log: NewLog, tmp_path: Path, where: str) -> None:
    settings = new_log()
    with WriterProcess(settings, instance="one") as first:
        first.await_serving().kill()
    asking = Asking(settings, 30, 3, tmp_path / "log.db")
    asking.start()
    for commits in (1, 2, 5):
        dies = {"where": where, "commits": commits}
        with WriterProcess(settings, instance="one", batch=50, dies=dies) as writer:
            assert writer.ended()[0] == -signal.SIGKILL
    with WriterProcess(settings, instance="one") as writer:
        asking.check()
        assert writer.stop()[0] == 0
