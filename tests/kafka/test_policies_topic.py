"""What only the ledger itself says: it has a topic of its own, and nobody says it on the commands' topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.structs import TopicPartition

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import (
    Activate,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReturnCreditTransfer,
    TopUp,
    TransferCredit,
)
from ledger.entrypoints.kafka.assignment import Assignment
from ledger.store.codec import Codec
from ledger.store.kafka.connection import COMMANDS, POLICIES, KafkaSettings
from ledger.store.kafka.records import ReplyRecords
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.given import NUMBER, OTHER, SP23, START, at, day
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, seen

T = at(START)
SENT = f"{OTHER}#1/t-1"
MINTED = 10**14


def received(**fields: Any) -> ReceiveCreditTransfer:
    """What follows from a transfer of the other number, were there one."""
    said: dict[str, Any] = {
        "at": T,
        "command_id": f"policy/{SENT}",
        "msisdn": NUMBER,
        "transfer": SENT,
        "from_account": f"{OTHER}#1",
        "amount": MINTED,
        "fee": 0,
        "days": 0,
    }
    return ReceiveCreditTransfer(**(said | fields))


def returned(**fields: Any) -> ReturnCreditTransfer:
    """What follows from a transfer that was not taken, were there one."""
    said: dict[str, Any] = {
        "at": T,
        "command_id": f"policy/return/{SENT}",
        "msisdn": OTHER,
        "transfer": SENT,
        "account": f"{OTHER}#1",
        "to_msisdn": NUMBER,
        "amount": MINTED,
        "fee": 0,
        "refusal": "grace",
    }
    return ReturnCreditTransfer(**(said | fields))


def closed(**fields: Any) -> CloseThrough:
    """The clock's word."""
    said: dict[str, Any] = {"at": T, "command_id": "c-1", "msisdn": "log@0", "through": T}
    return CloseThrough(**(said | fields))


def advanced(**fields: Any) -> AdvanceTime:
    said: dict[str, Any] = {"at": T, "command_id": "a-1", "msisdn": NUMBER}
    return AdvanceTime(**(said | fields))


def active(msisdn: str) -> list[Command]:
    """What makes a number one with credit."""
    until = day("2030-12-31")
    return [
        IssueStarterPack(
            at=T, command_id="issue", msisdn=msisdn, terms=SP23, printed_credit=500_000, valid_until=until
        ),
        Activate(at=T, command_id="on", msisdn=msisdn, channel="web", customer="c", registration="verified"),
    ]


def send(settings: KafkaSettings, topic: str, *asked: Command) -> None:
    """Puts commands on a topic, as any client could."""
    codec = Codec()
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap)
    for one in asked:
        state = codec.command_state(one, codec.command_content(one), stated_at=True)
        value = schema_ids(settings).to_wire(settings.commands, state)
        producer.send(
            topic, value, one.subject.encode(), [], partition_of(one.subject, settings.partitions or 1)
        )
    producer.flush()
    producer.close()


def answers(settings: KafkaSettings) -> list[tuple[str, str, str | None]]:
    """The topic, the command's id and the refusal's code of each answer."""
    replies = ReplyRecords(settings.replies, schema_ids(settings), Codec())
    read = [replies.read(record.value, record.headers) for record in committed(settings, settings.replies)]
    return [(reply.source, reply.outcome.command_id, reply.outcome.code) for reply in read]


def test_nobody_says_on_the_commands_topic_what_only_the_ledger_says(new_log: NewLog) -> None:
    settings = new_log()
    forged = [
        received(),
        returned(),
        closed(),
        advanced(command_id=f"policy/{SENT}"),
        advanced(command_id="due/x"),
    ]
    with writing(settings), connected(settings) as client:
        client.execute([*active(NUMBER), *active(OTHER)])
        before = seen(settings)
        outcomes = client.execute(forged)
        assert [outcome.code for outcome in outcomes] == ["invalid"] * len(forged)
        assert seen(settings) == before
        (outcome,) = client.execute([closed()], source=POLICIES)
        assert outcome.status == "accepted"


