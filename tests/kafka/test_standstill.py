"""A consumer that has come to a standstill is replaced: whoever waits for an answer gets it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from kafka.structs import TopicPartition

from ledger.entrypoints.kafka.writer import Writer
from ledger.store.kafka.client import KafkaClient
from tests.kafka.conftest import NewLog
from tests.kafka.running import PATIENCE, started
from tests.kafka.seen import population, seen


def without_heartbeats(writer: Writer) -> None:
    """The group will take the writer for dead, and the writer will not hear of it."""
    writer._consumer._coordinator._disable_heartbeat()


def without_fetching(writer: Writer) -> None:
    """Nothing is read any more of what the writer owns."""
    writer._consumer.pause(TopicPartition(writer.settings.commands, 0))


@pytest.mark.parametrize("standstill", [without_heartbeats, without_fetching])
def test_a_writer_at_a_standstill_joins_the_group_anew(
    new_log: NewLog, standstill: Callable[[Writer], None]
) -> None:
    log = new_log()
    first, *others = population(5, 1)
    with started(log, session_timeout=6.0) as (writer, serving, _):
        assert serving.acquire(timeout=PATIENCE)
        with closing(KafkaClient(log, stated_at=True, timeout=PATIENCE)) as client:
            assert client.execute([first])[0].status == "accepted"
            consumer = writer._consumer
            standstill(writer)
            outcomes = client.execute(others)
            while writer._consumer is consumer:
                assert serving.acquire(timeout=PATIENCE), "it has not joined anew"
            assert {outcome.status for outcome in outcomes} <= {"accepted", "refused"}
            assert client.execute([first])[0].status == "repeated"
    seen(log)
