"""A soak of hostility: hostile records and faults of every kind at once, and the log is what it is without them."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, Outcome
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.prepaid.commands import TransferCredit
from ledger.local.kafka import LocalKafka
from ledger.local.postgres import LocalPostgres
from ledger.local.schema_registry import LocalRegistry
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.registry_api import Registry, RegistryAccess
from ledger.store.partitioning import partition_of
from ledger.store.schemas import RecordSchema
from ledger.wiring.composition import create
from ledger.wiring.mirrors import Followed
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from projections.engine.database import Database
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.kafka.faulty_registry import faulty
from tests.kafka.hostility.answers import Answers
from tests.kafka.hostility.faults import LANES, Fault, Scene
from tests.kafka.hostility.good import NOBODY, Good, workload
from tests.kafka.hostility.hostile import HostileSender
from tests.kafka.hostility.keeping import Kept
from tests.kafka.hostility.records import KINDS, MINE, Author
from tests.kafka.running import connected
from tests.kafka.seen import Accounts, committed, embedded, in_file, of_accounts, seen
from tests.often import TIMES
from tests.projections.projected import contents
from tests.servers import KafkaServers
from tests.waiting import until

PARTITIONS = 3
MONTHS = 2 if TIMES == 1 else 3 * TIMES
"""How long the good sender's population is about: so long that every fault comes while it asks."""
LEFT_OUT = frozenset(filter(None, os.environ.get("PULSA_TEST_WITHOUT", "").split(",")))
"""Kinds of records and faults (by their names) that are to be left out."""
FORGETFUL = {
    "transactional.id.expiration.ms": "4000",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
    "producer.id.expiration.ms": "4000",
    "producer.id.expiration.check.interval.ms": "500",
    "offsets.retention.check.interval.ms": "1000",
}
"""A broker that soon forgets who has been writing."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system with little room, where one can be mounted (that takes root)."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_nothing_that_anybody_sends_and_no_bad_luck_changes_the_log(
    kafka_servers: KafkaServers,
    tmp_path: Path,
    small_disk: Path | None,
    chance: random.Random,
) -> None:
    commands, expected, uninterrupted = asked(chance, tmp_path)
    with scene(kafka_servers.registry_url, tmp_path, small_disk, chance, commands) as there:
        there.good.start()
        suffer(there, LANES)
        there.good.await_answers(len(commands))
        there.hostile.stop()
        check_answers(there)
        check_at_work(there)
        same = [(of_no_place(o), of_no_place(e)) for o, e in zip(there.good.outcomes, expected, strict=True)]
        assert [one for one, other in same if one != other] == []
        everything = seen(there.settings)
        assert goods(everything.accounts) == goods(in_file(uninterrupted))
        assert not [name for name, _ in everything.balances if name.endswith("/in-transit")]
        assert min(there.good.arrived, there.good.returned) > 0
        check_projections(there, tmp_path)
        assert [kept.stop() for kept in (there.service, there.writer)] == [0, 0]
        check_verified(there, everything.events)


def asked(chance: random.Random, folder: Path) -> tuple[list[Command], list[Outcome], Path]:
    """What the good sender asks, its answers where nothing happens, and their log.

    Chance tries again until credit goes to other partitions, and arrives there, and comes back from there.
    """
    for turn in range(100):
        commands, file = workload(chance, 40, MONTHS), folder / f"uninterrupted-{turn}.db"
        expected = embedded(file, commands)
        to_nobody = {
            one.to_msisdn == NOBODY
            for one, outcome in zip(commands, expected, strict=True)
            if isinstance(one, TransferCredit)
            and outcome.status == ACCEPTED
            and partition_of(one.msisdn, PARTITIONS) != partition_of(one.to_msisdn, PARTITIONS)
        }
        if to_nobody == {True, False}:
            return commands, expected, file
    raise AssertionError("chance sends no credit to other partitions")


# --- the scene ------------------------------------------------------------------------------------------------------


@contextmanager
def scene(
    registry: str, folder: Path, small_disk: Path | None, chance: random.Random, commands: list[Command]
) -> Iterator[Scene]:
    with ExitStack() as parts, ThreadPoolExecutor() as pool:
        (folder / "emptied").mkdir()
        starting = pool.submit(parts.enter_context, LocalKafka(folder / "broker", settings=FORGETFUL))
        beside = pool.submit(parts.enter_context, LocalPostgres())
        emptied = parts.enter_context(LocalRegistry(folder / "emptied"))
        broker, database = starting.result(), beside.result()
        other = {"type": "record", "name": "Other", "namespace": "elsewhere", "fields": []}
        Registry(RegistryAccess(emptied.url)).register("elsewhere", RecordSchema(json.dumps(other)))
        gateway = parts.enter_context(faulty(registry))
        settings = KafkaSettings(
            broker.bootstrap_servers,
            registry,
            folder / "mirrors",
            prefix=f"{secrets.token_hex(4)}.",
            partitions=PARTITIONS,
            clock="played",
        )
        common = {
            "PULSA_KAFKA": settings.bootstrap,
            "PULSA_REGISTRY": gateway.url,
            "PULSA_KAFKA_PREFIX": settings.prefix,
            "PULSA_KAFKA_PARTITIONS": str(PARTITIONS),
            "PULSA_CLOCK": "played",
            "PULSA_DATABASE": database.url,
        }
        mirrors = {"service": folder / "service", "writer": (small_disk or folder) / "writer"}
        verbs = {"service": "run", "writer": "write"}
        create(of_the_log(settings, partitions=PARTITIONS))
        service, writer = (
            parts.enter_context(
                Kept(
                    name,
                    ["service", verb, "--instance", name, "--batch", "50"],
                    common | {"PULSA_MIRRORS": str(mirrors[name])},
                    folder,
                )
            )
            for name, verb in verbs.items()
        )
        service.await_serving()
        answers = parts.enter_context(Answers(settings, PARTITIONS))
        good = Good(settings, commands, PARTITIONS, answers)
        author = Author(settings, PARTITIONS, commands[0].at)
        hostile = HostileSender(
            settings,
            author,
            random.Random(chance.random()),
            lambda: list(zip(commands, good.outcomes, strict=False)),
        )
        hostile.left_out |= LEFT_OUT
        parts.enter_context(hostile)
        try:
            yield Scene(
                settings,
                broker,
                gateway,
                emptied.url,
                database,
                small_disk,
                service,
                writer,
                good,
                hostile,
                answers,
                chance,
            )
        except BaseException:
            for kept in (service, writer):
                tell_last_words(kept)
            raise


def of_the_log(log: KafkaSettings, partitions: int | None = None) -> Settings:
    """What `pulsa` is told of where the log is."""
    return Settings(
        kafka=log.bootstrap,
        registry=log.registry,
        kafka_prefix=log.prefix,
        kafka_partitions=partitions,
        clock="played",
    )


def suffer(there: Scene, lanes: tuple[tuple[Fault, ...], ...]) -> None:
    """Every fault as often as chance is tried, spread over all that the good sender asks; the lanes at once."""

    def lane(faults: list[Fault]) -> None:
        for turn, fault in enumerate(faults):
            there.good.await_answers(len(there.good.commands) * turn // (len(faults) + 1))
            tell(f"{fault.__name__} after {len(there.good.outcomes)} answers")
            fault(there)

    shuffled = []
    for faults in lanes:
        turns = [fault for fault in faults if fault.__name__ not in LEFT_OUT] * TIMES
        there.chance.shuffle(turns)
        shuffled.append(turns)
    with ThreadPoolExecutor(len(lanes)) as pool:
        for one in [pool.submit(lane, faults) for faults in shuffled]:
            one.result()


def tell(text: str) -> None:
    """What a failure is to be understood from."""
    sys.stdout.write(f"{text}\n")


def tell_last_words(kept: Kept) -> None:
    """What it logged last, but for the dead commands, of which there are many."""
    said = [line[:300] for line in kept.said() if '"dead command"' not in line]
    tell("\n".join([f"{kept.name} ended: {dict(kept.ends)}, and said last:", *said[-20:]]))


# --- what holds afterwards ------------------------------------------------------------------------------------------


def of_no_place(outcome: Outcome) -> Outcome:
    """Without where it was recorded, and whether it was asked for again: a repeat says what was said at first."""
    status = ACCEPTED if outcome.code is None else REFUSED
    return outcome._replace(
        partition=0, ordinal=0, status=status if outcome.status == REPEATED else outcome.status
    )


def goods(accounts: Accounts) -> Accounts:
    """Without the hostile sender's own."""
    return {name: events for name, events in of_accounts(accounts).items() if not name.startswith(MINE)}


