"""The verbs that run until they are stopped, as processes of their own."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from ledger.domain.customer.commands_of_persons import RegisterCustomer
from ledger.domain.prepaid.commands import TopUp
from ledger.entrypoints.cli import serving
from ledger.entrypoints.cli.service import Service
from ledger.entrypoints.clock import ClockRefused
from ledger.entrypoints.supervising import Supervisor
from ledger.local.process import free_port
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.partitioning import partition_of
from ledger.wiring.composition import create
from ledger.wiring.settings import Settings
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa, Running
from tests.given import PERSON, Story
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import connected
from tests.servers import kafka_servers, run_directory  # noqa: F401
from tests.waiting import PATIENCE, until

PLANTED = {
    "name": "Bagaskara Quetzalcoatl",
    "identity-number": "3273010101900001",
    "email": "b.quetzalcoatl@example.net",
    "bank-account": "9988776655443322",
}
_CLOSED = "\nledger_closed_through_seconds"


def ends_of(log: KafkaSettings) -> dict[TopicPartition, int]:
    """How much has been written to each topic of a log, the ends of transactions included."""
    topics = (log.commands, log.policies, log.events, log.replies, log.dead)
    with closing(KafkaConsumer(bootstrap_servers=log.bootstrap)) as consumer:
        places = [TopicPartition(topic, p) for topic in topics for p in consumer.partitions_for_topic(topic)]
        return dict(consumer.end_offsets(places))


def test_pulsa_kafka_says_where_it_is_and_ends_with_ctrl_c() -> None:
    with Running("service", "kafka") as servers:
        stated = dict(servers.line().strip().split("=", 1) for _ in range(2))
        assert set(stated) == {"PULSA_KAFKA", "PULSA_REGISTRY"}
        admin = KafkaAdminClient(bootstrap_servers=stated["PULSA_KAFKA"])
        assert admin.list_topics() == []
        admin.close()
        with urllib.request.urlopen(f"{stated['PULSA_REGISTRY']}/subjects") as answer:
            assert json.load(answer) == []
        assert servers.stop(signal.SIGINT)[0] == 0


def figures_at(port: int) -> str:
    """What `/metrics` says by now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def _planted(pulsa: Pulsa, log: KafkaSettings) -> None:
    """A person at the doors of a service: registered; in a text that is free; and in what is no command."""
    policy = ("--terms", "privacy-smarty", "--source", "gallery")
    pulsa.done("customer", "register", PERSON, "--values", "-", *policy, feed=json.dumps(PLANTED))
    story, now = Story(None), time.time_ns() // 1000
    top_up = story.command(TopUp, now, credit=100_000, channel=PLANTED["email"])
    told = story.command(RegisterCustomer, now, customer="customer/quetzalcoatl", fields=["name"])
    with connected(log) as client:
        assert [one.code for one in client.execute([top_up, told])] == ["invalid"] * 2
    place = partition_of(NUMBER, 2)
    with closing(KafkaProducer(bootstrap_servers=log.bootstrap)) as producer:
        producer.send(log.commands, json.dumps(PLANTED).encode(), NUMBER.encode(), partition=place)


def test_serve_decides_ticks_counts_and_logs_without_persons(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    log = new_log(partitions=2, clock="live")
    pulsa = on_kafka(tmp_path, log, PULSA_VAULT_KEY=str(tmp_path / "vault.key"))
    pulsa.done("vault", "new-key", str(tmp_path / "vault.key"))
    port = free_port()
    database = {"PULSA_DATABASE": f"sqlite:///{tmp_path}/views.db"}
    environment = pulsa.environment | database | {"PULSA_MIRRORS": str(tmp_path / "serving")}
    options = ("--every", "0.2", "--metrics", f"127.0.0.1:{port}", "--log-level", "debug")
    with Running("service", "run", "--create", *options, **environment) as service:
        for _ in range(2):
            service.logged('"serving"')
        issue = ("--terms", SP23, "--printed-credit", "5000", "--valid-until", "2060-12-31")
        pulsa.done("number", "issue", NUMBER, "--command-id", "pack-1", *issue)
        person = ("--channel", "sms-4444", "--customer", "customer-17", "--registration", "verified")
        (done,) = pulsa.json("number", "activate", NUMBER, "--command-id", "act-1", *person)
        service.logged('"act-1"')
        _planted(pulsa, log)
        service.logged('"dead command"')
        service.logged('"tick"')
        assert pulsa.json("enquiry", NUMBER)[0]["credit"] == "5000"
        ask = ("balance", f"{NUMBER}#1/credit", "--at-least", done["position"], "--csv")
        while (projected := pulsa(*ask, **database)).exit_code:
            assert "projection-behind" in projected.output
        assert "5000" in projected.stdout
        until(lambda: _CLOSED in figures_at(port))
        until(lambda: "ledger_limits_breached" in figures_at(port))
        figures = figures_at(port)
        until(lambda: _is_at_rest(service, log), lambda: "it writes on, where nothing happens any more")
        code, rest = service.stop()
    assert code == 0, rest
    assert 'status="accepted"' in figures
    assert 'ledger_transit_transfers{age="older"} 0.0' in figures
    for name in ("ledger_batch_commands_count", "ledger_transaction_seconds_count", "ledger_commands_waiting",
                 "ledger_take_over_seconds_count", "ledger_dead_commands_total", "ledger_writer_fenced_total",
                 "ledger_mirror_position"):  # fmt: skip
        assert f"\n{name}" in figures, name
    assert re.search(r"\nledger_dead_commands_total\{[^}]*\} 1\.0", figures)
    assert sum(map(float, re.findall(r'\nledger_commands_total\{code="invalid"[^}]*\} (.+)', figures))) == 2
    everything = "".join(service.lines) + rest
    named = [NUMBER, "customer-17", PERSON, *PLANTED.values()]
    assert not [one for one in named if one in everything or one in figures]
    for line in everything.splitlines():
        assert {"event", "level", "timestamp"} <= json.loads(line).keys()


def _is_at_rest(service: Running, log: KafkaSettings) -> bool:
    """Whether it ticks several times and writes nothing: no closing, command, answer or end of a transaction.

    What it has logged so far may not have been read yet.
    """
    before, since, ticks = ends_of(log), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"), 0
    while ticks < 5:
        ticks += json.loads(service.logged('"tick"'))["timestamp"] > since
    return ends_of(log) == before


def test_a_clock_is_not_as_patient_as_others_are_told_to_be(
    new_log: NewLog,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would hear of it that long: it says that it is refused, and asks again by itself."""
    monkeypatch.setattr(serving, "_CLOCK_WAITS", 5.0)
    log = new_log()
    settings = Settings(
        kafka=log.bootstrap,
        registry=log.registry,
        kafka_prefix=log.prefix,
        mirrors=tmp_path / "clock",
        timeout=PATIENCE,
    )
    create(settings)
    supervisor = Supervisor(threading.Event())
    supervisor.health.expects("clock")
    service = Service(supervisor, supervisor.health, CollectorRegistry(), answers=False)
    with (
        serving._clock(settings, 0.1, service).make() as step,
        pytest.raises(ClockRefused, match=r"no answer within 5 s"),
    ):
        step()
