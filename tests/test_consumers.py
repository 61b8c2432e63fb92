"""What `schemas/README.md` prints for other teams does what it says, exactly as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ledger.local.java import jars, java
from ledger.store.copying import Source, copy
from ledger.store.copying_files import FolderTarget, Parquet
from ledger.store.kafka.connection import KafkaSettings
from ledger.wiring.settings import Settings
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import connected, writing
from tests.kafka.seen import population, seen
from tests.servers import kafka_servers, run_directory  # noqa: F401

_COMPILER = "org.eclipse.jdt:ecj:3.46.0"
"""The Java runtime of the local servers has none."""
_COMPILER_MAIN = "org.eclipse.jdt.internal.compiler.batch.Main"

_README = (Path(__file__).resolve().parents[1] / "schemas" / "README.md").read_text("utf-8")


def printed(language: str) -> str:
    """The first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", _README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def log(new_log: NewLog) -> KafkaSettings:  # noqa: F811
    """A log of two partitions with a population in it."""
    settings = new_log(partitions=2)
    with writing(settings), connected(settings) as client:
        client.execute(population(20, 2))
    return settings


def test_the_python_consumer_is_twenty_lines_and_finds_every_balance(log: KafkaSettings) -> None:
    program = printed("python")
    assert len(program.strip().splitlines()) == 20
    check(run([sys.executable, "-c", program], log), log)


def test_the_java_consumer_finds_every_balance(log: KafkaSettings, tmp_path: Path) -> None:
    named = _README.partition("### In Java")[2].partition("```")[0]
    coordinates = [*re.findall(r"`([\w.]+:[\w-]+:[\d.]+)`", named), _COMPILER]
    artifacts = [coordinate.partition(":")[2].replace(":", "-") for coordinate in coordinates]
    folder = jars("-".join(["java", *artifacts]), *coordinates)
    place = ["-cp", os.pathsep.join([*map(str, folder.iterdir()), str(tmp_path)])]
    source = tmp_path / "Balances.java"
    source.write_text(printed("java"))
    compiling = [_COMPILER_MAIN, "-17", *place, "-d", str(tmp_path), str(source)]
    run(java(*place, *compiling, temporary=tmp_path), log)
    check(run(java(*place, "Balances", temporary=tmp_path), log), log)


def run(command: list[str], log: KafkaSettings) -> str:
    """What a program says that is told where the log is."""
    environment = {"PULSA_KAFKA": log.bootstrap, "PULSA_REGISTRY": log.registry, "TOPIC": log.events}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(said: str, log: KafkaSettings) -> None:
    """Every balance was found, and every event counted."""
    *balances, positions = said.splitlines()
    found = {
        (account, unit): round(float(sum_) * 100) for account, unit, sum_ in (b.split("\t") for b in balances)
    }
    everything = seen(log)
    assert {key: sen for key, sen in found.items() if sen} == everything.balances
    ordinals = [int(position.partition(":")[2]) for position in positions.split()]
    assert sum(ordinals) == everything.events


def test_sql_over_a_copy_finds_every_balance(log: KafkaSettings, tmp_path: Path) -> None:
    from ledger.wiring.mirrors import followed

    folder = tmp_path / "copy"
    settings = Settings(
        kafka=log.bootstrap, registry=log.registry, kafka_prefix=log.prefix, mirrors=tmp_path / "m"
    )
    with followed(settings) as mirrors:
        mirrors.catch_up()
        for reader in mirrors.readers():
            with closing(Source(reader.path, reader.partition)) as source:
                copy(source, FolderTarget(folder, source, Parquet))
    with duckdb.connect() as database:
        rows = database.execute(printed("sql").replace("'copy/", f"'{folder}/")).fetchall()
    found = Counter({(account, unit): round(balance * 100) for account, unit, balance in rows})
    assert dict(found) == seen(replace(log)).balances


def test_each_header_of_an_event_is_explained(log: KafkaSettings) -> None:
    from tests.kafka.seen import committed

    names = {name for record in committed(log, log.events) for name, _ in record.headers}
    assert len(names) >= 9
    for name in names:
        assert f"`{name}`" in _README, name