def check_answers(there: Scene) -> None:
    """Every record has its one answer, in its turn; each hostile one says what it should, or lies among the dead."""
    settings = there.settings
    asked = [(record.partition, record.offset) for record in committed(settings, settings.commands)]
    there.answers.until(lambda: all(there.answers.at(*place) for place in asked), "what is left")
    kinds = there.hostile.kinds
    tell(str(dict(kinds)))
    assert kinds.keys() == set(KINDS) - LEFT_OUT
    dead = {
        dict(record.headers)["ledger_command_position"].decode()
        for record in committed(settings, settings.dead)
    }
    wrong: Counter[tuple[str, str | None, str | None]] = Counter()
    for record, partition, offset in there.hostile.sent:
        outcome = there.answers.at(partition, offset)
        assert outcome is not None
        if outcome.code not in record.codes:
            wrong[record.kind, outcome.code, outcome.message] += 1
        if outcome.code == "defect" and f"{partition}:{offset}" not in dead:
            wrong[record.kind, outcome.code, "no dead copy"] += 1
    assert not wrong


def check_at_work(there: Scene) -> None:
    """Nobody is down, nobody ended who should not have, and every partition takes commands."""
    for kept in (there.service, there.writer):
        tell(f"{kept.name} ended: {dict(kept.ends)}")
        until(lambda: kept.runs, lambda: f"{kept.name} is down")  # noqa: B023
        assert kept.wrong == []
    numbers = {partition_of(str(n), PARTITIONS): str(n) for n in range(6299_0000, 6299_0100)}
    at = there.good.commands[0].at
    with connected(there.settings) as client:
        outcomes = client.execute(
            [AdvanceTime(at=at, command_id="last", msisdn=number) for number in numbers.values()]
        )
    assert [outcome.status for outcome in outcomes] == [ACCEPTED] * PARTITIONS


def check_projections(there: Scene, folder: Path) -> None:
    """The service's projections come to have the same rows as those made at once of the whole log."""
    live, whole = Database(there.database.url), Database(f"sqlite:///{folder}/whole.db")
    with closing(live), closing(whole):
        with closing(Followed(replace(there.settings, mirrors=folder / "own"), answers=False)) as mirrors:
            Runner(whole, mirrors.readers(unknown_types=True), PROJECTIONS).catch_up()
        expected = contents(whole)
        until(lambda: contents(live) == expected, lambda: "the projections are not those of the log")


def check_verified(there: Scene, events: int) -> None:
    report = verified(of_the_log(there.settings))
    assert report.clean, report.findings
    assert report.events == events
    assert report.in_transit == 0
