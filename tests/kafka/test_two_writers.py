"""Two writers that claim the same partition: the older is fenced, and not one event of it becomes visible."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from kafka.errors import KafkaError, ProducerFencedError

from ledger.entrypoints.health import Health
from ledger.entrypoints.kafka.ownership import Ownership
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.kafka.writer import Writer
from ledger.entrypoints.supervising import Supervisor
from ledger.errors import LogUnreachable, WriterFenced
from ledger.local.process import free_port
from ledger.store.kafka import connection
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.producer_epochs import ProducerEpochs
from tests.given import BUNDLED
from tests.kafka.conftest import NewLog
from tests.kafka.running import WriterProcess, connected, started, writing
from tests.kafka.seen import committed, in_chunks, population, seen
from tests.waiting import PATIENCE, until


def recorder(settings: KafkaSettings) -> Any:
    factory = InfrastructureFactory.construct(settings.environment(0))
    return factory.application_recorder()


def test_nothing_of_a_fenced_recorder_is_seen(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    with closing(recorder(settings)) as older:
        older.insert_events([StoredEvent("a", 1, "t", b"older")])
        with closing(recorder(replace(settings, mirrors=tmp_path / "others"))) as newer:
            with pytest.raises(WriterFenced):
                older.insert_events([StoredEvent("a", 2, "t", b"too late")])
            assert older.max_notification_id() == 1
            newer.insert_events([StoredEvent("a", 2, "t", b"newer")])
    assert [record.value for record in committed(settings, settings.events)] == [b"older", b"newer"]


def test_a_recorder_is_found_to_have_been_fenced_before_it_writes(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    with closing(ProducerEpochs(settings)) as epochs, closing(recorder(settings)) as older:
        for version in (1, 2, 3):
            older.insert_events([StoredEvent("a", version, "t", b"older")])
            assert epochs.of(0) == older.epoch
        with closing(recorder(replace(settings, mirrors=tmp_path / "others"))) as newer:
            assert epochs.of(0) == newer.epoch != older.epoch
        assert epochs.of(7) is None, "which nobody ever held"


def test_an_idle_writer_that_was_fenced_is_not_ready_and_ends(new_log: NewLog, tmp_path: Path) -> None:
    """Nothing is sent, so no commit fails: the group of the other one is another, and the broker tells it nothing."""
    settings = new_log()
    health, stopped, told = Health(), threading.Event(), FencingTold()
    ended: list[str] = []
    was_unready = False

    def run() -> None:
        try:
            Supervisor(stopped, health).run(writer.part)
        except WriterFenced as error:
            ended.append(str(error))

    writer = Writer(settings, BUNDLED.values(), session_timeout=6, watch=told, stopped=stopped)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: bool(told.taken) and not health.unready(), health.unready)
        # A member that is slow is thought to stand still, begins anew and takes it back: then it is taken once more.
        for _ in range(10):
            with closing(recorder(replace(settings, mirrors=tmp_path / "others"))):
                for _ in range(30):
                    thread.join(1)
                    was_unready |= thread.is_alive() and bool(health.unready())
            if not thread.is_alive():
                break
    finally:
        stopped.set()
        thread.join(PATIENCE)
    assert was_unready, told.taken
    assert told.partitions == [0]
    assert len(ended) == 1
    assert ended[0].startswith("partition 0: another writer has taken it over")


def test_a_writer_whom_no_broker_tells_whether_it_was_fenced_is_not_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until one has told it: what it polls meanwhile, and finds empty, does not make it ready."""
    monkeypatch.setattr(connection, "BOOTSTRAP_TIMEOUT_MS", 100)
    nowhere = KafkaSettings(f"127.0.0.1:{free_port()}", "", tmp_path)
    owned: Any = {0: SimpleNamespace(partition=0)}
    with closing(Ownership(nowhere, PATIENCE)) as ownership:
        assert ownership.is_sure
        ownership._looks_next = 0.0
        with pytest.raises(LogUnreachable):
            ownership.lost(owned)
        assert ownership.lost(owned) == []
        assert not ownership.is_sure


class FencingTold(Watch):
    """Keeps which partitions were taken over, and which were fenced."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.partitions: list[int] = []

    def taken_over(self, partition: int, seconds: float) -> None:
        self.taken.append(partition)

    def fenced(self, partition: int) -> None:
        self.partitions.append(partition)


def test_a_producer_that_only_names_why_it_failed_was_fenced_all_the_same() -> None:
    """Or the older writer would take over again, and fence the newer."""
    with pytest.raises(WriterFenced), reported("partition 0"):
        raise KafkaError(f"we are in an error state: {ProducerFencedError()}")


def test_the_older_of_two_writers_ends_and_says_why(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    commands = population(20, 2)
    another = replace(settings, mirrors=tmp_path / "others")
    with WriterProcess(settings) as older:
        older.await_serving()
        with started(another, group="another group") as (_, serving, failed):
            assert serving.acquire(timeout=PATIENCE)
            with connected(settings) as client:
                outcomes = [o for chunk in in_chunks(commands, 100) for o in client.execute(chunk)]
            code, said = older.ended()
            assert not failed
    assert code == 2
    assert (
        said.strip()
        .splitlines()[-1]
        .startswith("writer-fenced: partition 0: another writer has taken it over")
    )
    assert {outcome.status for outcome in outcomes} <= {"accepted", "repeated", "refused"}
    seen(settings)


def test_writers_come_and_go_under_load(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log(partitions=4)
    commands = population(40, 2)
    with writing(settings), connected(settings) as client:
        for index, chunk in enumerate(in_chunks(commands, len(commands) // 5)):
            other = replace(settings, mirrors=tmp_path / f"mirrors-{index}")
            with started(other) as (_, serving, _failed):
                assert serving.acquire(timeout=PATIENCE)
                outcomes = client.execute(chunk)
                assert "unknown" not in {outcome.status for outcome in outcomes}
    seen(settings)
