"""A mirror is not the truth: deleted or damaged, it is made again, and every answer stays.

One that is of other topics tells that there were others, and nobody goes on.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from prometheus_client import CollectorRegistry

from ledger.audit.findings import Finding
from ledger.audit.verification import verify
from ledger.entrypoints.kafka.measuring import Measured
from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import LogDamaged, LogMismatch, LogMissing
from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.wiring.mirrors import Followed
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, started, writing
from tests.kafka.seen import committed, in_file, population, seen
from tests.waiting import PATIENCE, until


def deleted(mirror: Path) -> None:
    mirror.unlink()


def truncated(mirror: Path) -> None:
    with mirror.open("r+b") as file:
        file.truncate(mirror.stat().st_size // 2)


def overwritten(mirror: Path) -> None:
    with mirror.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 16384)


def no_database(mirror: Path) -> None:
    mirror.write_bytes(b"not a database" * 1000)


def changed(mirror: Path) -> None:
    """Somebody gave every account a richer past."""
    with closing(sqlite3.connect(mirror)) as connection:
        connection.execute(
            "UPDATE stored_events SET state = CAST(state || x'00' AS BLOB)"
            " WHERE topic LIKE 'ledger.prepaid.%'"
        )
        connection.execute("DELETE FROM stored_snapshots")
        connection.commit()


def last_changed(mirror: Path) -> None:
    """Nothing but the last event, which a writer that starts asks the topic for once more."""
    with closing(sqlite3.connect(mirror)) as connection:
        connection.execute(
            "UPDATE stored_events SET state = CAST(state || x'00' AS BLOB)"
            " WHERE ordinal = (SELECT max(ordinal) FROM stored_events)"
        )
        connection.commit()


def snapshots_changed(mirror: Path) -> None:
    with closing(sqlite3.connect(mirror)) as connection:
        changed = connection.execute("UPDATE stored_snapshots SET state = CAST(state || x'00' AS BLOB)")
        connection.commit()
    assert changed.rowcount > 0


def behind(mirror: Path) -> None:
    """As if the last of it had never been written."""
    with closing(sqlite3.connect(mirror)) as connection:
        connection.execute("DELETE FROM stored_events WHERE ordinal > 100")
        connection.commit()


def unsound(mirror: Path) -> list[Finding]:
    """What is found in a mirror, but for its snapshots, which have a digest of their own in front."""
    return [found for found in verify(mirror).findings if "snapshot" not in found.what]


def schema_damaged(mirror: Path) -> None:
    with closing(sqlite3.connect(mirror)) as connection:
        connection.execute("UPDATE schemas SET schema = '{' WHERE name LIKE '%CreditToppedUp'")
        connection.execute("INSERT INTO schemas VALUES (x'0102030405060708', 'of another release', '{')")
        connection.commit()


def sealing_nothing(mirror: Path) -> None:
    """As former releases left it after a poll of nothing but repeats."""
    with closing(sqlite3.connect(mirror)) as connection:
        connection.execute("DELETE FROM meta WHERE name='sealed'")
        connection.execute(
            "INSERT INTO seals(events, entries, digest) SELECT events, entries, digest FROM seals"
            " ORDER BY seal DESC LIMIT 1"
        )
        connection.commit()


@pytest.mark.parametrize(
    "harm",
    [
        deleted,
        truncated,
        overwritten,
        no_database,
        changed,
        last_changed,
        snapshots_changed,
        behind,
        schema_damaged,
        sealing_nothing,
    ],
)
def test_a_mirror_that_is_not_what_it_was(new_log: NewLog, harm: Callable[[Path], None]) -> None:
    settings = new_log()
    commands = population(20, 8 if harm is snapshots_changed else 2)
    most = len(commands) * 3 // 4  # of eight months so many that an account has grown past a snapshot
    with writing(settings), connected(settings) as client:
        first = client.execute(commands[:most])
    harm(settings.mirror(0))
    with writing(settings), connected(settings) as client:
        again = client.execute(commands[:most])
        client.execute(commands[most:])
    assert [(o.code, o.events) for o in again if o.status == "repeated"] == [
        (o.code, o.events) for o, repeat in zip(first, again, strict=True) if repeat.status == "repeated"
    ]
    assert seen(settings).accounts == in_file(settings.mirror(0))
    assert unsound(settings.mirror(0)) == []


def spoil(settings: KafkaSettings, partition: int) -> None:
    """Puts an event behind the last one that is not what its digest names."""
    *_, last = (found for found in committed(settings, settings.events) if found.partition == partition)
    headers = dict(last.headers)
    account, _, version = headers["ce_id"].decode().rpartition("/")
    ordinal = int(headers["ledger_position"].decode().rpartition(":")[2])
    headers["ce_id"] = f"{account}/{int(version) + 1}".encode()
    headers["ledger_position"] = f"{partition}:{ordinal + 1}".encode()
    with closing(KafkaProducer(bootstrap_servers=settings.bootstrap)) as producer:
        said = (last.value, last.key, list(headers.items()), partition)
        producer.send(settings.events, *said).get(PATIENCE)


def refused_alone(counted: Callable[[], float | None], writer: Writer) -> bool:
    """Whether one partition was counted as refused, and the other is served."""
    return bool(counted()) and writer.serving == {0}


def test_a_partition_whose_last_event_is_not_what_its_digest_names_is_refused_and_the_others_are_served(
    new_log: NewLog,
) -> None:
    """Who starts digests it again, by a mirror that ends before it or one made anew; and who asks is told so, too."""
    settings = new_log(partitions=2)
    with writing(settings), connected(settings) as client:
        client.execute(population(10, 1)[:60])
    spoil(settings, 1)
    for folder in (settings.mirrors, settings.mirrors / "anew"):
        registry = CollectorRegistry()
        counted = partial(
            registry.get_sample_value,
            "ledger_partition_given_up_total",
            {"partition": "1", "code": "log-damaged"},
        )
        with started(replace(settings, mirrors=folder), watch=Measured(registry)) as (writer, _, failed):
            until(partial(refused_alone, counted, writer), partial(str, failed))
    reader = replace(settings, mirrors=settings.mirrors / "reader")
    with closing(Followed(reader)) as mirrors, pytest.raises(LogDamaged, match="that its digest names"):
        mirrors.catch_up()


def test_polls_of_nothing_but_repeats_seal_nothing(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    commands = population(5, 1)[:20]
    with writing(settings), connected(settings) as client:
        for some in (commands, commands, commands):
            client.execute(some)
    reader = replace(settings, mirrors=tmp_path / "reader")
    with closing(Followed(reader)) as mirrors:
        mirrors.catch_up()  # to the end of the first answers, and then of those that are repeats alone
        with writing(settings), connected(settings) as client:
            client.execute(commands)
        mirrors.catch_up()
    for mirror in (settings.mirror(0), reader.mirror(0)):
        assert unsound(mirror) == []


def test_a_mirror_of_another_topic(new_log: NewLog) -> None:
    settings, other = new_log(), new_log()
    commands = population(20, 2)
    for log, some in ((settings, commands[:200]), (other, commands[200:400])):
        with writing(log), connected(log) as client:
            client.execute(some)
    shutil.copy(settings.mirror(0), other.mirror(0))
    for use in (lambda: Writer(other, ()).run(), lambda: Followed(other)):
        with pytest.raises(LogMismatch, match="is of the events' topic"):
            use()
    assert in_file(other.mirror(0)) == in_file(settings.mirror(0))


def test_a_mirror_of_topics_that_were_made_again(new_log: NewLog) -> None:
    settings = new_log()
    commands = population(20, 2)
    with writing(settings), connected(settings) as client:
        client.execute(commands[:200])
    mirrored = in_file(settings.mirror(0))
    delete_topics(settings)
    with pytest.raises(LogMissing, match="pulsa log create"):
        Writer(replace(settings, create=False), ()).run()
    with pytest.raises(LogMismatch, match="of a log that was on the cluster"):
        Writer(settings, ()).run()
    topics.create(replace(settings, mirrors=settings.mirrors / "others"))
    for use in (lambda: Writer(settings, ()).run(), lambda: Followed(settings)):
        with pytest.raises(LogMismatch, match="is of the events' topic"):
            use()
    assert in_file(settings.mirror(0)) == mirrored
    settings.mirror(0).unlink()
    with writing(settings), connected(settings) as client:
        client.execute(commands[:50])
    assert seen(settings).accounts == in_file(settings.mirror(0))


def delete_topics(settings: KafkaSettings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_topics([settings.events, settings.commands, settings.replies, settings.dead])
    while set(admin.list_topics()) & {settings.events, settings.dead}:
        pass
    admin.close()
