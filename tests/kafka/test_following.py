"""Whoever writes and then reads finds what was written, even where the broker does not show it yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from kafka import KafkaProducer

from ledger.store.kafka.records import EventRecords
from ledger.store.kafka.schema_ids import schema_ids
from ledger.wiring.mirrors import Followed
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import embedded, in_file, population


def test_what_is_under_way_is_awaited(new_log: NewLog, tmp_path: Path) -> None:
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
        mirrors.catch_up(commit)
        assert waits
        assert in_file(reader.mirror(0)) == in_file(tmp_path / "whole.db")
