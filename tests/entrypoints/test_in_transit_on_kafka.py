"""Transfers whose other half is gone with the policies' topic, or was left elsewhere: brought on, once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from ledger.domain.line.commands import AdvanceTime
from ledger.domain.prepaid.commands import TransferCredit
from ledger.entrypoints.kafka.served_partition import OwnedPartition
from ledger.entrypoints.kafka.watching import Watch
from ledger.store.kafka import topics
from ledger.store.kafka.connection import POLICIES, KafkaSettings
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import Pulsa
from tests.entrypoints.test_dead import MONTH_LATER, NOBODY_KNOWS, quiet, two, waiting  # noqa: F401
from tests.entrypoints.test_in_transit import RESEND, types
from tests.given import BUNDLED, at
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed
from tests.kafka.test_policies_topic import answers, send
from tests.servers import kafka_servers, run_directory  # noqa: F401

THEN = at(MONTH_LATER)


class Told(Watch):
    """What a writer says of the topic of policies."""

    def __init__(self) -> None:
        self.replaced: list[int] = []

    def policies_replaced(self, partition: int) -> None:
        self.replaced.append(partition)


def serve(settings: KafkaSettings, partition: int, topic: str) -> None:
    """Decides what lies in one topic of a partition and was not answered, and nothing else."""
    ids, place = schema_ids(settings), topics.ensure(settings)
    owned = OwnedPartition(settings, ids, list(BUNDLED.values()), partition, place.partitions)
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, group_id=f"{settings.prefix}by-hand")
    with closing(owned), closing(consumer):
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        consumer.seek(tp, owned.next_of(topic))
        end = consumer.end_offsets([tp])[tp]
        while consumer.position(tp) < end:
            records = consumer.poll(timeout_ms=500).get(tp)
            if records:
                owned.serve(records, consumer.group_metadata())


def lose_policies(settings: KafkaSettings) -> list[Any]:
    """The policies' topic is deleted, and made again with nothing in it. Returns what lay there."""
    lost = list(committed(settings, settings.policies))
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_topics([settings.policies])
    while settings.policies in admin.list_topics():
        pass
    admin.close()
    topics.ensure(settings)
    return lost


def still_come(settings: KafkaSettings, lost: list[Any], *, topic: str | None = None) -> None:
    """What was lost comes after all, on its topic or on another."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for one in lost:
        producer.send(topic or settings.policies, one.value, one.key, one.headers, one.partition)
    producer.flush()
    producer.close()


def looked_after(settings: KafkaSettings, *numbers: str) -> None:
    """Returns once the partitions of these numbers have answered all that lay in the policies' topic."""
    with connected(settings) as client:
        asked = [AdvanceTime(at=THEN, command_id="after", msisdn=number) for number in numbers]
        assert {one.status for one in client.execute(asked, source=POLICIES)} <= {"accepted", "repeated"}


def sending(sender: str, receiver: str, name: str) -> TransferCredit:
    return TransferCredit(at=THEN, command_id=name, msisdn=sender, to_msisdn=receiver, amount=2_000_000)


def test_what_is_gone_with_its_topic_arrives_or_returns_once(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    settings = new_log(partitions=2)
    numbers = [f"62881123456{n:02}" for n in range(30)]
    sender = next(number for number in numbers if partition_of(number, 2) == 0)
    receiver, nobody = [number for number in numbers if partition_of(number, 2) == 1][:2]
    pulsa = on_kafka(tmp_path, settings)
    with writing(settings):
        two(pulsa, sender, receiver)
    # One is refused, and what returns it waits; one waits to be received.
    send(settings, settings.commands, sending(sender, nobody, "to-nobody"))
    serve(settings, 0, settings.commands)
    serve(settings, 1, settings.policies)
    send(settings, settings.commands, sending(sender, receiver, "gift"))
    serve(settings, 0, settings.commands)
    keys = {
        number.encode() for number in (sender, receiver, nobody)
    }  # customers are told of activations, too
    lost = [one for one in lose_policies(settings) if one.key in keys]
    assert len(lost) == 3
    # As earlier releases left it.
    (left,) = [one for one in lost if one.key == receiver.encode()]
    still_come(settings, [left], topic=settings.commands)

    told = Told()
    with writing(settings, watch=told):
        assert sorted(told.replaced) == [0, 1]
        looked_after(settings, sender, receiver)
        assert waiting(pulsa) == ["20000", "20000"]
        listed = pulsa.json(*RESEND, "--dry-run", *NOBODY_KNOWS)
        assert {one["to_msisdn"]: one["command"] for one in listed} == {
            nobody: "ReturnCreditTransfer",
            receiver: "ReceiveCreditTransfer",
        }
        sent = pulsa.json(*RESEND, *NOBODY_KNOWS)
        assert [one["outcome"]["status"] for one in sent] == ["accepted", "accepted"]
        assert waiting(pulsa) == []
        assert pulsa.json(*RESEND, *NOBODY_KNOWS) == []
        still_come(settings, lost)
        looked_after(settings, sender, receiver)
        assert ended(pulsa) == ["CreditTransferReceived", "CreditTransferReturned"]
        report = pulsa.json("log", "verify")[0]
        assert (report["clean"], report["in_transit"]) == (True, 0)
    with writing(settings, watch=(again := Told())):
        assert again.replaced == []


def ended(pulsa: Pulsa) -> list[str]:
    return sorted(kind for kind in types(pulsa) if kind != "CreditTransferSent")


def test_a_topic_made_anew_is_read_from_its_beginning_whatever_mirror_there_is(
    new_log: NewLog,  # noqa: F811
    tmp_path: Path,
) -> None:
    settings = new_log()
    (number, other) = ("6288112345678", "6288187654321")
    with writing(settings), connected(settings) as client:
        said = [AdvanceTime(at=THEN, command_id=f"{n}", msisdn=number) for n in range(3)]
        client.execute(said, source=POLICIES)
    lose_policies(settings)
    late = [AdvanceTime(at=THEN, command_id=f"late-{n}", msisdn=other) for n in range(5)]
    send(settings, settings.policies, *late)
    # Another's mirrors: only the answers tell which topic had been answered.
    elsewhere = new_log(prefix=settings.prefix, mirrors=tmp_path / "elsewhere")
    with writing(elsewhere, watch=(told := Told())):
        assert told.replaced == [0]
        looked_after(elsewhere, number)
    assert [one for one in answers(settings) if one[0] == POLICIES][3:] == [
        *((POLICIES, f"late-{n}", None) for n in range(5)),
        (POLICIES, "after", None),
    ]
