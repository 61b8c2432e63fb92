"""Kafka with SASL_SSL and ACLs, as `docs/kafka.md` grants them: writers write, those who ask do not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import TopicAuthorizationFailedError
from kafka.structs import TopicPartition

from ledger.local.kafka import LocalKafka
from ledger.store.kafka.connection import KafkaSettings
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, START, Pulsa, Running
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401
from tests.waiting import PATIENCE

O = ACLOperation  # noqa: E741
DESCRIBED = [O.DESCRIBE, O.DESCRIBE_CONFIGS]
GRANTED = {
    "writer": [
        (ResourceType.TOPIC, "ledger.", [O.READ, O.WRITE, O.CREATE, *DESCRIBED]),
        (ResourceType.GROUP, "ledger-writers", [O.READ]),
        (ResourceType.TRANSACTIONAL_ID, "ledger-writer-", [O.WRITE, O.DESCRIBE]),
        (ResourceType.CLUSTER, "kafka-cluster", [O.DESCRIBE]),
    ],
    "sender": [
        (ResourceType.TOPIC, "ledger.commands", [O.WRITE, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.replies", [O.READ, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.events", [O.READ, *DESCRIBED]),
        (ResourceType.CLUSTER, "kafka-cluster", [O.DESCRIBE]),
    ],
    "asker": [
        (ResourceType.TOPIC, "ledger.commands", DESCRIBED),
        (ResourceType.TOPIC, "ledger.replies", [O.READ, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.events", [O.READ, *DESCRIBED]),
        (ResourceType.CLUSTER, "kafka-cluster", [O.DESCRIBE]),
    ],
    "sweeper": [
        (ResourceType.TOPIC, "ledger.commands", [O.READ, O.DELETE, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.replies", [O.READ, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.events", [O.READ, *DESCRIBED]),
        (ResourceType.CLUSTER, "kafka-cluster", [O.DESCRIBE]),
    ],
    # More than is granted to anybody: who may see the policies' topic, and yet not write it.
    "onlooker": [
        (ResourceType.TOPIC, "ledger.commands", [O.WRITE, *DESCRIBED]),
        (ResourceType.TOPIC, "ledger.policies", [O.READ, *DESCRIBED]),
        (ResourceType.CLUSTER, "kafka-cluster", [O.DESCRIBE]),
    ],
}


WITH_TOKENS = {
    "listener.name.client.sasl.enabled.mechanisms": "PLAIN,OAUTHBEARER",
    "listener.name.client.oauthbearer.sasl.jaas.config": (
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
        ' unsecuredLoginStringClaim_sub="root";'
    ),
}
"""Takes tokens, too: those that nobody has signed, which Kafka's own validator for trying things out believes."""


