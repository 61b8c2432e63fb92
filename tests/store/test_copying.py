"""Copies: byte for byte, gone on with where they were stopped, and proved; never over another log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastavro import reader

from ledger.audit.verification import verify
from ledger.domain.line.commands import Block
from ledger.domain.prepaid.commands import Activate
from ledger.errors import LogDamaged
from ledger.store.copying import CopyRefused, Extent, FileTarget, Source, Target, copy
from ledger.store.copying_avro import AvroContainer
from ledger.store.copying_files import FolderTarget, Parquet
from ledger.store.copying_kafka import KafkaTarget
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.making import make
from tests.entrypoints.pulsa import Pulsa
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import connected, writing
from tests.kafka.seen import embedded, in_file, population, seen, table
from tests.kafka.test_bad_records import send, wire
from tests.servers import kafka_servers, run_directory  # noqa: F401

CLERK = "os:clerk(1000)@desk"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a population in it, and with events of one type that do and do not say what came later."""
    path = tmp_path_factory.mktemp("log") / "log.db"
    commands = population(30, 2)
    number = next(one.subject for one in commands if isinstance(one, Activate))
    for block, basis in (("said", "suspected"), ("unsaid", None)):
        once: dict[str, Any] = {
            "command_id": block,
            "block": block,
            "basis": basis,
            "at": commands[-1].at,
            "msisdn": number,
        }
        commands.append(Block(ground="b", scope="all", actor="care", **once))
    embedded(path, commands[:500])
    embedded(path, commands[500:], principal=CLERK)
    return path


@pytest.fixture
def source(path: Path) -> Iterator[Source]:
    with closing(Source(path)) as opened:
        yield opened


def test_there_are_events_of_one_type_with_what_came_later_and_without(source: Source) -> None:
    (kinds,) = source.rows(
        "SELECT count(DISTINCT substr(state, 1, 8)) FROM stored_events WHERE topic='ledger.prepaid.Blocked'"
    )
    assert kinds == (2,)


def stopped_halfway(source: Source, target: Target, size: int = 300) -> Extent:
    """What a copy has written that was ended after its third chunk."""
    chunks = source.chunks(target.extent(), size)
    for _ in range(3):
        target.write(next(chunks))
    return target.extent()


def test_a_file_is_copied_with_all_that_is_derived(source: Source, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy.db"
    with closing(FileTarget(other, source)) as target:
        begun = stopped_halfway(source, target)
    with closing(FileTarget(other, source)) as target:
        copied = copy(source, target)
    assert copied.before == begun
    assert copied.extent == source.extent()
    for name, order in (
        ("stored_events", "ordinal"),
        ("journal", "entry"),
        ("numbers", "msisdn"),
        ("claims", "account, kind, id"),
    ):
        assert table(other, name, order) == table(path, name, order), name
    assert verify(other).clean


@pytest.mark.parametrize("form", [Parquet, AvroContainer])
def test_files_that_any_tool_reads_prove_themselves(
    source: Source, tmp_path: Path, form: type[Parquet | AvroContainer]
) -> None:
    begun = stopped_halfway(source, FolderTarget(tmp_path, source, form))
    copied = copy(source, FolderTarget(tmp_path, source, form))
    assert copied.before == begun
    assert copied.extent == source.extent()
    entries = [
        entry
        for file in sorted((tmp_path / "journal").iterdir())
        for entry in form(source).read_journal(file)
    ]
    assert [tuple(entry) for entry in entries] == [row[1:] for row in table(source.path, "journal", "entry")]
    files = sorted((tmp_path / "events").iterdir())
    assert len(files) >= 3
    files[1].rename(tmp_path / "gone")
    with pytest.raises(LogDamaged, match="missing"):
        FolderTarget(tmp_path, source, form).extent()


def test_an_avro_container_says_what_each_event_is(source: Source, tmp_path: Path) -> None:
    copy(source, FolderTarget(tmp_path, source, AvroContainer))
    with min((tmp_path / "events").iterdir()).open("rb") as file:
        first = next(iter(reader(file, return_record_name=True)))
    assert isinstance(first, dict)
    assert first["event"][0] == "ledger.log.LogCreated"
    assert first["event"][1]["clock"] == "played"
    schemas = [json.loads(file.read_text()) for file in (tmp_path / "schemas").iterdir()]
    assert "CreditToppedUp" in {schema["name"] for schema in schemas}


def kafka_target(log: KafkaSettings, source: Source, mirrors: Path) -> KafkaTarget:
    from dataclasses import replace

    return KafkaTarget(replace(log, mirrors=mirrors), source, 1)


def test_to_kafka_and_a_writer_goes_on(
    source: Source,
    path: Path,
    new_log: NewLog,  # noqa: F811
    tmp_path: Path,
) -> None:
    log = new_log()
    with closing(kafka_target(log, source, tmp_path / "a")) as target:
        begun = stopped_halfway(source, target)
    with closing(kafka_target(log, source, tmp_path / "b")) as target:
        copied = copy(source, target)
    assert copied.before == begun
    assert copied.extent == source.extent()
    assert seen(log).accounts == in_file(path)
    commands = population(30, 2)
    with writing(log), connected(log) as client:
        again = client.execute(commands[:200])
        assert {outcome.status for outcome in again} <= {"repeated", "refused"}
        assert [outcome.code for outcome in again if outcome.status == "refused"] == [
            outcome.code
            for outcome in again
            if outcome.code in ("invalid", "clock-behind", "idempotency-conflict")
        ]
    assert table(log.mirror(0), "claims", "account, kind, id") == table(path, "claims", "account, kind, id")
    assert verify(log.mirror(0)).clean
    with (
        closing(Source(log.mirror(0))) as back,
        closing(FileTarget(tmp_path / "back.db", back)) as target_file,
    ):
        copy(back, target_file)
    assert in_file(tmp_path / "back.db") == in_file(path)
    as_it_was = table(path, "journal", "entry")
    assert table(tmp_path / "back.db", "journal", "entry")[: len(as_it_was)] == as_it_was
    assert {row[-1] for row in as_it_was} == {None, CLERK}


def test_commands_that_wait_are_not_passed_over(source: Source, new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log()
    with writing(log):
        pass
    (asked, *_) = population(30, 2)
    send(log, (asked.subject.encode(), wire(log, asked), 0))
    with pytest.raises(CopyRefused, match="await an answer"):
        kafka_target(log, source, tmp_path / "m")


def test_what_holds_nothing_is_no_log_to_copy(tmp_path: Path) -> None:
    for partition in range(2):
        make(str(tmp_path / f"mirror-{partition}.db"))
    asked = ("log", "copy", "--from", str(tmp_path / "mirror"), "--to", str(tmp_path / "copies"))
    assert Pulsa(tmp_path).complaint(*asked) == f"copy-refused: {tmp_path / 'mirror'}: there is nothing in it"
    assert not (tmp_path / "copies").exists()


def test_another_log_is_never_gone_on_with(source: Source, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    embedded(other, population(30, 2, seed=2)[:300])
    with closing(FileTarget(other, source)) as target, pytest.raises(CopyRefused, match="not the beginning"):
        copy(source, target)
