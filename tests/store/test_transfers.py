"""What arrived or came back had been sent, so, and once: or the verification says where."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.application.carrying_on import Following
from ledger.audit.findings import Report
from ledger.audit.transfer_halves import TransferHalves
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer, TopUp, TransferCredit
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from tests.given import NUMBER, OTHER, START, Story, at, rupiah

NOW = at(START) + 31 * DAY
GIFT = f"{NUMBER}#1/gift"
MINTED = 10**14


def received(**fields: Any) -> ReceiveCreditTransfer:
    said: dict[str, Any] = {
        "at": NOW,
        "command_id": f"policy/{GIFT}",
        "actor": "policy",
        "msisdn": OTHER,
        "transfer": GIFT,
        "from_account": f"{NUMBER}#1",
        "amount": MINTED,
        "fee": 0,
        "days": 0,
    }
    return ReceiveCreditTransfer(**(said | fields))


def two(story: Story) -> Story:
    story.given_active().given_active(number=OTHER)
    story.given(TopUp, at(START), credit=rupiah(100_000))
    return story.given(TopUp, NOW - DAY, msisdn=OTHER, credit=rupiah(10_000))


def found(story: Story) -> list[str]:
    return [str(finding) for finding in verify(story.path).findings]


def test_credit_that_nobody_sent_is_found(story: Story) -> None:
    two(story).say(received())
    assert story.outcome.status == "accepted"
    assert found(story) == [
        (
            f"stored_events {story.outcome.position} {OTHER}#1 version 4:"
            " no transfer was sent that it ends, or it had ended before"
        )
    ]


def test_credit_that_came_twice_is_found_whatever_its_id(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a release recorded it that did not look at how a transfer had ended."""
    monkeypatch.setattr(Following, "ended", lambda *_: None)
    two(story).given(TransferCredit, NOW, amount=rupiah(20_000), command_id="gift")
    assert found(story) == []
    story.say(received(command_id="policy/another", amount=rupiah(20_000)))
    assert [text.partition(": ")[2] for text in found(story)] == [
        "no transfer was sent that it ends, or it had ended before"
    ]


def test_credit_that_comes_back_and_was_not_sent_is_found(story: Story) -> None:
    two(story)
    forged = ReturnCreditTransfer(
        at=NOW,
        command_id=f"policy/return/{GIFT}",
        actor="policy",
        msisdn=NUMBER,
        transfer=GIFT,
        account=f"{NUMBER}#1",
        to_msisdn=OTHER,
        amount=MINTED,
        fee=0,
        refusal="grace",
    )
    story.ledger.execute([forged])
    assert [text.partition(": ")[2] for text in found(story)] == [
        "no transfer was sent that it ends, or it had ended before"
    ]


HEADER: dict[str, Any] = {
    "version": 3,
    "effective_at": NOW,
    "recorded_at": NOW,
    "terms": None,
    "clause": None,
    "command_id": "gift",
    "command_digest": None,
    "actor": "x",
    "postings": [],
}
SENT: dict[str, Any] = {
    "account": f"{NUMBER}#1",
    "transfer": GIFT,
    "to_msisdn": OTHER,
    "amount": 100,
    "fee": 5,
    "days": 3,
    "day": 1,
}
ARRIVED: dict[str, Any] = {
    "account": f"{OTHER}#1",
    "transfer": GIFT,
    "from_account": f"{NUMBER}#1",
    "amount": 100,
    "days": 3,
    "extension": None,
    "cap_days": None,
    "active_until": None,
}
BACK: dict[str, Any] = {
    "account": f"{NUMBER}#1",
    "transfer": GIFT,
    "to_msisdn": OTHER,
    "amount": 100,
    "fee": 5,
    "refusal": "grace",
    "to_breakage": False,
}
SENDING = CreditTransferSent(**HEADER, **SENT)
ARRIVAL = CreditTransferReceived(**HEADER, **ARRIVED)


@pytest.mark.parametrize(
    ("kind", "said", "otherwise", "what"),
    [
        (CreditTransferReceived, ARRIVED, {}, None),
        (CreditTransferReceived, ARRIVED, {"days": 0}, None),
        (CreditTransferReceived, ARRIVED, {"amount": 101}, "amount"),
        (CreditTransferReceived, ARRIVED, {"from_account": f"{NUMBER}#2"}, "sender"),
        (CreditTransferReceived, ARRIVED, {"account": f"{NUMBER}#1"}, "recipient"),
        (CreditTransferReceived, ARRIVED, {"days": 4}, "days"),
        (CreditTransferReturned, BACK, {}, None),
        (CreditTransferReturned, BACK, {"amount": 99}, "amount"),
        (CreditTransferReturned, BACK, {"fee": 6}, "fee"),
        (CreditTransferReturned, BACK, {"account": f"{NUMBER}#2"}, "sender"),
        (CreditTransferReturned, BACK, {"to_msisdn": NUMBER}, "recipient"),
    ],
)
@pytest.mark.parametrize("first", ["begun", "ended"])
def test_what_an_ending_says_otherwise_is_found_in_any_order(
    kind: Any, said: dict[str, Any], otherwise: dict[str, Any], what: str | None, first: str
) -> None:
    ending = kind(**HEADER, **(said | otherwise))
    pair = [(SENDING, "0:7"), (ending, "1:9")]
    transfers, report = TransferHalves(), Report("a log")
    faults = [
        fault
        for event, position in (pair if first == "begun" else reversed(pair))
        for fault in transfers.take(event, position)
    ]
    transfers.settle(report)
    assert report.clean
    assert report.in_transit == 0
    assert [fault.position for fault in faults] == (["1:9"] if what else [])
    assert all(fault.what.startswith(f"its {what} is ") for fault in faults)


def test_what_is_under_way_is_no_fault_and_what_ended_twice_is_one() -> None:
    transfers, report = TransferHalves(), Report("a log")
    assert not list(transfers.take(SENDING, "0:7"))
    transfers.settle(report)
    assert (report.clean, report.in_transit) == (True, 1)
    assert not [*transfers.take(ARRIVAL, "1:9"), *transfers.take(ARRIVAL, "1:10")]
    transfers.settle(report)
    assert [finding.position for finding in report.findings] == ["1:10"]
    assert report.in_transit == 0
