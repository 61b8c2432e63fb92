"""A broker that stops answering for a while, or is stopped and started again, while commands are decided."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.entrypoints.kafka.writer import Writer
from ledger.entrypoints.supervising import PASSING, Stepped
from ledger.local.kafka import LocalKafka
from ledger.store.kafka.connection import KafkaSettings
from tests.given import BUNDLED
from tests.kafka.asking import Asking
from tests.kafka.running import writing
from tests.kafka.seen import committed, population
from tests.servers import KafkaServers
from tests.waiting import until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def settings(broker: LocalKafka, kafka_servers: KafkaServers, tmp_path: Path) -> KafkaSettings:
    return KafkaSettings(
        broker.bootstrap_servers,
        kafka_servers.registry_url,
        tmp_path / "mirrors",
        prefix=f"{secrets.token_hex(4)}.",
        partitions=1,
        clock="played",
        create=True,
    )


def await_answers(settings: KafkaSettings, count: int) -> None:
    """Returns once that many commands have been answered."""
    until(lambda: sum(1 for _ in committed(settings, settings.replies)) >= count)


def test_a_commit_that_times_out(settings: KafkaSettings, broker: LocalKafka, tmp_path: Path) -> None:
    settings = replace(settings, commit_timeout=1)
    process = broker._process
    assert process is not None
    with writing(settings, batch=20) as writer:
        asking = Asking(settings, population(60, 6), tmp_path)
        for answers in (100, 1000, 2000):
            await_answers(settings, answers)
            process.send_signal(signal.SIGSTOP)
            until(lambda: not writer.serving, lambda: "the writer goes on as if nothing had happened")
            process.send_signal(signal.SIGCONT)
        asking.check()


def test_a_broker_stopped_and_started_under_load(
    settings: KafkaSettings, broker: LocalKafka, tmp_path: Path
) -> None:
    with writing(settings, batch=20):
        asking = Asking(settings, population(60, 6), tmp_path)
        await_answers(settings, 300)
        broker.stop()
        broker.start()
        await_answers(settings, 1500)
        broker.kill()
        broker.start()
        asking.check()


def fails(step: Callable[[], Stepped]) -> bool:
    try:
        step()
    except PASSING:
        return True
    return False


def is_ready(step: Callable[[], Stepped]) -> bool:
    with suppress(*PASSING):
        return step().ready
    return False


def test_a_writer_is_not_ready_while_its_broker_does_not_answer(
    settings: KafkaSettings, broker: LocalKafka
) -> None:
    """A poll finds nothing then, and says nothing: a step that goes well does not make it ready again."""
    process = broker._process
    assert process is not None
    with Writer(settings, BUNDLED.values(), session_timeout=6.0).part.make() as step:
        until(lambda: step().ready, lambda: "the writer does not serve")
        process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: fails(step), lambda: "it steps on as if nothing had happened")
            assert not is_ready(step)
        finally:
            process.send_signal(signal.SIGCONT)
        until(lambda: is_ready(step), lambda: "the writer does not serve again")
