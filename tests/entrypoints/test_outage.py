"""The broker stopped and started again beneath every verb that runs until it is stopped: none of them ends."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.local.kafka import LocalKafka
from ledger.local.process import free_port
from ledger.store.kafka.connection import KafkaSettings
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa, Running
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401
from tests.waiting import PATIENCE, until

ISSUE = ("--terms", SP23, "--printed-credit", "5000", "--valid-until", "2060-12-31")


@pytest.fixture
def broker() -> Iterator[LocalKafka]:
    with LocalKafka() as running:
        yield running


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def test_a_broker_stopped_and_started_beneath_them_all(
    broker: LocalKafka,
    kafka_servers: KafkaServers,  # noqa: F811
    tmp_path: Path,
) -> None:
    def log(prefix: str) -> Pulsa:
        settings = KafkaSettings(
            broker.bootstrap_servers, kafka_servers.registry_url, tmp_path, prefix, partitions=1, clock="live"
        )
        views = f"sqlite:///{tmp_path}/{prefix}views.db"
        return on_kafka(tmp_path, settings, PULSA_DATABASE=views, PULSA_LOG=str(tmp_path / f"{prefix}log.db"))

    one, parts = log("one."), log("parts.")
    ports: dict[str, int] = {}
    with ExitStack() as stack:

        def start(verb: str, pulsa: Pulsa, *options: str) -> Running:
            ports[verb] = free_port()
            metrics = ("--metrics", f"127.0.0.1:{ports[verb]}")
            mirrors = {"PULSA_MIRRORS": str(tmp_path / f"{verb}.mirrors")}
            with (tmp_path / f"{verb}.log").open("w") as logged:
                return stack.enter_context(
                    Running(*verb.split(), *options, *metrics, **pulsa.environment | mirrors, stderr=logged)
                )

        def is_ready(verb: str) -> bool:
            return ask(ports[verb], "/readyz")[0] == 200

        def await_ready(verb: str, *, ready: bool = True) -> None:
            until(lambda: is_ready(verb) is ready, lambda: (verb, ask(ports[verb], "/readyz")))

        def await_projected(pulsa: Pulsa, position: str) -> None:
            until(lambda: not pulsa("report", "states", "--at-least", position).exit_code)

        running = {"service run": start("service run", one, "--create", "--every", "0.3")}
        running["service write"] = start("service write", parts, "--create")
        await_ready("service write")
        running["service advance"] = start("service advance", parts, "--every", "0.3")
        running["projections run"] = start("projections run", parts)
        for verb in running:
            await_ready(verb)
        for pulsa in (one, parts):
            pulsa.done("number", "issue", NUMBER, "--command-id", "before", *ISSUE)
        broker.stop()
        for verb in running:
            await_ready(verb, ready=False)
            assert ask(ports[verb], "/healthz") == (200, "OK\n"), verb
        broker.start()
        for pulsa in (one, parts):
            (done,) = pulsa.json(
                "number", "issue", NUMBER.replace("8112", "8113"), "--command-id", "after", *ISSUE
            )
            await_projected(pulsa, done["position"])
        for verb in running:
            await_ready(verb)
            figures = ask(ports[verb], "/metrics")[1]
            assert 'then="wait"' in figures, verb
            assert 'then="stop"' not in figures, verb
        for verb, process in reversed(running.items()):  # a clock waits for a writer's answer
            code, _ = process.stop()
            assert code == 0, (verb, (tmp_path / f"{verb}.log").read_text()[-2000:])
