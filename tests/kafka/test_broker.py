"""A broker that stops answering for a while, or is stopped and started again, while commands are decided."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.transaction_manager import TransactionManager
from kafka.structs import TopicPartition

from ledger.entrypoints.kafka.writer import Writer
from ledger.entrypoints.supervising import PASSING, Stepped
from ledger.errors import CommitUncertain
from ledger.local.kafka import LocalKafka
from ledger.store.kafka import hanging, topics
from ledger.store.kafka.connection import KafkaSettings
from tests.given import BUNDLED
from tests.kafka.asking import Asking
from tests.kafka.registered import told
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, embedded, end_of, in_file, population, seen
from tests.servers import KafkaServers
from tests.waiting import PATIENCE, until

CREDULOUS = {"transaction.partition.verification.enable": "false"}
"""It takes what is written in a transaction without asking whether the transaction knows of it."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("broker"), settings=CREDULOUS) as running:
        yield running


@pytest.fixture
def settings(
    broker: LocalKafka, kafka_servers: KafkaServers, run_directory: Path, tmp_path: Path
) -> KafkaSettings:
    log = KafkaSettings(
        broker.bootstrap_servers,
        kafka_servers.registry_url,
        tmp_path / "mirrors",
        prefix=f"{secrets.token_hex(4)}.",
        partitions=1,
        clock="played",
        create=True,
    )
    return told(log, run_directory)


def await_answers(settings: KafkaSettings, count: int, *, interrupted: bool = False) -> None:
    """Returns once about that many commands have been answered: ends of transactions are counted, too.

    Only an interrupted broker may fail to say so at once.
    """
    excused = (KafkaError,) if interrupted else ()

    def answered() -> bool:
        with suppress(*excused):
            return end_of(settings, settings.replies) >= count
        return False

    until(answered, lambda: f"no {count} answers")


def test_a_commit_that_times_out(settings: KafkaSettings, broker: LocalKafka, tmp_path: Path) -> None:
    settings = replace(settings, commit_timeout=3)
    process = broker._process
    assert process is not None
    with writing(settings, batch=20) as writer:
        asking = Asking(settings, population(40, 2), tmp_path)
        for answers in (100, 500, 900):
            await_answers(settings, answers, interrupted=answers > 100)
            process.send_signal(signal.SIGSTOP)
            until(lambda: not writer.serving, lambda: "the writer goes on as if nothing had happened")
            process.send_signal(signal.SIGCONT)
        asking.check()


def test_a_broker_stopped_and_started_under_load(
    settings: KafkaSettings, broker: LocalKafka, tmp_path: Path
) -> None:
    with writing(settings, batch=20):
        asking = Asking(settings, population(40, 2), tmp_path)
        await_answers(settings, 200)
        broker.stop()
        broker.start()
        await_answers(settings, 700, interrupted=True)
        broker.kill()
        broker.start()
        asking.check()


@contextmanager
def left_hanging(*topics: str) -> Iterator[None]:
    """Transactions do not know that they write to these topics: they will hang there, as after KAFKA-20734."""
    known: Any = TransactionManager.maybe_add_partition_to_transaction

    def maybe_known(manager: Any, tp: TopicPartition) -> None:
        if tp.topic in topics:
            manager._partitions_in_transaction.add(tp)
        else:
            known(manager, tp)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionManager, "maybe_add_partition_to_transaction", maybe_known)
        yield


def test_what_was_committed_and_hangs_is_neither_lost_nor_decided_again(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    commands, whole = population(10, 1), tmp_path / "whole.db"
    half = len(commands) // 2
    expected = embedded(whole, commands)
    with writing(settings), connected(settings) as client:
        client.execute(commands[:half])
        with left_hanging(settings.events, settings.replies):
            asking = Asking(settings, commands[half:], tmp_path)
            until(lambda: in_file(settings.mirror(0)) == in_file(whole))
        assert not asking.is_answered
    elsewhere = replace(settings, mirrors=tmp_path / "elsewhere")
    with writing(elsewhere):
        until(lambda: asking.is_answered)
    assert asking.outcomes == expected[half:]
    assert seen(settings).accounts == in_file(whole) == in_file(elsewhere.mirror(0))
    with writing(settings), connected(settings) as client:
        assert client.execute(commands[-1:])[0].status == "repeated"


@pytest.mark.parametrize("commit", [True, False])
def test_a_hanging_transaction_is_ended_as_it_was(settings: KafkaSettings, *, commit: bool) -> None:
    topics.ensure(settings)
    with producing(settings) as former, left_hanging(settings.events, settings.policies):
        former.init_transactions()
        transact(former, settings, commit=commit)
    assert found(settings) == []
    with producing(settings) as later:
        hanging.take_over(later, settings, 0, 1)
        assert found(settings) == ([b"event", b"policy"] if commit else [])
        transact(later, settings, commit=True)
    assert len(found(settings)) == (4 if commit else 2)


def test_a_hanging_transaction_of_which_nobody_knows_how_it_ended_keeps_from_deciding(
    settings: KafkaSettings,
) -> None:
    topics.ensure(settings)
    with producing(settings) as former, left_hanging(settings.events, settings.policies):
        former.init_transactions()
        transact(former, settings, commit=True)
    with producing(settings) as since:
        since.init_transactions()
    with producing(settings) as later, pytest.raises(CommitUncertain, match=f"hangs in {settings.events}-0"):
        hanging.take_over(later, settings, 0, 1)
    assert found(settings) == []


@contextmanager
def producing(settings: KafkaSettings) -> Iterator[KafkaProducer]:
    """A producer by the name of the partition's writer."""
    producer = KafkaProducer(
        **settings.arguments(), transactional_id=settings.transactional_id(0), acks="all"
    )
    try:
        yield producer
    finally:
        producer.close()


def transact(producer: KafkaProducer, settings: KafkaSettings, *, commit: bool) -> None:
    """A transaction, which the broker ends as is asked."""
    producer.begin_transaction()
    for topic, value in (
        (settings.dead, b"dead"),
        (settings.events, b"event"),
        (settings.policies, b"policy"),
    ):
        producer.send(topic, value, partition=0).get(PATIENCE)
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def found(settings: KafkaSettings) -> list[bytes]:
    """What is seen of the two topics."""
    return [
        record.value
        for topic in (settings.events, settings.policies)
        for record in committed(settings, topic)
    ]


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
