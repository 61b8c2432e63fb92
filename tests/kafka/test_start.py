"""What a writer finds when it starts: wrong topics, no registry, no broker, a group whose offsets have expired."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.structs import TopicPartition
from msgspec import structs

from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.events import LogCreated
from ledger.domain.prepaid.commands import IssueStarterPack
from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import (
    ClockMismatch,
    IdsMismatch,
    LogMismatch,
    LogMissing,
    LogUnreachable,
    RegistryUnreachable,
    SettingsInvalid,
    TopicMismatch,
)
from ledger.local.process import free_port
from ledger.store.backup import FileExists
from ledger.store.codec import Codec
from ledger.store.kafka import topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.schema_ids import access
from ledger.store.partitioning import partition_of
from ledger.wiring import on_kafka
from ledger.wiring.mirrors import Followed
from ledger.wiring.settings import Settings
from tests.given import NUMBER, START, at
from tests.kafka.conftest import NewLog
from tests.kafka.faulty_registry import faulty
from tests.kafka.running import connected, started, writing
from tests.kafka.seen import in_chunks, in_file, population, seen
from tests.waiting import PATIENCE, until


def create(settings: KafkaSettings, partitions: int, configs: dict[str, str], *names: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    new = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    admin.create_topics(dict.fromkeys(names, new), wait_for_metadata=True)
    admin.close()


GOOD = {"retention.ms": "-1", "retention.bytes": "-1", "message.timestamp.type": "LogAppendTime"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"retention.ms": "604800000"}, "retention.ms=604800000; this log needs retention.ms=-1"),
        ({"message.timestamp.type": "CreateTime"}, "message.timestamp.type=CreateTime"),
        ({"cleanup.policy": "compact"}, "cleanup.policy=compact"),
    ],
)
def test_a_topic_set_up_otherwise(new_log: NewLog, wrong: dict[str, str], said: str) -> None:
    settings = new_log(partitions=2)
    create(settings, 2, GOOD | wrong, settings.replies)
    with pytest.raises(TopicMismatch, match=said):
        topics.ensure(settings)


def test_a_topic_with_another_number_of_partitions(new_log: NewLog) -> None:
    settings = new_log(partitions=2)
    create(settings, 3, GOOD, settings.commands)
    with pytest.raises(
        TopicMismatch, match=r"ledger.commands has 3 partitions; PULSA_KAFKA_PARTITIONS says 2"
    ):
        topics.ensure(settings)


def test_topics_that_are_not_there_yet(new_log: NewLog) -> None:
    settings = new_log()
    for ask in (KafkaClient, lambda log: Writer(log, ()).run()):
        with pytest.raises(LogMissing, match="`pulsa log create` makes it"):
            ask(replace(settings, create=False))
    place = topics.create(settings)
    assert topics.ensure(replace(settings, create=False)) == place
    with pytest.raises(FileExists):
        topics.create(settings)


def test_more_copies_than_brokers(new_log: NewLog) -> None:
    settings = new_log()
    with pytest.raises(TopicMismatch, match=r"3 copies of each partition are asked for .*, and 1 of"):
        topics.ensure(replace(settings, replication=3))
    topics.ensure(settings)
    with pytest.raises(
        TopicMismatch, match="has 1 copies of partition 0; PULSA_KAFKA_REPLICATION asks for 2"
    ):
        topics.ensure(replace(settings, replication=2))


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("events", "answers tell of .* events, there are 0"),
        ("commands", "commands were answered of another topic of the name"),
        ("replies", "events, and no answer at all"),
    ],
)
def test_a_topic_of_a_log_that_is_gone_and_one_that_was_made_again(
    new_log: NewLog, lost: str, said: str
) -> None:
    settings = new_log()
    with writing(settings), connected(settings) as client:
        client.execute([AdvanceTime(at=at(START), command_id="1", msisdn=NUMBER)])
        client.execute(population(2, 1)[:20])
    delete(settings, getattr(settings, lost))
    others = replace(settings, mirrors=settings.mirrors / "others")
    with pytest.raises(LogMissing, match=r"is gone, and .* is not empty"):
        Writer(others, ()).run()
    create(settings, 1, GOOD, getattr(settings, lost))
    if lost == "commands":  # senders who do not know fill it: it reaches further than what was answered
        with closing(KafkaProducer(bootstrap_servers=settings.bootstrap)) as producer:
            for sent in [producer.send(settings.commands, b"x", b"x", [], 0) for _ in range(40)]:
                sent.get(PATIENCE)
    with pytest.raises(LogMismatch, match=said):
        Writer(others, ()).run()


def test_a_topic_whose_records_were_deleted_costs_no_mirror(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    with writing(settings), connected(settings) as client:
        client.execute(population(1, 1))
    before = in_file(settings.mirror(0))
    behind = Followed(replace(settings, mirrors=tmp_path / "behind"))
    with closing(behind), closing(KafkaAdminClient(bootstrap_servers=settings.bootstrap)) as admin:
        for topic, said in ((settings.replies, "replies"), (settings.events, "events")):
            admin.delete_records({TopicPartition(topic, 0): -1})
            for use in (lambda: Writer(settings, ()).run(), lambda: Followed(settings), behind.catch_up):
                with pytest.raises(
                    LogMismatch, match=f"{said}: the records of partition 0 before .* deleted"
                ):
                    use()
    assert in_file(settings.mirror(0)) == before


def test_what_holds_nothing_of_a_log_is_made_again(new_log: NewLog) -> None:
    settings = replace(new_log(), create=False)
    place = topics.create(settings)
    delete(settings, settings.dead)
    assert topics.ensure(settings) == place == topics.ensure(settings, create=False)


def delete(settings: KafkaSettings, *names: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_topics(list(names))
    until(lambda: not set(admin.list_topics()) & set(names))
    admin.close()


def test_no_registry(new_log: NewLog) -> None:
    settings = replace(new_log(), registry=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryUnreachable, match=r"127\.0\.0\.1"), started(settings) as (_, ended, _failed):
        assert ended.acquire(timeout=PATIENCE)


def test_a_log_is_made_once_the_registry_answers(new_log: NewLog, tmp_path: Path) -> None:
    """Else the same again would say that there is one."""
    log = new_log()
    nowhere = Settings(
        kafka=log.bootstrap,
        registry=f"http://127.0.0.1:{free_port()}",
        kafka_prefix=log.prefix,
        mirrors=tmp_path / "none",
    )
    with pytest.raises(RegistryUnreachable):
        on_kafka.create(nowhere)
    with pytest.raises(LogMissing):
        topics.ensure(log, create=False)


def test_a_registry_that_goes_away_later(new_log: NewLog, tmp_path: Path) -> None:
    with ExitStack() as until_it_goes:
        gateway = until_it_goes.enter_context(faulty(new_log().registry))
        settings = new_log(partitions=2, registry=gateway.url)
        commands = population(20, 2)
        with writing(settings), connected(settings) as client:
            client.execute(commands[:100])
            assert Registry(access(settings)).clock() is not None
            until_it_goes.close()
            with pytest.raises(RegistryUnreachable):
                Registry(access(settings)).clock()
            client.execute(commands[100:])
            with started(replace(settings, mirrors=tmp_path / "others")) as (_, serving, _failed):
                assert serving.acquire(timeout=PATIENCE)
                assert "unknown" not in {outcome.status for outcome in client.execute(commands)}
    seen(settings)


def test_no_broker(new_log: NewLog) -> None:
    settings = replace(new_log(), bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(LogUnreachable, match="no broker answers"):
        topics.ensure(settings)


def test_settings_that_kafka_does_not_know(new_log: NewLog) -> None:
    with pytest.raises(SettingsInvalid, match="no_such_setting"):
        topics.ensure(replace(new_log(), client={"no_such_setting": 1}))


def _token(number: str) -> str:
    return "T" + number.translate(str.maketrans("0189", "ABCD")).rjust(20, "Z")


def test_a_partition_without_events_has_the_clock_and_the_ids_of_the_others(new_log: NewLog) -> None:
    settings = replace(new_log(partitions=2), ids="tokens")
    unstated = replace(settings, clock=None, ids=None)
    commands = [
        structs.replace(one, msisdn=_token(one.msisdn))
        for one in population(20, 2)
        if isinstance(one, IssueStarterPack)
    ]
    first = [one for one in commands if partition_of(one.msisdn, 2) == 0]
    assert 0 < len(first) < len(commands)
    with writing(unstated):  # nothing is recorded: that it was live then is of no account
        pass
    with writing(settings), connected(settings) as client:
        client.execute(first)
    with writing(unstated), connected(settings) as client:
        client.execute(commands)
    written = seen(settings).accounts
    for partition in range(2):
        ((_, topic, state, _),) = written[f"log@{partition}"]
        created = Codec().event(topic, state)
        assert isinstance(created, LogCreated)
        assert (created.clock, created.ids) == ("played", "tokens")
    with pytest.raises(IdsMismatch), started(replace(settings, ids="numbers")) as (_, ended, _failed):
        assert ended.acquire(timeout=PATIENCE)
    with pytest.raises(ClockMismatch), started(replace(settings, clock="live")) as (_, ended, _failed):
        assert ended.acquire(timeout=PATIENCE)


def test_the_other_clock(new_log: NewLog) -> None:
    settings = new_log()
    with writing(settings), connected(settings) as client:
        client.execute(population(20, 2)[:1])
    with pytest.raises(ClockMismatch), started(replace(settings, clock="live")) as (_, ended, _failed):
        assert ended.acquire(timeout=PATIENCE)


def test_a_group_whose_offsets_have_expired(new_log: NewLog) -> None:
    settings = new_log()
    commands = population(20, 2)
    with writing(settings), connected(settings) as client:
        first = client.execute(commands)
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_groups([settings.group])
    admin.close()
    events = seen(settings).events
    with writing(settings), connected(settings) as client:
        again = [outcome for chunk in in_chunks(commands, 100) for outcome in client.execute(chunk)]
    assert seen(settings).events == events
    assert [o.code for o in again] == [o.code for o in first]
    assert {o.status for o in again if o.code not in ("invalid", "idempotency-conflict", "clock-behind")} == {
        "repeated"
    }
