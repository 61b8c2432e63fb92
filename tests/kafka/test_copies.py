"""Three brokers: how many copies a log has is looked at, and does not shrink because a broker is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from ledger.errors import TopicMismatch
from ledger.local.kafka import LocalKafka
from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from tests.waiting import until


def node(number: int, first: LocalKafka, directory: Path) -> LocalKafka:
    """Another broker of the first one's cluster."""
    directory.joinpath("data").mkdir(parents=True)
    stated = dict(
        line.split("=", 1)
        for line in (first.directory / "data" / "meta.properties").read_text().splitlines()
        if "=" in line
    )
    stated |= {"node.id": str(number), "directory.id": uuid4().hex[:22]}
    text = "".join(f"{name}={value}\n" for name, value in stated.items())
    (directory / "data" / "meta.properties").write_text(text)
    voters = f"1@127.0.0.1:{first._controller_port}"
    settings = {
        "node.id": str(number),
        "process.roles": "broker",
        "controller.quorum.voters": voters,
        "listeners": "",
    }
    return Joining(directory, settings=settings)


class Joining(LocalKafka):
    """A broker that is no controller."""

    def _server_settings(self) -> dict[str, str]:
        return super()._server_settings() | {"listeners": f"CLIENT://{self.bootstrap_servers}"}


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[LocalKafka]]:
    with ExitStack() as running:
        first = running.enter_context(LocalKafka(tmp_path / "1"))
        others = [node(number, first, tmp_path / str(number)) for number in (2, 3)]
        yield [first, *(running.enter_context(other) for other in others)]


def await_brokers(admin: KafkaAdminClient, count: int) -> None:
    until(lambda: sum(not one["is_fenced"] for one in admin.describe_cluster()["brokers"]) == count)


def test_copies_are_asked_for_and_looked_at(brokers: list[LocalKafka], tmp_path: Path) -> None:
    log = KafkaSettings(brokers[0].bootstrap_servers, "", tmp_path / "mirrors", partitions=1, create=True)
    admin = KafkaAdminClient(bootstrap_servers=log.bootstrap)
    await_brokers(admin, 3)
    topics.ensure(log)
    for topic in admin.describe_topics([log.events, log.commands, log.replies, log.dead]):
        assert [len(one["replica_nodes"]) for one in topic["partitions"]] == [3]
    topics.ensure(replace(log, replication=3))
    with pytest.raises(
        TopicMismatch, match="has 3 copies of partition 0; PULSA_KAFKA_REPLICATION asks for 2"
    ):
        topics.ensure(replace(log, replication=2))
    alone = replace(log, prefix="alone.", replication=1)
    topics.ensure(alone)
    with pytest.raises(
        TopicMismatch, match="has 1 copies of partition 0; PULSA_KAFKA_REPLICATION asks for 3"
    ):
        topics.ensure(replace(alone, replication=None))
    lax = ConfigResource(ConfigResourceType.TOPIC, log.replies, {"min.insync.replicas": "1"})
    admin.alter_configs([lax])
    with pytest.raises(TopicMismatch, match=r"min.insync.replicas=1; this log needs min.insync.replicas=2"):
        topics.ensure(log)
    brokers[2].stop()
    await_brokers(admin, 2)
    for asked in (None, 3):
        with pytest.raises(
            TopicMismatch, match=r"3 copies .* are asked for .*, and 2 of the brokers are alive"
        ):
            topics.ensure(replace(log, prefix="later.", replication=asked))
    admin.close()
