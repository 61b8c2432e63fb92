"""Every record names its schema: a registry that has other ids than the log is not believed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer
from prometheus_client import CollectorRegistry

from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import CloseThrough
from ledger.entrypoints.kafka.writer import Writer
from ledger.errors import RegistryMismatch
from ledger.local.schema_registry import LocalRegistry
from ledger.store.codec import Codec
from ledger.store.kafka import registry_restoring, topics
from ledger.store.kafka.connection import POLICIES, KafkaSettings
from ledger.store.kafka.records import SCHEMA, TOPIC, schema_header
from ledger.store.kafka.registry_api import Registry, RegistryAccess
from ledger.store.kafka.schema_ids import SchemaIds, access, schema_ids
from ledger.store.schemas import FINGERPRINT_BYTES, FOLDERS, RecordSchema, every, load
from ledger.wiring.metrics import RegistryMetrics
from ledger.wiring.mirrors import Followed
from tests.entrypoints.kafka import on_kafka
from tests.given import NUMBER
from tests.kafka.conftest import NewLog
from tests.kafka.faulty_registry import GARBAGE, faulty
from tests.kafka.registered import told
from tests.kafka.running import connected, writing
from tests.kafka.seen import Seen, committed, in_file, population, seen

OTHER = {"type": "record", "name": "Other", "namespace": "elsewhere", "fields": []}


@pytest.fixture(scope="module")
def shifted() -> Iterator[LocalRegistry]:
    """A registry that others have used before: its ids are not those of the log's registry."""
    with LocalRegistry() as registry:
        for number in range(3):
            schema = RecordSchema(json.dumps(OTHER | {"name": f"Other{number}"}))
            Registry(RegistryAccess(registry.url)).register(f"other-{number}", schema)
        yield registry


@pytest.fixture(scope="module")
def lost() -> Iterator[LocalRegistry]:
    """A registry that knows a schema of others, and fewer than `shifted`; some logs go on without it."""
    with LocalRegistry() as registry:
        Registry(RegistryAccess(registry.url)).register("other", RecordSchema(json.dumps(OTHER)))
        yield registry


def of(registry: LocalRegistry, settings: KafkaSettings) -> KafkaSettings:
    """The same log with that registry, where the first has its schemas registered."""
    return told(replace(settings, registry=registry.url), registry.directory)


def play(settings: KafkaSettings, commands: Any) -> None:
    with writing(settings), connected(settings) as client:
        client.execute(commands)


def test_the_alert_on_a_registry_that_is_lost(new_log: NewLog, shifted: LocalRegistry) -> None:
    """What `RegistryLost` looks at: it does not answer, or was emptied, or gives other ids."""
    log = new_log()
    with faulty(log.registry) as registry:
        ids = SchemaIds(Registry(RegistryAccess(registry.url)), time.monotonic)
        ids.register([(log.replies, "replies")])
        figures = CollectorRegistry()
        metrics = RegistryMetrics(figures, ids.must_be_known)

        def is_up() -> float | None:
            return figures.get_sample_value("ledger_registry_up")

        assert is_up() is None
        metrics.look()
        assert is_up() == 1
        for fault in (503, GARBAGE):
            registry.fault = fault
            metrics.look()
            assert is_up() == 0
            registry.fault = None
            metrics.look()
            assert is_up() == 1
        registry.lead_to(shifted.url)
        metrics.look()
        assert is_up() == 0
        with pytest.raises(RegistryMismatch, match="stood for"):
            ids.must_be_known()


def test_every_record_names_its_schema(new_log: NewLog) -> None:
    settings = new_log(partitions=2)
    play(settings, population(20, 2))
    ids = schema_ids(settings)
    for topic in (settings.events, settings.commands, settings.policies, settings.replies):
        records = list(committed(settings, topic))
        assert records
        for record in records:
            assert dict(record.headers)[SCHEMA] == ids.from_wire(record.value)[0].fingerprint


def test_a_command_has_one_subject_whatever_topic_it_travels_on(new_log: NewLog) -> None:
    settings = new_log(registers=True)
    asked = [
        AdvanceTime(at=0, command_id="by-anybody", msisdn=NUMBER),
        CloseThrough(at=0, command_id="by-the-clock", msisdn="log@0", through=0),
    ]
    with writing(settings), connected(settings) as client:
        client.execute(asked[:1])
        client.execute(asked, source=POLICIES)
    registry = Registry(access(settings))
    travelled = [*committed(settings, settings.commands), *committed(settings, settings.policies)]
    assert len(travelled) == 3
    for record in travelled:
        schema, _ = schema_ids(settings).from_wire(record.value)
        id_ = int.from_bytes(record.value[1:5], "big")
        assert registry.look_up(f"{settings.commands}-{schema.name}", schema) == id_
        assert registry.look_up(f"{settings.policies}-{schema.name}", schema) is None


def test_a_registry_with_other_ids(new_log: NewLog, lost: LocalRegistry, shifted: LocalRegistry) -> None:
    settings = of(lost, new_log())
    commands = population(20, 2)
    play(settings, commands[:200])
    other = of(shifted, settings)
    fresh = replace(other, mirrors=settings.mirrors / "fresh")
    for log in (other, fresh):
        with pytest.raises(RegistryMismatch):
            Writer(log, ()).run()
        with pytest.raises(RegistryMismatch), closing(Followed(log)) as mirrors:
            mirrors.catch_up()
    assert in_file(settings.mirror(0)) == seen(settings).accounts
    play(settings, commands[200:])


