"""A consumer at a standstill is replaced, and a take-over brings none there: whoever waits for an answer gets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka.structs import TopicPartition

from ledger.entrypoints.kafka.membership import Membership
from ledger.entrypoints.kafka.standby import Standby
from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import LogUnreachable, MirrorFull
from ledger.local.process import free_port
from ledger.store.kafka import topics
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.given import BUNDLED
from tests.kafka.asking import Asking
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, started, writing
from tests.kafka.seen import end_of, in_file, population, seen
from tests.waiting import PATIENCE, until


def without_heartbeats(writer: Writer) -> None:
    """The group will take the writer for dead, and the writer will not hear of it."""
    writer._member.consumer._coordinator._disable_heartbeat()


def without_fetching(writer: Writer) -> None:
    """Nothing is read any more of what the writer owns."""
    writer._member.consumer.pause(TopicPartition(writer.settings.commands, 0))


@pytest.mark.parametrize("standstill", [without_heartbeats, without_fetching])
def test_a_writer_at_a_standstill_joins_the_group_anew(
    new_log: NewLog, standstill: Callable[[Writer], None]
) -> None:
    log = new_log()
    first, *others = population(5, 1)
    with started(log, session_timeout=6.0) as (writer, serving, _):
        assert serving.acquire(timeout=PATIENCE)
        with connected(log) as client:
            assert client.execute([first])[0].status == "accepted"
            consumer = writer._member.consumer
            standstill(writer)
            outcomes = client.execute(others)
            while writer._member.consumer is consumer:
                assert serving.acquire(timeout=PATIENCE), "it has not joined anew"
            assert {outcome.status for outcome in outcomes} <= {"accepted", "refused"}
            assert client.execute([first])[0].status == "repeated"
    seen(log)


def test_a_join_that_is_answered_between_two_polls_is_taken_in(new_log: NewLog) -> None:
    log = new_log()
    topics.ensure(log)
    member = Membership(
        log, log.group, batch=10, session_timeout=6.0, instance=None, stopped=threading.Event()
    )

    def is_given(seconds: float) -> bool:
        member.poll(seconds)
        return member.assignment.is_given

    try:
        until(lambda: is_given(1.0))
        member.assignment.is_given = False
        # As where it had joined before it heard of any partition; it leads the group, and joins anew.
        member.consumer._coordinator._assignment_snapshot = {}
        until(lambda: is_given(0.001), lambda: "it takes itself for joined")
    finally:
        member.leave()


def test_a_member_whose_heartbeat_is_overdue_does_not_turn_without_a_pause(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for as long as its broker does not answer."""
    log = new_log()
    topics.ensure(log)
    member = Membership(
        log, log.group, batch=10, session_timeout=6.0, instance=None, stopped=threading.Event()
    )
    coordinator, fetcher = member.consumer._coordinator, member.consumer._fetcher
    turns: list[int] = []
    fetch = fetcher.fetch_records

    def counted(*what: Any, **how: Any) -> Any:
        turns.append(1)
        return fetch(*what, **how)

    def is_given() -> bool:
        member.poll(1.0)
        return member.assignment.is_given

    try:
        until(is_given)
        coordinator._disable_heartbeat()
        until(coordinator.heartbeat.should_heartbeat)
        monkeypatch.setattr(fetcher, "fetch_records", counted)
        member.poll(0.5)
        assert 0 < len(turns) < 100
    finally:
        member.leave()


def test_what_was_fetched_before_a_take_over_does_not_keep_from_fetching_more(
    new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python keeps a paused partition's records aside, for good once it has read another one to its end."""
    log = new_log(partitions=2)
    other, late = (TopicPartition(log.commands, partition) for partition in (0, 1))
    commands = population(20, 2)
    half = len(commands) // 2
    with writing(log), connected(log) as client:
        client.execute(commands[:half])
    waiting = [command for command in commands[half:] if partition_of(command.subject, 2) == 1]
    asking = Asking(log, waiting, tmp_path)
    until(lambda: end_of(log, log.commands) >= half + len(waiting))
    assert not asking.is_answered
    is_caught_up = Standby.is_caught_up
    writers: list[Writer] = []
    kept: list[bool] = []

    def as_it_may_happen(standby: Standby, partition: int) -> bool:
        found = is_caught_up(standby, partition)
        if partition != late.partition or kept or not found:
            return found
        if writers and other.partition in writers[0].serving:  # until then it is not taken over
            kept.append(keep_aside(writers[0]._member.consumer, late, other))
        return bool(kept)

    # So long a session that nothing heals it meanwhile; and one that ends, for a member that was assigned nothing.
    monkeypatch.setattr(Standby, "is_caught_up", as_it_may_happen)
    with started(log, batch=20, session_timeout=PATIENCE / 3) as (writer, serving, _):
        writers.append(writer)
        assert serving.acquire(timeout=PATIENCE)
        consumer = writer._member.consumer
        asking.await_answers(len(waiting))
        assert writer._member.consumer is consumer
    assert kept == [True]


def keep_aside(consumer: Any, late: TopicPartition, other: TopicPartition) -> bool:
    """Fetches of one partition, pauses it, and reads the other to its end; whether the first one's are kept aside."""
    aside = consumer._fetcher._paused_partition_records
    if late not in aside:
        consumer.resume(late)
        while not consumer.poll(timeout_ms=100, max_records=1).get(late):
            pass
        consumer.pause(late)
    end = consumer.position(other)
    consumer.seek(other, 0)
    while consumer.position(other) < end:
        consumer.poll(timeout_ms=100)
    return late in aside


def test_a_consumer_is_kept_where_no_broker_answers_another(new_log: NewLog) -> None:
    log = new_log()
    writer = Writer(log, BUNDLED.values(), session_timeout=6)
    with writer._at_work():
        consumer: Any = writer._member.consumer
        writer.settings = replace(log, bootstrap=f"127.0.0.1:{free_port()}")
        writer._member._joined_at = -1e6
        with pytest.raises(LogUnreachable):
            writer._look_after_member()
        assert writer._member.consumer is consumer
        assert consumer.poll(timeout_ms=0) == {}


def test_mirrors_are_kept_up_once_they_can_be(
    new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither want of a broker nor want of room at the moment when they were to be followed is for good."""
    log = new_log()
    with writing(log), connected(log) as client:
        client.execute(population(5, 1))
    log = replace(log, mirrors=tmp_path / "standby")
    compare_ids = Mirror.compare_ids
    full = [MirrorFull("no room")]

    def without_room(mirror: Mirror, marks: Mapping[int, bytes]) -> None:
        if full:
            raise full.pop()
        compare_ids(mirror, marks)

    with closing(Standby(log, schema_ids(log), topics.ensure(log))) as standby:
        standby._settings = replace(log, bootstrap=f"127.0.0.1:{free_port()}")
        with pytest.raises(LogUnreachable):
            standby.keep({0})
        standby._settings = log
        monkeypatch.setattr(Mirror, "compare_ids", without_room)
        assert not standby.is_caught_up(0)
        with pytest.raises(MirrorFull):
            standby.advance(wanted={0})
        assert not standby.is_caught_up(0)
        while not standby.is_caught_up(0):
            standby.advance(wanted={0})
    assert in_file(log.mirror(0)) == seen(log).accounts