def token(name: str, *, lasts: float = 3600) -> str:
    """A token of somebody, as an identity provider gives it, but unsigned."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": name, "iat": now - 10, "exp": now + lasts})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{'.'.join(encoded)}."


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    passwords = {name: f"{name}-secret" for name in GRANTED}
    with LocalKafka(users=passwords, settings=WITH_TOKENS) as running:
        admin = KafkaAdminClient(**running.client())
        for name, grants in GRANTED.items():
            for kind, resource, operations in grants:
                exact = kind is ResourceType.CLUSTER
                pattern = ACLResourcePatternType.LITERAL if exact else ACLResourcePatternType.PREFIXED
                where = ResourcePattern(kind, resource, pattern)
                allow = ACLPermissionType.ALLOW
                admin.create_acls(
                    [ACL(f"User:{name}", "*", operation, allow, where) for operation in operations]
                )
        admin.close()
        yield running


@pytest.fixture
def log(broker: LocalKafka, kafka_servers: KafkaServers, tmp_path: Path) -> KafkaSettings:  # noqa: F811
    return KafkaSettings(
        broker.bootstrap_servers,
        kafka_servers.registry_url,
        tmp_path,
        partitions=2,
        clock="played",
        create=True,
    )


def as_user(log: KafkaSettings, broker: LocalKafka, name: str, password: str | None = None) -> Pulsa:
    return on_kafka(
        log.mirrors,
        log,
        PULSA_KAFKA_SECURITY="SASL_SSL",
        PULSA_KAFKA_MECHANISM="PLAIN",
        PULSA_KAFKA_USER=name,
        PULSA_KAFKA_PASSWORD=password or f"{name}-secret",
        PULSA_KAFKA_CA=str(broker.client()["ssl_cafile"]),
        PULSA_MIRRORS=str(log.mirrors / name),
    )


def test_each_may_do_what_it_is_there_for(log: KafkaSettings, broker: LocalKafka) -> None:
    writer, sender, asker = (as_user(log, broker, name) for name in ("writer", "sender", "asker"))
    with Running("service", "write", "--create", **writer.environment) as running:
        for _ in range(2):
            running.logged('"serving"')
        sender.active()
        assert asker.json("enquiry", NUMBER, "--now", START)[0]["credit"] == "5000"
        assert asker.json("log", "verify")[0]["clean"]
        refused = asker("number", "advance", NUMBER, "--now", START)
        assert refused.exit_code == 2
        assert len(refused.stderr.splitlines()) == 1
        _only_who_sweeps_deletes(log, broker)
        assert running.stop()[0] == 0


def _only_who_sweeps_deletes(log: KafkaSettings, broker: LocalKafka) -> None:
    """Who may not hears so by its code, once all else is swept."""
    keys = {"PULSA_VAULT_KEY": str(log.mirrors / "vault.key"), "PULSA_COMMANDS_DAYS": "0"}
    as_user(log, broker, "asker").done("vault", "new-key", keys["PULSA_VAULT_KEY"])
    sweep = ("vault", "sweep", "--json", "--now", START)
    refused = as_user(log, broker, "writer")(*sweep, **keys)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("pulsa: deletion-refused: ledger.commands: ")
    assert json.loads(refused.stdout)["topics"] == []
    (done,) = as_user(log, broker, "sweeper").json("vault", "sweep", "--now", START, **keys)
    assert {one["topic"] for one in done["topics"]} == {log.commands}


@pytest.mark.parametrize("name", ["sender", "asker", "onlooker"])
def test_only_writers_write_what_only_the_ledger_says(
    log: KafkaSettings, broker: LocalKafka, name: str
) -> None:
    as_user(log, broker, "writer")("log", "create")  # another test may have made it
    whole = [TopicPartition(log.policies, partition) for partition in range(2)]
    sent: tuple[Any, ...] = (log.policies, b"credit of nothing", b"6288112345678", [], 0)
    with closing(KafkaConsumer(**broker.client())) as root:
        before = root.end_offsets(whole)
        with (
            closing(KafkaProducer(**broker.client(name), max_block_ms=int(PATIENCE * 1000))) as producer,
            pytest.raises(TopicAuthorizationFailedError),
        ):
            producer.send(*sent).get(PATIENCE)
        assert root.end_offsets(whole) == before
        with closing(KafkaProducer(**broker.client("writer"))) as producer:
            producer.send(*sent).get(PATIENCE)
        assert root.end_offsets(whole) != before


@pytest.mark.parametrize(
    "verb",
    [
        (
            "report",
            "states",
        ),
        (
            "service",
            "write",
        ),
    ],
)
def test_wrong_credentials_are_one_line(
    log: KafkaSettings, broker: LocalKafka, verb: tuple[str, ...]
) -> None:
    complaint = as_user(log, broker, "writer", "wrong").complaint(*verb)
    assert complaint.startswith("log-unreachable: ")


def test_the_wrong_protocol_is_one_line(log: KafkaSettings) -> None:
    complaint = on_kafka(log.mirrors, replace(log)).complaint("report", "states")
    assert complaint.startswith("log-unreachable: ")
    assert "PLAINTEXT" in complaint


def by_token(log: KafkaSettings, broker: LocalKafka, name: str) -> tuple[Pulsa, Path]:
    """Whoever shows a token, and the file that it is in."""
    file = log.mirrors / f"{name}.token"
    file.write_text(f"{token(name)}\n")
    plain = as_user(log, broker, name)
    own = {"PULSA_KAFKA_MECHANISM": "OAUTHBEARER", "PULSA_KAFKA_TOKEN_FILE": str(file)}
    without = dict.fromkeys(("PULSA_KAFKA_USER", "PULSA_KAFKA_PASSWORD"))
    return Pulsa(log.mirrors, **plain.environment | own | without), file


def test_a_token_opens_what_a_password_does_and_is_read_anew_for_each_connection(
    log: KafkaSettings, broker: LocalKafka
) -> None:
    writer, _ = by_token(log, broker, "writer")
    asker, file = by_token(log, broker, "asker")
    assert writer("log", "create").exit_code in (0, 2)  # another test may have made it

    def is_answered() -> bool:
        said = asker("report", "states", "--now", START)
        return not said.exit_code or "before-the-log" in said.output

    assert is_answered()
    file.write_text(token("asker", lasts=-5))
    assert asker.complaint("report", "states", "--now", START).startswith("log-unreachable: ")
    file.write_text("")
    assert "holds no token" in asker.complaint("report", "states", "--now", START)
    file.write_text(token("asker"))
    assert is_answered()
    assert "PULSA_KAFKA_TOKEN_FILE" in asker.complaint("report", "states", PULSA_KAFKA_TOKEN_FILE=None)
