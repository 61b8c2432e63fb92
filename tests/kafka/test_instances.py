"""Two writers that were started by the same name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import InstanceTaken
from tests.given import BUNDLED
from tests.kafka.conftest import NewLog
from tests.kafka.running import WriterProcess, started, writing
from tests.kafka.test_bad_records import barrier
from tests.waiting import PATIENCE


def test_the_first_of_two_writers_of_one_name_stops_and_says_why(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    with started(settings, instance="writer-1", session_timeout=6) as (_, first, failed):
        assert first.acquire(timeout=PATIENCE)
        other = replace(settings, mirrors=tmp_path / "other")
        with writing(other, instance="writer-1", session_timeout=6):
            while not failed:
                assert first.acquire(timeout=PATIENCE), "it goes on"
            barrier(settings)
        (error,) = failed
        failed.clear()
    assert isinstance(error, InstanceTaken)
    assert "--instance" in str(error)


def test_a_writer_started_again_does_not_take_its_former_self_for_another(new_log: NewLog) -> None:
    settings = new_log()
    with WriterProcess(settings, instance="writer-1") as former:
        former.await_serving().kill()
    writer = Writer(settings, BUNDLED.values(), instance="writer-1")
    member = writer._joined()
    try:
        member.consumer._coordinator.ensure_coordinator_ready()
        member.must_be_itself()
    finally:
        member.leave()
