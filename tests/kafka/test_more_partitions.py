"""Topics that were given more partitions: numbers would fall to others, so nobody writes, asks or follows any more."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from ledger.domain.partition.events import LogCreated
from ledger.domain.partition.partition import Origin, Partition
from ledger.domain.subject import Cause
from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import TopicMismatch
from ledger.release import RELEASE
from ledger.store.codec import Codec
from ledger.store.kafka import topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.wiring.mirrors import Followed
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from tests.given import BUNDLED
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import population, seen


def grow(settings: KafkaSettings, partitions: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    names = [name for name in admin.list_topics() if name.startswith(settings.prefix)]
    admin.create_partitions(dict.fromkeys(names, partitions))
    admin.wait_for_topics(names)
    admin.close()


def follow(settings: KafkaSettings) -> None:
    with closing(Followed(settings)) as mirrors:
        mirrors.catch_up()


def test_more_partitions(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log(partitions=2)
    commands = population(20, 2)
    with writing(settings), connected(settings) as client:
        client.execute(commands[:300])
    before = seen(settings)
    for partition in range(2):
        ((_, topic, state, _),) = before.accounts[f"log@{partition}"]
        created = Codec().event(topic, state)
        assert isinstance(created, LogCreated)
        assert (created.partitions, created.release) == (2, RELEASE)
    grow(settings, 4)
    grown = replace(settings, partitions=None)
    while topics.ensure(grown).partitions != 4:
        pass
    fresh = replace(grown, mirrors=tmp_path / "fresh")
    asking = Settings(
        kafka=settings.bootstrap,
        registry=settings.registry,
        kafka_prefix=settings.prefix,
        mirrors=tmp_path / "m",
    )
    for use in (
        lambda: Writer(grown, BUNDLED.values()).run(),
        lambda: Writer(fresh, BUNDLED.values()).run(),
        lambda: KafkaClient(grown),
        lambda: follow(grown),
        lambda: follow(replace(fresh, mirrors=tmp_path / "fresher")),
        lambda: verified(asking),
    ):
        with pytest.raises(TopicMismatch, match=r"partitions"):
            use()
    assert seen(settings) == before


def test_more_partitions_of_a_log_that_does_not_say_how_many_it_has(
    new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Former releases did not write it down, and no mirror is left that knows."""
    settings = new_log()
    begin = Partition.begin

    def as_formerly(self: Partition, cause: Cause, clock: str, _: Origin) -> None:
        begin(self, cause, clock, Origin(None, None))

    with (
        monkeypatch.context() as patched,
        writing(settings),
        connected(settings) as it,
    ):
        patched.setattr(Partition, "begin", as_formerly)
        it.execute(population(20, 1))
    before = seen(settings)
    grow(settings, 2)
    fresh = replace(settings, partitions=None, mirrors=tmp_path / "fresh")
    while topics.ensure(fresh).partitions != 2:
        pass

    def serving(partition: int) -> None:
        if partition == 0:
            writer.stop()

    writer = Writer(fresh, BUNDLED.values(), on_serving=serving)
    with pytest.raises(TopicMismatch, match="numbers that fall to others"):
        writer.run()
    assert seen(settings) == before
