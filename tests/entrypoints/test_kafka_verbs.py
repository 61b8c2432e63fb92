"""Every verb over Kafka: commands by the topic, questions by mirrors, the same answers as of a log in a file."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from ledger import terms
from ledger.simulation import commands
from ledger.store.kafka import connection
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.partitioning import partition_of
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, OTHER, START, Pulsa, Running
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import writing
from tests.servers import kafka_servers, run_directory  # noqa: F401
from tests.waiting import until

LATER = "2025-01-01T00:00:00Z"
MONTH_LATER = "2023-08-10T10:00:00+07:00"
LONG = ("--credit", "100000", "--price", "110000", "--channel", "app", "--now", "2023-07-20T10:00:00+07:00")
DEARER = Path(terms.__file__).with_name("smartfren-prepaid-2023.toml").read_text().replace('"909"', '"1009"')
TEN_SECONDS = 10_000
HASTY = "10"
"""Seconds: enough for a broker to take a command, and nobody answers it."""
TOP_UP = ("--credit", "10000", "--price", "11000", "--channel", "app", "--now", START)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The writer beside the test says nothing where `pulsa` prints its answers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_population_gives_the_answers_that_a_file_gives(
    new_log: NewLog,  # noqa: F811
    pulsa: Pulsa,
    partitions: int,
) -> None:
    log = new_log(partitions=partitions)
    over = on_kafka(pulsa.folder, log)
    lines = [record for record in commands(20, 2, 1) if record["command"] != "TransferCredit"]
    file = pulsa.file("commands.jsonl", *(msgspec.json.encode(line) for line in lines))
    with writing(log):
        summaries = [each.json("ingest", file)[0] for each in (over, pulsa)]
        for name in ("seconds", "commands_per_second"):
            for summary in summaries:
                del summary[name]
        assert summaries[0] == summaries[1]
        for question in (
            (
                "report",
                "trial-balance",
            ),
            (
                "report",
                "states",
            ),
            (
                "report",
                "in-transit",
            ),
            ("enquiry", "--all"),
        ):
            answers = [without_position(each.json(*question, "--now", LATER)) for each in (over, pulsa)]
            assert answers[0] == answers[1], question
        digests = [sorted(line["digest"] for line in numbers(each)) for each in (over, pulsa)]
        assert digests[0] == digests[1]
        dearer = pulsa.file("dearer.toml", DEARER.encode())
        reports = [each.json("log", "replay", "--terms", dearer)[0] for each in (over, pulsa)]
        assert reports[0]["totals"]
        for part in ("numbers", "accounts", "totals", "refused"):
            assert sorted_rows(reports[0][part]) == sorted_rows(reports[1][part]), part
        ticks = over.json("log", "advance", "--now", LATER)
        assert [tick["position"].partition(":")[0] for tick in ticks] == [str(p) for p in range(partitions)]
        assert over.json("report", "trial-balance", "--now", LATER, "--known-at", "2024-12-31T00:00:00Z")[0][
            "final"
        ]
        assert over.json("log", "verify")[0]["clean"]
        again = [each.json("log", "replay")[0] for each in (over, pulsa)]
        assert [one["empty"] for one in again] == [True, True]
        assert again[0]["commands"] >= again[1]["commands"] > 0


def numbers(pulsa: Pulsa) -> list[dict[str, Any]]:
    return [line for line in pulsa.json("log", "events") if line["account"][:1].isdigit()]


def sorted_rows(part: Any) -> Any:
    return sorted(part, key=lambda row: row["account"]) if isinstance(part, list) else part


def without_position(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in answer.items() if name != "position"} for answer in answers]


def test_a_transfer_to_another_partition_arrives(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log(partitions=4)
    pulsa = on_kafka(tmp_path, log)
    with writing(log):
        for number in (NUMBER, OTHER):
            pulsa.active(number, credit="50000")
            pulsa.done("credit", "top-up", number, "--command-id", "long", *LONG)
        send = ("--to-msisdn", OTHER, "--amount", "10000", "--command-id", "send")
        (sent,) = pulsa.json("credit", "transfer", NUMBER, *send, "--now", MONTH_LATER)
        assert sent["status"] == "accepted", sent
        in_transit = ("report", "in-transit", "--now", MONTH_LATER)
        until(lambda: pulsa.json(*in_transit) == [])  # it comes in its own time
        (found,) = pulsa.json("enquiry", OTHER, "--now", MONTH_LATER)
        assert found["credit"] == "160000"
        assert found["position"].partition(":")[0] != sent["position"].partition(":")[0]
        assert pulsa.json("balance", f"{NUMBER}#1/in-transit", "--now", MONTH_LATER)[0]["amount"] == "0"
        (told,) = pulsa.json("log", "outcome", NUMBER, "send", "--now", MONTH_LATER)
        assert (told["status"], told["principal"]) == ("accepted", None), "a record does not tell who sent it"
        assert pulsa.json("log", "verify")[0]["clean"]
        (again,) = pulsa.json("log", "replay")
        assert again["empty"], again


def test_a_command_that_is_not_answered_can_be_asked_again(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log()
    pulsa = on_kafka(tmp_path, log)
    with writing(log):
        pulsa.active()
    hasty = on_kafka(tmp_path, log, PULSA_TIMEOUT=HASTY)
    result = hasty("credit", "top-up", NUMBER, *TOP_UP, "--command-id", "again", "--json")
    assert result.exit_code == 2
    outcome = json.loads(result.stdout)
    assert outcome["status"] == "unknown"
    assert "send it again with command_id 'again'" in outcome["refusal"]["message"]
    with writing(log):
        (again,) = pulsa.json("credit", "top-up", NUMBER, *TOP_UP, "--command-id", "again")
        assert again["status"] == "repeated"
        assert pulsa.json("enquiry", NUMBER, "--now", START)[0]["credit"] == "15000"


def test_files_that_are_not_answered_say_so(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log()
    with writing(log):
        on_kafka(tmp_path, log).active()
    hasty = on_kafka(tmp_path, log, PULSA_TIMEOUT=HASTY)
    file = hasty.file(
        "one.jsonl", {"command": "AdvanceTime", "command_id": "a", "at": START, "msisdn": NUMBER}
    )
    result = hasty("ingest", file, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["unknown"] == 1
    assert "pulsa: unknown: 1 command not answered in time" in result.stderr


@pytest.mark.parametrize(
    "verb",
    [
        (
            "report",
            "states",
        ),
        ("number", "advance", NUMBER, "--now", START),
        (
            "service",
            "write",
        ),
    ],
)
def test_a_broker_that_is_not_there_is_one_line(
    pulsa: Pulsa, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And soon: no client waits longer than it may, and few wait one after the other."""
    longest, made = connection.BOOTSTRAP_TIMEOUT_MS, 0
    arguments = KafkaSettings.arguments

    def counted(settings: KafkaSettings) -> dict[str, Any]:
        nonlocal made
        made += 1
        return arguments(settings)

    monkeypatch.setattr(KafkaSettings, "arguments", counted)
    monkeypatch.setattr(connection, "BOOTSTRAP_TIMEOUT_MS", 100)
    complaint = pulsa.complaint(*verb, PULSA_KAFKA="127.0.0.1:1", PULSA_REGISTRY="http://127.0.0.1:1")
    assert 0 < made * longest < TEN_SECONDS
    assert complaint.startswith("log-unreachable: Kafka at 127.0.0.1:1: no broker answers")


