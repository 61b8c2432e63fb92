"""What only the ledger says does not overtake what was asked before it, and nothing is lost or turned round."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.commands import Command
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.entrypoints.kafka.ordering import Ordering
from ledger.store.kafka.connection import COMMANDS, POLICIES
from tests.given import NUMBER, START, at, rupiah
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.often import often


class Taken(NamedTuple):
    timestamp: int
    topic: str
    offset: int


def on(topic: str, instants: list[int]) -> list[Taken]:
    return [Taken(instant, topic, offset) for offset, instant in enumerate(sorted(instants))]


@often(200)
@given(st.lists(st.integers(0, 20), max_size=30), st.lists(st.integers(0, 20), max_size=30), st.data())
def test_any_polls_give_the_order_of_the_broker(asked: list[int], said: list[int], data: Any) -> None:
    commands, policies = on("commands", asked), on("policies", said)
    ordering, decided = Ordering(), list[Taken]()
    done = [0, 0]
    while done != [len(commands), len(policies)] or ordering.held:
        ends = [
            data.draw(st.integers(was, len(there)), label="polled to")
            for was, there in zip(done, (commands, policies), strict=True)
        ]
        if ends == done:
            ends = [len(commands), len(policies)]
        is_all = ends[0] == len(commands)
        decided += ordering.take(commands[done[0] : ends[0]], policies[done[1] : ends[1]], [is_all].pop)
        done = ends
    for topic, there in (("commands", commands), ("policies", policies)):
        assert [record for record in decided if record.topic == topic] == there
    for index, record in enumerate(decided):
        if record.topic == "policies":
            assert not [
                late
                for late in decided[index:]
                if late.topic == "commands" and late.timestamp <= record.timestamp
            ]


def test_a_closing_does_not_overtake_what_waits(new_log: NewLog) -> None:
    """Nobody serves while it is all sent: as after an outage, with a clock that went on."""
    log = new_log(partitions=1)
    start = at(START)
    opening: list[Command] = [
        IssueStarterPack(
            at=start,
            command_id="pack",
            msisdn=NUMBER,
            terms="smartfren-prepaid-2023",
            printed_credit=rupiah(5000),
            valid_until=30_000,
        ),
        Activate(
            at=start,
            command_id="act",
            msisdn=NUMBER,
            channel="app",
            customer="customer-1",
            registration="verified",
        ),
    ]
    waiting: list[Command] = [
        TopUp(
            at=start + index,
            command_id=f"t{index}",
            msisdn=NUMBER,
            credit=rupiah(5000),
            price=1,
            channel="app",
        )
        for index in range(1000)
    ]
    hour = start + 3_600_000_000
    close = CloseThrough(at=hour, command_id="clock/1", actor="clock", msisdn="log@0", through=hour)
    with writing(log), connected(log) as client:
        assert [outcome.code for outcome in client.execute(opening)] == [None, None]
    with connected(log) as client:
        client._send(waiting, COMMANDS)
        client._send([close], POLICIES)
        with writing(log):
            again = client.execute(waiting)
            (closed,) = client.execute([close], source=POLICIES)
    assert {(outcome.status, outcome.code) for outcome in again} == {("repeated", None)}
    assert (closed.status, closed.code) == ("repeated", None)
