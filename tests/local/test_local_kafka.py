"""The broker of this machine, as its clients see it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from ledger.local.kafka import LocalKafka
from ledger.local.process import ServerFailed


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("broker")) as running:
        yield running


def create_topic(client: dict[str, str], topic: str) -> TopicPartition:
    with KafkaAdminClient(**client) as admin:
        admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    return TopicPartition(topic, 0)


def producer(client: dict[str, str]) -> KafkaProducer:
    transactional = KafkaProducer(**client, transactional_id="writer", retry_backoff_ms=1)
    transactional.init_transactions()
    return transactional


def write(client: dict[str, str], partition: TopicPartition, *values: bytes) -> None:
    with producer(client) as transactional:
        transactional.begin_transaction()
        for value in values:
            transactional.send(partition.topic, value)
        transactional.commit_transaction()


def read(client: dict[str, str], partition: TopicPartition) -> list[bytes]:
    """Everything that was committed up to now.

    `commit_transaction` returns when the outcome is decided; a moment later the partition shows it. So the end is
    that of all records, and the reader waits there for their outcome.
    """
    with KafkaConsumer(**client) as observer:
        end = observer.end_offsets([partition])[partition]
    with KafkaConsumer(**client, isolation_level="read_committed") as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        values = []
        while consumer.position(partition) < end:
            for records in consumer.poll(timeout_ms=1000).values():
                values += [record.value for record in records]
        return values


def test_a_committed_transaction_is_read_and_an_aborted_one_is_not(broker: LocalKafka) -> None:
    partition = create_topic(broker.client(), "transactions")
    with producer(broker.client()) as transactional:
        transactional.begin_transaction()
        transactional.send(partition.topic, b"aborted").get()
        transactional.abort_transaction()
        transactional.begin_transaction()
        transactional.send(partition.topic, b"committed").get()
        transactional.commit_transaction()
    assert read(broker.client(), partition) == [b"committed"]


def test_consumed_offsets_are_committed_with_what_was_made_of_them(broker: LocalKafka) -> None:
    commands, events = (create_topic(broker.client(), topic) for topic in ("commands", "events"))
    write(broker.client(), commands, b"top up")
    settings = {
        "group_id": "writers",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",  # `committed` too then waits for the outcome
    }
    with (
        KafkaConsumer(commands.topic, **broker.client(), **settings) as consumer,
        producer(broker.client()) as transactional,
    ):
        command = next(consumer)
        transactional.begin_transaction()
        transactional.send(events.topic, b"topped up")
        offsets = {commands: OffsetAndMetadata(command.offset + 1, "", -1)}
        transactional.send_offsets_to_transaction(offsets, consumer.group_metadata())
        transactional.commit_transaction()
        assert consumer.committed(commands) == command.offset + 1
    assert read(broker.client(), events) == [b"topped up"]


@pytest.mark.parametrize("end", [LocalKafka.stop, LocalKafka.kill])
def test_what_was_committed_is_there_when_the_broker_comes_back(
    broker: LocalKafka, end: Callable[[LocalKafka], None]
) -> None:
    partition = create_topic(broker.client(), f"before-{end.__name__}")
    write(broker.client(), partition, b"before")
    address = broker.bootstrap_servers
    end(broker)
    assert not broker.is_running
    broker.start()
    assert broker.bootstrap_servers == address
    write(broker.client(), partition, b"after")
    assert read(broker.client(), partition) == [b"before", b"after"]


def test_a_client_that_stayed_connected_goes_on_when_the_broker_comes_back(broker: LocalKafka) -> None:
    partition = create_topic(broker.client(), "patience")
    with producer(broker.client()) as transactional:
        transactional.begin_transaction()
        transactional.send(partition.topic, b"before")
        transactional.commit_transaction()
        broker.stop()
        broker.start()
        transactional.begin_transaction()
        transactional.send(partition.topic, b"after")
        transactional.commit_transaction()
    assert read(broker.client(), partition) == [b"before", b"after"]


def test_another_object_finds_the_data_of_the_directory(tmp_path: Path) -> None:
    with LocalKafka(tmp_path) as first:
        partition = create_topic(first.client(), "inherited")
        write(first.client(), partition, b"left behind")
        assert read(first.client(), partition) == [
            b"left behind"
        ]  # its outcome is in the partition, not only decided
    with LocalKafka(tmp_path) as second:
        assert read(second.client(), partition) == [b"left behind"]


def test_a_topic_is_not_made_by_writing_to_it(broker: LocalKafka) -> None:
    with KafkaProducer(**broker.client(), max_block_ms=500) as careless, pytest.raises(KafkaTimeoutError):
        careless.send("mistyped", b"")
    with KafkaAdminClient(**broker.client()) as admin:
        assert "mistyped" not in admin.list_topics()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"Invalid value soon for configuration log\.retention\.ms"):
        LocalKafka(tmp_path, settings={"log.retention.ms": "soon"}).start()


def test_with_users_only_what_an_acl_allows_is_done() -> None:
    with LocalKafka(users={"writer": "w-1", "stranger": "s.2"}) as broker:
        partition = create_topic(broker.client(), "guarded")
        resources = [(ResourceType.TOPIC, partition.topic), (ResourceType.TRANSACTIONAL_ID, "writer")]
        with KafkaAdminClient(**broker.client()) as admin:
            admin.create_acls(
                [
                    ACL(
                        "User:writer",
                        "*",
                        ACLOperation.ALL,
                        ACLPermissionType.ALLOW,
                        ResourcePattern(*resource),
                    )
                    for resource in resources
                ]
            )
        write(broker.client("writer"), partition, b"allowed")
        assert read(broker.client("writer"), partition) == [b"allowed"]
        with (
            KafkaProducer(**broker.client("stranger")) as stranger,
            pytest.raises(TopicAuthorizationFailedError),
        ):
            stranger.send(partition.topic, b"not allowed").get()
        broker.kill()
        broker.start()
        assert read(broker.client("writer"), partition) == [b"allowed"]


def test_a_password_that_a_settings_file_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        LocalKafka(users={"writer": 'quo"te'})
