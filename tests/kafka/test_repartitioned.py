"""A log on Kafka that is given another number of partitions, by the verbs that an operator has."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer

from ledger.application.outcomes import NOT_JOURNALED
from ledger.domain.customer.events import DebtCleared, OthersBlocked
from ledger.domain.customer.events_of_persons import PersonErased
from ledger.domain.prepaid.commands import TransferCredit
from ledger.simulation import CONTRACTS_CAST, PERSONS_CAST
from tests.entrypoints.kafka import on_kafka, patient_doctor
from tests.given import BUNDLED, CONTRACTS, POLICIES
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import all_answered, in_file, of_accounts, population, seen, up_to_transfers
from tests.kafka.test_more_partitions import grow
from tests.waiting import PATIENCE, until

TERMS = [*BUNDLED.values(), *CONTRACTS.values(), *POLICIES.values()]


def test_two_partitions_become_three(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log(partitions=2)
    commands = population(20, 3, contracts=CONTRACTS_CAST, registered=PERSONS_CAST)
    assert any(isinstance(command, TransferCredit) for command in commands)
    with writing(settings, TERMS), connected(settings) as client:
        outcomes = [outcome for piece in up_to_transfers(commands) for outcome in client.execute(piece)]
        until(lambda: all_answered(settings))
    before = seen(settings)
    happened = {topic for events in before.accounts.values() for _, topic, _, _ in events}
    assert happened >= {event.TOPIC for event in (OthersBlocked, DebtCleared, PersonErased)}
    pulsa = on_kafka(tmp_path, settings)
    made = pulsa.json(
        "log", "repartition", "--from", "kafka", "--to", str(tmp_path / "three"), "--partitions", "3"
    )
    assert [one["partition"] for one in made] == [0, 1, 2]
    target = new_log(partitions=3)
    there = on_kafka(tmp_path, target, PULSA_MIRRORS=str(tmp_path / "there"))
    there.json("log", "copy", "--from", str(tmp_path / "three"), "--to", "kafka")
    assert there.json("log", "verify")[0]["clean"]
    after = seen(target)
    assert of_accounts(after.accounts) == of_accounts(before.accounts)
    assert after.balances == before.balances
    assert seen(settings) == before
    with writing(target, TERMS), connected(target) as client:
        again = client.execute(commands)
    for outcome, then in zip(again, outcomes, strict=True):
        if then.code not in NOT_JOURNALED and then.status != "repeated":
            assert (outcome.status, outcome.code, outcome.events) == ("repeated", then.code, then.events)
    assert of_accounts(seen(target).accounts) == of_accounts(before.accounts)


def test_a_log_that_is_gone_comes_back_from_its_mirrors(
    new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_doctor(monkeypatch)
    settings = new_log(partitions=2)
    commands = population(10, 2)
    with writing(settings), connected(settings) as client:
        client.execute(commands)
        until(lambda: all_answered(settings))
    before = seen(settings)
    pulsa = on_kafka(tmp_path, settings)
    assert pulsa.json("log", "verify")[0]["clean"]
    pulsa.json("report", "states")
    mirrors = tmp_path / "asking" / "reader-0"
    target = new_log(partitions=2)
    there = on_kafka(tmp_path, target, PULSA_MIRRORS=str(tmp_path / "there"))
    assert there.complaint("log", "copy", "--from", str(mirrors), "--to", "kafka").startswith("log-missing: ")
    pulsa.json("status")
    alone = tmp_path / "asking" / "projector-0" / f"{settings.prefix}mirror"
    refused = there.complaint("log", "copy", "--from", str(alone), "--to", "kafka")
    assert refused.startswith("copy-refused: ")
    assert "no answer at all" in refused
    there.json("log", "copy", "--from", str(mirrors / f"{settings.prefix}mirror"), "--to", "kafka")
    assert seen(target).accounts == before.accounts
    grow(settings, 4)  # and without mirrors and copies, of topics that were given more partitions
    bare = on_kafka(tmp_path, settings, PULSA_MIRRORS=str(tmp_path / "none"), PULSA_KAFKA_PARTITIONS=None)
    until(lambda: "made with 2 partitions" in bare.complaint("log", "verify"))
    looked = bare("doctor").output
    assert "topic-mismatch: the log was made with 2 partitions" in " ".join(looked.split())
    assert "as the log needs" not in " ".join(looked.split())
    copied = bare.json("log", "copy", "--from", "kafka", "--to", str(tmp_path / "two"))
    assert [(one["partition"], one["events"] > 0) for one in copied] == [(0, True), (1, True)]
    files = [in_file(tmp_path / "two" / f"partition-{partition}.db") for partition in range(2)]
    assert files[0] | files[1] == before.accounts
    with closing(KafkaProducer(bootstrap_servers=settings.bootstrap)) as producer:
        producer.send(settings.events, b"x", b"x", [], 3).get(PATIENCE)
    play = ("log", "repartition", "--from", "kafka", "--to", str(tmp_path / "three"), "--partitions", "3")
    refused = bare.complaint(*play)
    assert refused.startswith("topic-mismatch: ")
    assert "partition 3 was added" in refused