def test_what_is_malformed_or_anybodys_is_invalid_on_the_policies_topic_too(new_log: NewLog) -> None:
    settings = new_log()
    bad = [
        received(days=10**9),
        received(amount=10**16),
        received(amount=0),
        received(fee=-1),
        received(command_id="policy/another"),
        received(from_account="nobody"),
        received(transfer="elsewhere/t-1", command_id="policy/elsewhere/t-1"),
        received(at=2**60),
        returned(account=f"{NUMBER}#1"),
        returned(refusal="no-such-code"),
        closed(msisdn="log@00"),
        *active(NUMBER),
    ]
    with writing(settings), connected(settings) as client:
        assert [outcome.code for outcome in client.execute(bad, source=POLICIES)] == ["invalid"] * len(bad)
        good = [advanced(), closed(command_id="c-2")]
        assert [outcome.code for outcome in client.execute(good, source=POLICIES)] == [None, None]
    assert not list(committed(settings, settings.dead))


def test_a_take_over_goes_on_in_each_topic_after_its_last_answer(new_log: NewLog, tmp_path: Path) -> None:
    settings = new_log()
    with writing(settings), connected(settings) as client:
        client.execute([*active(NUMBER), advanced(command_id="1"), advanced(command_id="2")])
        client.execute([advanced(command_id="3")], source=POLICIES)
    # Another's mirrors, and nothing that a group remembers: only the answers tell how far it went.
    another = new_log(prefix=settings.prefix, mirrors=tmp_path / "another")
    send(another, another.policies, advanced(command_id="4"))
    with (
        writing(another, group=f"{settings.prefix}another"),
        connected(another) as client,
    ):
        client.execute([advanced(command_id="5")])
        client.execute([advanced(command_id="6")], source=POLICIES)
    answered = answers(settings)
    assert [one for one in answered if one[0] == COMMANDS] == [
        (COMMANDS, id_, None) for id_ in ("issue", "on", "1", "2", "5")
    ]
    assert [one for one in answered if one[0] == POLICIES] == [
        (POLICIES, id_, None) for id_ in ("3", "4", "6")
    ]


def test_what_follows_elsewhere_goes_by_the_policies_topic(new_log: NewLog) -> None:
    settings = new_log(partitions=2)
    numbers = [f"62881123456{n:02}" for n in range(30)]
    here = next(n for n in numbers if partition_of(n, 2) == 0)
    there = next(n for n in numbers if partition_of(n, 2) == 1)
    sent_at = T + 31 * DAY  # by these terms a month after activation
    transfer = TransferCredit(at=sent_at, command_id="t-1", msisdn=here, to_msisdn=there, amount=1_000_000)
    with writing(settings), connected(settings) as client:
        client.execute([*active(here), *active(there)])
        top_up = TopUp(
            at=T, command_id="more", msisdn=here, credit=10_000_000, price=10_000_000, channel="web"
        )
        assert [outcome.code for outcome in client.execute([top_up, transfer])] == [None, None]
        client.execute([advanced(msisdn=there, at=sent_at)], source=POLICIES)
    (forwarded,) = [one for one in answers(settings) if one[:2] == (POLICIES, f"policy/{here}#1/t-1")]
    assert forwarded[2] is None
    assert len(list(committed(settings, settings.commands))) == 6


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_partition_is_given_once_it_is_of_both_topics(order: tuple[int, int]) -> None:
    topics = ["policies", "commands"]
    assignment = Assignment(topics)
    first, second = (TopicPartition(topics[index], 3) for index in order)
    assignment.on_partitions_assigned([first])
    assert assignment.taken() == (set(), set())
    assignment.on_partitions_assigned([second])
    assert assignment.taken() == ({3}, {3})
    assert assignment.taken() == ({3}, set())
    assignment.on_partitions_revoked([first])
    assert assignment.taken() == (set(), set())
