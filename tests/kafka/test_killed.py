"""Writers that die: nothing acknowledged is lost, nothing happens twice, and the next one goes on where they were."""

from __future__ import annotations

import random
import signal
import threading
from pathlib import Path

import pytest

from tests.kafka.asking import Asking
from tests.kafka.conftest import NewLog
from tests.kafka.running import WriterProcess
from tests.kafka.seen import committed, population
from tests.often import KILLS


def test_a_writer_killed_at_random_moments(new_log: NewLog, tmp_path: Path, chance: random.Random) -> None:
    settings = new_log()
    with WriterProcess(settings, instance="one", batch=20) as first:
        first.await_serving().kill()
    asking = Asking(settings, population(60, 2), tmp_path)
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
    asking = Asking(settings, population(30, 3), tmp_path)
    for commits in (1, 2, 5):
        dies = {"where": where, "commits": commits}
        with WriterProcess(settings, instance="one", batch=50, dies=dies) as writer:
            assert writer.ended()[0] == -signal.SIGKILL
    with WriterProcess(settings, instance="one") as writer:
        asking.check()
        assert writer.stop()[0] == 0


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_writer_asked_to_end_within_a_batch_ends_in_order(
    new_log: NewLog, tmp_path: Path, where: str
) -> None:
    settings = new_log()
    with WriterProcess(settings, instance="one") as first:
        first.await_serving().kill()
    asking = Asking(settings, population(30, 3), tmp_path)
    before = 0
    for commits in (1, 2, 5):
        ends = {"where": where, "commits": commits, "number": signal.SIGTERM}
        with WriterProcess(settings, instance="one", batch=50, dies=ends) as writer:
            assert writer.ended()[0] == 0
        answers = sum(1 for _ in committed(settings, settings.replies))
        assert before < answers <= before + commits * 50, "the batch at hand was its last, and it was whole"
        before = answers
    with WriterProcess(settings, instance="one") as writer:
        asking.check()
        assert writer.stop()[0] == 0