def test_settings_that_cannot_be_are_one_line(pulsa: Pulsa) -> None:
    broker = {"PULSA_KAFKA": "127.0.0.1:1", "PULSA_REGISTRY": "http://127.0.0.1:1"}
    for wrong, named in (
        ({"PULSA_KAFKA_SECURITY": "TLS"}, "PULSA_KAFKA_SECURITY"),
        ({"PULSA_KAFKA_SECURITY": "SASL_SSL"}, "PULSA_KAFKA_USER, PULSA_KAFKA_PASSWORD"),
        ({"PULSA_KAFKA_USER": "somebody"}, "PULSA_KAFKA_USER"),
        ({"PULSA_KAFKA_SECURITY": "SSL", "PULSA_KAFKA_CA": "/nowhere.pem"}, "PULSA_KAFKA_CA"),
        ({"PULSA_REGISTRY": None}, "PULSA_REGISTRY"),
    ):
        complaint = pulsa.complaint("report", "states", **(broker | wrong))
        assert complaint.startswith(f"settings-invalid: {named}: "), complaint


def test_a_log_that_no_writer_has_made_is_missing(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    complaint = on_kafka(tmp_path, new_log()).complaint("report", "states")
    assert complaint.startswith("log-missing: ")


def test_every_partition_of_the_log_is_followed(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log(partitions=3)
    pulsa = on_kafka(tmp_path, log)
    by_partition = {
        partition_of(number, 3): number for number in map(str, range(6288110000000, 6288110000050))
    }
    first, *others = by_partition.values()
    with writing(log):
        pulsa.active(first)
        apart = {"PULSA_MIRRORS": str(tmp_path / "following")}
        with Running("log", "events", "--follow", "--json", **(pulsa.environment | apart)) as following:
            begun = [json.loads(following.line()) for _ in pulsa.events()]
            for number in others:
                pulsa.active(number)
            written = pulsa.events()
            seen = begun + [json.loads(following.line()) for _ in range(len(begun), len(written))]
            assert following.stop(signal.SIGINT) == (0, "")
    assert len({event["position"].partition(":")[0] for event in written}) == len(by_partition)
    assert sorted(event["position"] for event in seen) == sorted(event["position"] for event in written)


def test_projections_are_made_of_the_events_alone(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log(partitions=2)
    pulsa = on_kafka(tmp_path, log, PULSA_MIRRORS=str(tmp_path / "mirrors"))
    views = {"PULSA_DATABASE": f"sqlite:///{tmp_path / 'views.db'}"}
    with writing(log):
        for number in (NUMBER, OTHER):
            pulsa.active(number)
        assert pulsa.json("projections", "run", "--once", **views) == [{"events": len(pulsa.events())}]
        pulsa.done("credit", "top-up", NUMBER, "--command-id", "more", *TOP_UP)
        assert pulsa.json("projections", "run", "--once", **views) == [{"events": 1}]
        asked = ("enquiry", "--all", "--now", MONTH_LATER)
        assert pulsa.json(*asked, **views) == pulsa.json(*asked)
        assert all(one["equal"] for one in pulsa.json("projections", "rebuild", "--check", **views))
    events = 0
    for mirror in (tmp_path / "mirrors" / "projector-0").glob("*.db"):
        with closing(sqlite3.connect(mirror)) as connection:
            events += connection.execute("SELECT count(*) FROM stored_events").fetchone()[0]
            assert connection.execute("SELECT count(*) FROM journal").fetchone()[0] == 0
    assert events == len(pulsa.events())