def test_records_of_former_releases_name_no_schema(
    new_log: NewLog, lost: LocalRegistry, shifted: LocalRegistry
) -> None:
    """In a registry of their own: in one that others fill meanwhile, ids grow beyond those that `shifted` has."""
    written, settings, former = (of(lost, new_log()) for _ in range(3))
    commands = population(20, 2)
    play(written, commands[:200])
    as_before(written, settings)
    play(settings, commands[200:300])
    assert len(in_file(settings.mirror(0))) > len(in_file(written.mirror(0)))
    as_before(settings, former)
    with writing(former):
        pass
    forget_ids(former)
    with pytest.raises(RegistryMismatch, match="is not what its digest names"):
        Writer(of(shifted, former), ()).run()


def test_commands_by_other_ids_are_answered_and_decide_nothing(
    new_log: NewLog, shifted: LocalRegistry
) -> None:
    settings = new_log()
    commands = population(20, 2)
    with ExitStack() as stack:
        stack.enter_context(writing(settings))
        client = stack.enter_context(connected(settings))
        client.execute(commands[:100])
        events = seen(settings).events
        astray = stack.enter_context(connected(settings))
        astray._ids = schema_ids(of(shifted, settings))
        assert {outcome.status for outcome in astray.execute(commands[100:120])} == {"refused"}
        assert seen(settings).events == events
        assert "unknown" not in {outcome.status for outcome in client.execute(commands[100:])}


@pytest.mark.parametrize("names_it", [True, False])
def test_a_command_is_told_by_the_schema_it_was_sent_by_and_not_by_the_one_it_is_kept_by(
    names_it: bool,
) -> None:
    """One that says nothing of a field which came later is kept as before there was one, whoever sent it how."""
    full, texts = load("commands")["ledger.command.Block"], registry_restoring.Texts()
    assert full.before is not None
    found, codec = registry_restoring._Found(texts), Codec()
    for offset, basis in enumerate((None, "law")):
        said: dict[str, Any] = {"at": None, "command_id": "b", "msisdn": NUMBER, "actor": "a", "block": "b"}
        said |= {"scope": "all", "ground": "a", "reference": None, "since": None, "basis": basis}
        body = full.encode(said)
        command, content = codec.command_and_content("Block", full.fingerprint + body, 0)
        kept = codec.command_state(command, content, stated_at=False)[:FINGERPRINT_BYTES]
        assert (kept == full.fingerprint) == (basis is not None)
        found._contents["commands", 0, offset] = kept
        headers = [schema_header(full.fingerprint)] if names_it else []
        record = SimpleNamespace(partition=0, offset=offset, value=b"\0\0\0\0\7" + body, headers=headers)
        found.command("commands", "ledger.commands", record, 7)
    assert found.used == {registry_restoring.UsedSchema("ledger.commands", 7, full.fingerprint)}


def test_a_registry_that_was_emptied_is_filled_from_a_log_that_names_no_schemas(
    new_log: NewLog, lost: LocalRegistry, tmp_path: Path
) -> None:
    written, settings = (of(lost, new_log()) for _ in range(2))
    commands = population(20, 2)
    play(written, commands[:200])
    as_before(written, settings)
    before = seen(settings)
    with LocalRegistry() as empty:
        settings = replace(settings, registry=empty.url, mirrors=tmp_path / "again")
        pulsa = on_kafka(tmp_path, settings)
        (restored,) = pulsa.json("log", "restore-registry")
        assert restored["schemas"] > 3
        assert pulsa.json("log", "restore-registry") == [{"schemas": 0}]
        check_goes_on(settings, commands, before)


def test_a_registry_that_was_emptied_is_filled_from_all_logs_that_share_it(
    new_log: NewLog, lost: LocalRegistry, tmp_path: Path
) -> None:
    little, much = (of(lost, new_log()) for _ in range(2))
    commands = population(20, 2)
    play(little, commands[:1])
    play(much, commands[:200])
    before = seen(much)
    in_order = [schema.fingerprint for folder in FOLDERS for schema in every(folder)]
    assert [mark for _, mark in sorted(schema_ids(much).marks().items())] == in_order
    with LocalRegistry() as empty:
        little, much = (
            replace(log, registry=empty.url, mirrors=tmp_path / log.prefix) for log in (little, much)
        )
        (restored,) = on_kafka(tmp_path, little).json("log", "restore-registry", "--prefix", much.prefix)
        assert restored["schemas"] > 3
        assert on_kafka(tmp_path, much).json("log", "restore-registry") == [{"schemas": 0}]
        assert seen(much) == before
        check_goes_on(much, commands, before)


def check_goes_on(settings: KafkaSettings, commands: list[Command], before: Seen) -> None:
    """A writer answers everything, and what was there is there as it was."""
    with writing(settings), connected(settings) as client:
        assert "unknown" not in {outcome.status for outcome in client.execute(commands)}
    after = seen(settings)
    assert after.events > before.events
    for account, events in before.accounts.items():
        assert after.accounts[account][: len(events)] == events


def as_before(written: KafkaSettings, target: KafkaSettings) -> None:
    """The same log as a release wrote it that named no schemas, and no topics of what it answered."""
    topics.create(target)
    with closing(KafkaProducer(bootstrap_servers=written.bootstrap)) as producer:
        for name in ("commands", "events", "replies"):
            for record in committed(written, getattr(written, name)):
                headers = [header for header in record.headers if header[0] not in (SCHEMA, TOPIC)]
                producer.send(getattr(target, name), record.value, record.key, headers, record.partition)
        producer.flush()


def forget_ids(settings: KafkaSettings) -> None:
    with closing(sqlite3.connect(settings.mirror(0))) as connection:
        connection.execute("DELETE FROM meta WHERE name='schema_ids'")
        connection.commit()
