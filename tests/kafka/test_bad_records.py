"""Records on the commands topic that are no commands: each is answered or set aside, and the rest goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from ledger.application import carrying_out
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import GiveConsent, RegisterCustomer, WithdrawConsent
from ledger.domain.line.commands import AdvanceTime, LineCommand, MigrateTerms
from ledger.domain.prepaid.commands import Activate, AdjustCredit, IssueStarterPack, TopUp
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import ReplyRecords
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.entrypoints.kafka import on_kafka
from tests.given import NUMBER, OTHER, POLICIES, SP23, START, at, day
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, seen

T = at(START)


def command(kind: type[Command] = AdvanceTime, **fields: Any) -> Command:
    said: dict[str, Any] = {"at": T, "command_id": "1", "msisdn": NUMBER}
    return kind(**(said | fields))


def wire(settings: KafkaSettings, asked: Command, *, stated_at: bool = True) -> bytes:
    codec = Codec()
    state = codec.command_state(asked, codec.command_content(asked), stated_at=stated_at)
    value = schema_ids(settings).to_wire(settings.commands, state)
    assert value is not None
    return value


def send(settings: KafkaSettings, *records: tuple[bytes | None, bytes | None, int]) -> None:
    """Puts (key, value, partition) on the commands topic, as any client could."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for key, value, partition in records:
        producer.send(settings.commands, value, key, [], partition)
    producer.flush()
    producer.close()


def answers(settings: KafkaSettings) -> list[tuple[str, str | None]]:
    replies = ReplyRecords(settings.replies, schema_ids(settings), Codec())
    read = [replies.read(record.value, record.headers) for record in committed(settings, settings.replies)]
    return [(reply.outcome.command_id, reply.outcome.code) for reply in sorted(read, key=lambda r: r.offset)]


def barrier(settings: KafkaSettings) -> None:
    """Returns once all that was sent before has been answered, and the partitions go on."""
    with connected(settings) as client:
        numbers = {partition_of(str(n), client.partitions): str(n) for n in range(6299_0000, 6299_0100)}
        outcomes = client.execute(
            [command(command_id="last", msisdn=number, at=T) for number in numbers.values()]
        )
    assert {outcome.status for outcome in outcomes} == {"accepted"}


def test_what_does_not_decode_goes_to_the_dead_topic(new_log: NewLog) -> None:
    settings = new_log()
    key = NUMBER.encode()
    good = wire(settings, command())
    with writing(settings):
        send(
            settings,
            (key, b"not avro", 0),
            (key, None, 0),
            (None, b"", 0),
            (key, b"\0\0\0\0\1", 0),
            (key, good[:7], 0),
            (key, b"\0\x7f\xff\xff\xff" + good[5:], 0),
            (key, good + b"\0", 0),
            (key, good, 0),
        )
        barrier(settings)
    assert answers(settings) == [("", "defect")] * 7 + [("1", None), ("last", None)]
    dead = list(committed(settings, settings.dead))
    assert [record.value for record in dead][:3] == [b"not avro", None, b""]
    assert all(dict(record.headers)["ledger_reason"] for record in dead)
    assert dict(dead[0].headers)["ledger_command_position"] == b"0:0"


def test_a_key_that_is_not_the_subject_and_a_partition_that_is_not_the_keys(new_log: NewLog) -> None:
    settings = new_log(partitions=2)
    right = partition_of(NUMBER, 2)
    value = wire(settings, command())
    with writing(settings):
        send(settings, (OTHER.encode(), value, right), (NUMBER.encode(), value, 1 - right))
        send(settings, (None, value, right), (NUMBER.encode(), value, right))
        barrier(settings)
    assert sorted(answers(settings), key=str)[:4] == [("1", "invalid")] * 3 + [("1", None)]
    assert not list(committed(settings, settings.dead))


def test_values_that_no_entry_point_lets_through(new_log: NewLog) -> None:
    settings = new_log()
    bad = [
        command(TopUp, credit=-5, price=0, channel="web"),
        command(TopUp, credit=10**16, price=0, channel="web"),
        command(AdjustCredit, amount=0, reason="r", approved_by="staff-2"),
        command(Activate, channel="x", customer="c", registration="perhaps"),
        command(command_id=""),
        command(TopUp, command_id="due/1", credit=5, price=0, channel="web"),
        command(msisdn="0881"),
        command(at=2**60),
        command(MigrateTerms, terms="unheard-of"),
    ]
    with writing(settings):
        send(settings, *((asked.subject.encode(), wire(settings, asked), 0) for asked in bad))
        send(settings, (NUMBER.encode(), wire(settings, command(), stated_at=False), 0))
        barrier(settings)
    assert [code for _, code in answers(settings)] == ["invalid"] * 10 + [None]


def test_a_live_log_takes_the_brokers_time_only(new_log: NewLog) -> None:
    settings = new_log(clock="live")
    with writing(settings):
        send(settings, (NUMBER.encode(), wire(settings, command()), 0))
        with connected(settings) as client:
            pack = command(
                IssueStarterPack,
                terms=SP23,
                printed_credit=0,
                valid_until=day("2190-12-31"),
                command_id="2",
            )
            (outcome,) = client.execute([pack])
    (stated, appended) = committed(settings, settings.commands)
    assert answers(settings) == [("1", "invalid"), ("2", None)]
    assert outcome.at == appended.timestamp * 1000
    del stated


def test_a_command_that_makes_the_code_fail(new_log: NewLog, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = new_log()
    decide = carrying_out.decide

    def fails(line: Any, asked: LineCommand) -> None:
        if asked.command_id == "bad":
            raise ZeroDivisionError("the rule divides by nothing")
        decide(line, asked)

    monkeypatch.setattr("ledger.application.carrying_out.decide", fails)
    pack = command(IssueStarterPack, terms=SP23, printed_credit=0, valid_until=day("2030-12-31"))
    others = [command(command_id=str(n), msisdn=OTHER) for n in range(2, 5)]
    with writing(settings), connected(settings) as client:
        outcomes = client.execute([pack, others[0], command(command_id="bad"), *others[1:]])
        again = client.execute([pack])
    assert [outcome.code for outcome in outcomes] == [None, None, "defect", None, None]
    assert again[0].status == "repeated"
    (dead,) = committed(settings, settings.dead)
    assert b"ZeroDivisionError" in dict(dead.headers)["ledger_reason"]
    assert f"{NUMBER}#1" in seen(settings).accounts


def test_what_was_done_before_under_another_id_is_journaled_like_any_command(
    new_log: NewLog, tmp_path: Path
) -> None:
    settings, customer = new_log(), "customer/c-1"
    policy: dict[str, Any] = {
        "terms": "privacy-smarty",
        "fields": ["name"],
        "digest": "ab" * 32,
        "source": "gallery",
    }
    agreed: dict[str, Any] = {"customer": customer, "purpose": "offers", "channel": "care"}
    said: list[Command] = [
        RegisterCustomer(at=T, command_id="r", customer=customer, **policy),
        *(GiveConsent(at=T, command_id=name, **agreed) for name in ("g1", "g2")),
        WithdrawConsent(at=T, command_id="w", **agreed),
    ]
    with writing(settings, POLICIES.values()), connected(settings) as client:
        outcomes = client.execute(said)
    assert [one.status for one in outcomes] == ["accepted", "accepted", "repeated", "accepted"]
    pulsa = on_kafka(tmp_path, settings)
    assert pulsa.json("log", "verify")[0]["clean"]
    assert [one["command_id"] for one in pulsa.json("log", "journal")] == ["r", "g1", "g2", "w"]
