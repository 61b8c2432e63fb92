"""Whoever writes and then reads finds what was written, even where the broker does not show it yet."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.errors import CommitUncertain, LogUnreachable
from ledger.store.kafka import positions
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.positions import position_of
from ledger.store.kafka.records import EventRecords
from ledger.store.kafka.schema_ids import schema_ids
from ledger.wiring.composition import opened
from ledger.wiring.mirrors import Followed
from ledger.wiring.settings import Settings
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import embedded, in_file, population
from tests.processes import must_end_well
from tests.waiting import PATIENCE
from tests.wiring.test_composition import held, must_be_the_same


def test_what_is_under_way_is_awaited(
    new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is acknowledged before every partition shows it: here it ends only once the reader waits for it."""
    settings = new_log()
    commands = population(20, 2)[:200]
    with writing(settings), connected(settings) as client:
        client.execute(commands[:150])
    embedded(tmp_path / "whole.db", commands)
    with closing(sqlite3.connect(tmp_path / "whole.db")) as connection:
        rows = connection.execute("SELECT * FROM stored_events ORDER BY ordinal").fetchall()
    recorded = sum(map(len, in_file(settings.mirror(0)).values()))
    records = EventRecords(settings.events, 0, schema_ids(settings)).outgoing(rows[recorded:], (), ())
    assert records
    writer = KafkaProducer(bootstrap_servers=settings.bootstrap, transactional_id=f"{settings.prefix}other")
    reader = replace(settings, mirrors=tmp_path / "reader")
    waits: list[int] = []

    def commit(*_: int) -> None:
        if not waits:
            writer.commit_transaction()
        waits.append(1)

    with closing(writer), closing(Followed(reader)) as mirrors:
        mirrors.catch_up()
        assert sum(map(len, in_file(reader.mirror(0)).values())) == recorded
        writer.init_transactions()
        writer.begin_transaction()
        for key, value, headers in records:
            writer.send(settings.events, value, key, headers, 0)
        writer.flush()
        _must_end(settings, monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr("ledger.wiring.mirrors._UNDER_WAY", 0.3)
            with pytest.raises(CommitUncertain, match="partition 0: somebody's transaction"):
                mirrors.catch_up()
        assert positions.held_back(settings, 1, 0.0) == [TopicPartition(settings.events, 0)]
        mirrors.catch_up(commit)
        assert positions.held_back(settings, 1, PATIENCE) == []
        assert waits
        assert in_file(reader.mirror(0)) == in_file(tmp_path / "whole.db")
    _must_not_be_hurried(replace(settings, mirrors=tmp_path / "slow"), monkeypatch)


def _must_not_be_hurried(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads for longer than a transaction may stay open, and finds none open, has read all."""
    with monkeypatch.context() as patched, closing(Followed(settings)) as mirrors:
        patched.setattr("ledger.wiring.mirrors._UNDER_WAY", 0.0)
        mirrors.catch_up()
    assert in_file(settings.mirror(0))


def _must_end(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads to an end that does not come, as where a broker hangs, is told so."""
    events = TopicPartition(settings.events, 0)
    with (
        closing(KafkaConsumer(**settings.arguments())) as uncommitted,
        closing(KafkaConsumer(**settings.arguments(), isolation_level="read_committed")) as consumer,
        monkeypatch.context() as patched,
    ):
        patched.setattr(positions, "SILENT_SECONDS", 0.3)
        (end,) = uncommitted.end_offsets([events]).values()
        consumer.assign([events])
        consumer.seek(events, 0)
        with pytest.raises(LogUnreachable, match="no broker has sent anything"):
            list(positions.polled_to(consumer, events, end))
        assert list(positions.polled_to(consumer, events, position_of(consumer, events))) == []


def test_what_is_opened_of_it_is_closed_again(new_log: NewLog, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    log = new_log(partitions=2)
    with writing(log), connected(log) as client:
        client.execute(population(5, 1))
    asking = Settings(
        kafka=log.bootstrap, registry=log.registry, kafka_prefix=log.prefix, mirrors=tmp_path / "asking"
    )
    must_end_well(_opened_again_and_again, asking, tmp_path)
    assert {path.name for path in asking.mirrors_folder.iterdir() if path.is_dir()} == {"reader-0"}


def _opened_again_and_again(asking: Settings, folder: Path) -> None:
    tempfile.tempdir = str(folder / "temporary")
    before = None
    for time in range(5):
        with opened(asking) as there:
            there.taker()
            for readers, _ in (there.journaled(), there.journaled()):
                for reader in readers:
                    with reader.snapshot() as partition:
                        assert partition.head > 0
        if time == 0:  # all that is made once is made
            before = held()
    must_be_the_same(before, held())
